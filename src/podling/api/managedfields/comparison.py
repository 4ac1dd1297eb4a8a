"""What a write changed: the fields that it added or modified, and those that it removed.

The rules are those of structured-merge-diff. A record or map is compared field by field, a `map` list item by item as its keys
say, a `set` list value by value; what is atomic, a scalar or empty on both sides is one field. Of something new or gone,
everything below counts, and so does it itself unless it is a record that Go holds by value and that hence was always there.

This module knows objects: what of them is never owned, and that only the parts that differ need to be walked, as plain
values. `walkers` has the walk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec

from podling.api import schema
from podling.api.object import Object
from podling.api.schema import ANYTHING, Schema

from .fieldset import EMPTY, FieldSet
from .walkers import ABSENT, Step, note, plain, steps


@dataclass(frozen=True, slots=True)
class Comparison:
    """`changed` holds what was added or modified."""

    changed: FieldSet
    removed: FieldSet

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


_DEDUCED_BODY: Final = schema.Record("unknown", given={})
UNCHANGED: Final = Comparison(EMPTY, EMPTY)
# Never owned by anybody: what names the object, and what only the server sets.
_OF_BODY: Final = frozenset(("apiVersion", "kind", "metadata"))
_OF_METADATA: Final = frozenset(
    (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)


def compare(before: Object | None, after: Object, *, node: Schema = ANYTHING) -> Comparison:
    """What became of an object; `before=None` is a create.

    `node` is the schema of a custom resource's body; without one the body is compared like free-form JSON.
    """
    changed: FieldSet = {}
    removed: FieldSet = {}
    above: FieldSet = {}
    gone: FieldSet = {}
    _compare_records(None if before is None else before.metadata, after.metadata, above, gone, _OF_METADATA)
    if above:
        changed["f:metadata"] = above
    if gone:
        removed["f:metadata"] = gone
    body = None if before is None else before.body
    if isinstance(after.body, dict):
        _compare_custom(body or {}, after.body, node, changed, removed)
    else:
        _compare_records(body, after.body, changed, removed, _OF_BODY)
    return Comparison(changed, removed) if changed or removed else UNCHANGED


def _compare_records(
    old: msgspec.Struct | None,
    new: msgspec.Struct,
    changed: FieldSet,
    removed: FieldSet,
    without: frozenset[str],
) -> None:
    """Walks into those fields of two Structs that differ."""
    for attribute, step in _top_steps(type(new), without):
        after = getattr(new, attribute)
        before = getattr(_zero(type(new)) if old is None else old, attribute)
        if before is not after and before != after:
            note(step, plain(before), plain(after), changed, removed)


def _compare_custom(
    old: dict[str, Any], new: dict[str, Any], node: Schema, changed: FieldSet, removed: FieldSet
) -> None:
    known = steps(node if isinstance(node, schema.Record) else _DEDUCED_BODY)
    for name in {**old, **new}:
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if before != after and name not in _OF_BODY:
            note(known[name], before, after, changed, removed)


@cache
def _top_steps(struct: type[msgspec.Struct], without: frozenset[str]) -> tuple[tuple[str, Step], ...]:
    record = schema.of(struct)
    return tuple(
        (field.attribute, steps(record)[name]) for name, field in record.fields.items() if name not in without
    )


@cache
def _zero(struct: type[msgspec.Struct]) -> msgspec.Struct:
    """The empty record of a type; shared, not to be changed."""
    return struct()
