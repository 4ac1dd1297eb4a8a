"""Go's renderings of values, because Kubernetes' messages are written with them.

Clients and tests compare messages, so a name with a tab or a quote in it has to come out as Go's `%q` and a whole object as
`encoding/json` would write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .types.meta_v1 import LabelSelector

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str) -> str:
    """`strconv.Quote`: the text in double quotes, with everything that does not print escaped."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_escape, text))}"'


def _escape(char: str) -> str:
    known = _ESCAPES.get(char)
    if known is not None:
        return known
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(value: Any) -> str:
    """`encoding/json`: keys sorted, and `<`, `>`, `&` escaped as Go does for the sake of HTML."""
    text = msgspec.json.encode(value, order="deterministic").decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def label_selector(selector: LabelSelector) -> str:
    """`String()` of a LabelSelector, as Kubernetes' generated code writes it."""
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.match_labels or {}).items()))
    requirements = "".join(
        f"LabelSelectorRequirement{{Key:{item.key},Operator:{item.operator},Values:[{' '.join(item.values or ())}],}},"
        for item in selector.match_expressions or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{requirements}}},}}"
    )


def number(value: float) -> str:
    """`%v` of a number: integral floats without a point, large ones with an exponent of two digits."""
    if isinstance(value, int):
        return str(value)
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def verb_v(value: Any) -> str:
    """`%v` of decoded JSON: `map[a:1 b:[x y]]`, keys sorted."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"map[{' '.join(f'{key}:{verb_v(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(verb_v, value))}]"
        case int() | float():
            return number(value)
        case _:
            return str(value)
