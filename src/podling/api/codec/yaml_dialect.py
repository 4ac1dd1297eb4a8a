"""YAML as Kubernetes reads and writes it, which is what JSON can hold.

PyYAML's C parser does the work. Its rules differ from those of Go's YAML library, which clients and servers of Kubernetes use,
so this module has its own: there are no dates and no base-60 numbers, `1e3` is a number, keys become text, a key given twice is
an error, and a document whose aliases would unfold without bound is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from .malformed import Malformed

_MAX_NODES = 1_000_000
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$")
_FLOAT = re.compile(
    r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
)
_NUMBER_STARTS = list("-+.0123456789")

Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


def _resolvers(of: type[yaml.resolver.Resolver], *, without: tuple[str, ...]) -> Resolvers:
    """PyYAML's rules for plain scalars, some of them exchanged for Go's."""
    kept: Resolvers = {
        start: [(tag, pattern) for tag, pattern in rules if tag.removeprefix(_TAG) not in without]
        for start, rules in of.yaml_implicit_resolvers.items()
    }
    for start in _NUMBER_STARTS:
        kept.setdefault(start, [])[:0] = [(f"{_TAG}int", _INT), (f"{_TAG}float", _FLOAT)]
    return kept


class _Loader(yaml.CSafeLoader):
    repeated: list[str] | None = None
    """Where keys given twice are told about instead of refused."""
    yaml_implicit_resolvers = _resolvers(yaml.CSafeLoader, without=("int", "float", "timestamp"))

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        return super().construct_object(node, deep=True)


class _Dumper(yaml.CSafeDumper):
    # Reads more kinds of numbers into plain text than the loader: what any YAML reader might take for one is quoted.
    yaml_implicit_resolvers = _resolvers(yaml.CSafeDumper, without=())

    def ignore_aliases(self, data: Any) -> bool:
        return True


def load_all(text: str | bytes, *, name: str, repeated: list[str] | None = None) -> list[dict[str, Any]]:
    """See `podling.api.codec.yaml_load_all`."""
    try:
        return list(_documents(text, repeated))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise Malformed(f"{name}: {line}{error.problem}") from error
    except yaml.reader.ReaderError as error:
        raise Malformed(f"{name}: line {_line(text, error.position)}: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name}: {error}") from error


def dump(value: Any) -> str:
    """See `podling.api.codec.yaml_dump`."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=2**31 - 1
    )
    return text


def _documents(text: str | bytes, repeated: list[str] | None) -> Iterator[dict[str, Any]]:
    loader = _Loader(text)
    loader.repeated = repeated
    aliased = (b"*" if isinstance(text, bytes) else "*") in text  # type: ignore[operator]
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None, "check_node promised one"
            if aliased:
                _refuse_bombs(node)
            document = loader.construct_document(node)
            if document is None:
                continue
            if not isinstance(document, dict):
                raise yaml.MarkedYAMLError(
                    problem="a document must be a mapping", problem_mark=node.start_mark
                )
            yield document
    finally:
        loader.dispose()


def _refuse_bombs(root: yaml.Node) -> None:
    """Counts the nodes as if every alias were written out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        sizes[id(node)] = 1
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        sizes[id(node)] = 1 + sum(map(size, children))
        if sizes[id(node)] > _MAX_NODES:
            raise yaml.MarkedYAMLError(
                problem="document contains excessive aliasing", problem_mark=root.start_mark
            )
        return sizes[id(node)]

    size(root)


def _line(text: str | bytes, position: int) -> int:
    newline = b"\n" if isinstance(text, bytes) else "\n"
    return text[:position].count(newline) + 1  # type: ignore[arg-type]


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, int] = {}
    for key_node, _ in node.value:
        key = _key(loader, key_node)
        if key in seen and key_node.tag != f"{_TAG}merge":
            if loader.repeated is not None:
                loader.repeated.append(f'line {key_node.start_mark.line + 1}: key "{key}" already set in map')
                continue
            problem = f'key "{key}" already set in map at line {seen[key]}'
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        seen[key] = key_node.start_mark.line + 1
    loader.flatten_mapping(node)
    return {_key(loader, key): loader.construct_object(value) for key, value in node.value}


def _key(loader: _Loader, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=node.start_mark)
    if node.tag == f"{_TAG}merge":
        return "<<"
    value = loader.construct_object(node)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    if re.fullmatch(r"[-+]?0[0-7]+", text):
        return int(text, 8)
    return int(text, 10 if text.lstrip("+-").isdigit() else 0)


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    if node.value[-1].isalpha():
        raise yaml.MarkedYAMLError(problem=f"JSON has no number {node.value}", problem_mark=node.start_mark)
    return float(node.value)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_CONSTRUCTORS: dict[str, Callable[[_Loader, Any], Any]] = {
    "map": _mapping,
    "int": _integer,
    "float": _number,
    "timestamp": _text,
}
for _name, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(f"{_TAG}{_name}", _constructor)
for _name in ("binary", "omap", "pairs", "set"):
    del _Loader.yaml_constructors[f"{_TAG}{_name}"]


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"{_TAG}str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
