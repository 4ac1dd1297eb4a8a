"""Field selectors: a few named fields compared as text (k8s.io/apimachinery/pkg/fields)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podling.api.gotext import quote
from podling.api.kinds import Kind

from .requirement import SelectorError

_METADATA = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison of a field's text."""

    field: str
    value: str
    equal: bool = True

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
        return f"{self.field}{'=' if self.equal else '!='}{escaped}"


class FieldSelector:
    """All of several comparisons; none at all selects everything. A field that an object lacks has the empty text."""

    __slots__ = ("terms",)

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms = tuple(terms)

    @property
    def is_everything(self) -> bool:
        return not self.terms

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all((fields.get(term.field, "") == term.value) == term.equal for term in self.terms)

    def exact(self, name: str) -> str | None:
        """The one value that the field must have, where that is so; for looking up an index."""
        for term in self.terms:
            if term.field == name and term.equal:
                return term.value
        return None

    def check(self, kind: Kind) -> None:
        """Raises SelectorError for a field that the kind does not let select by."""
        for term in self.terms:
            if term.field in _METADATA or term.field in kind.selectable:
                continue
            if kind.selectable:
                raise SelectorError(f"field label not supported: {term.field}")
            known = ", ".join(map(quote, _METADATA))
            raise SelectorError(f"{quote(term.field)} is not a known field selector: only {known}")

    def renamed(self, names: Mapping[str, str]) -> FieldSelector:
        """The same comparisons on fields that another version calls differently."""
        return FieldSelector(
            Term(names.get(term.field, term.field), term.value, term.equal) for term in self.terms
        )

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))

    def __repr__(self) -> str:
        return f"<FieldSelector {str(self) or 'everything'}>"


EVERY_FIELD = FieldSelector(())

_SPLIT = re.compile(r"((?:[^\\,]|\\.|\\$)*)(?:,|$)", re.DOTALL)
_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)


def parse_fields(text: str) -> FieldSelector:
    """Read `spec.nodeName=a,status.phase!=Running`; commas, equals signs and backslashes in values are escaped by a backslash. Raises SelectorError."""
    if not text:
        return EVERY_FIELD
    terms = []
    for part in sorted(match[1] for match in _SPLIT.finditer(text)):
        if not part:
            continue
        match = _TERM.fullmatch(part)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        terms.append(Term(match[1], _unescape(match[3]), match[2] != "!="))
    return FieldSelector(terms)


def _unescape(value: str) -> str:
    if not any(char in value for char in "\\,="):
        return value
    out = []
    chars = iter(value)
    for char in chars:
        if char == "\\":
            escaped = next(chars, "")
            if escaped not in ("\\", ",", "="):
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            out.append(escaped)
        elif char in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(char)}")
        else:
            out.append(char)
    return "".join(out)
