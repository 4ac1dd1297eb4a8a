"""How plain JSON values are walked along a schema: one walker for every node, made once.

`full` lists all fields of a value, `diff` tells two values apart that are there and not equal. Both give what stands at the
value's path, so MEMBER for a leaf and never an empty set; `diff` gives None for nothing. What no schema describes is walked as
deduced: maps key by key, lists whole.

Every write goes through here, so the loops are flat and whatever can be known of a field beforehand is in its `Step`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from podling.api.schema import Anything, Field, ListOf, MapOf, OneOf, Record, Schema

from .fieldset import MEMBER, FieldSet, difference, key_element, value_element

Found: TypeAlias = "tuple[FieldSet | None, FieldSet | None]"
"""What changed and what was removed."""
Entries: TypeAlias = dict[str, Any]


ABSENT: Final = object()
"""The side of a field that is not there; None is JSON's null."""
_NO_RAW: Final = msgspec.Raw()


class Walker(Protocol):
    """What a node that is no leaf can do."""

    def full(self, value: Any) -> FieldSet: ...

    def diff(self, old: Any, new: Any) -> Found: ...


class Step(NamedTuple):
    """One field or element: its path element and, unless it is a leaf, its walker's functions."""

    element: str
    full: Callable[[Any], FieldSet] | None
    diff: Callable[[Any, Any], Found] | None
    always: Entries | None = None
    """What stands for an absent value, if Go holds it by value and so always has one."""


@cache
def walker(node: Schema) -> Walker | None:
    """The walker of a node; None if it is a leaf."""
    match node:
        case Record(atomic=False):
            return RecordWalker(node)
        case MapOf(value, atomic=False):
            return MapWalker(walker(value))
        case ListOf(item, "map" | "set" as list_type):
            return ListWalker(walker(item) if list_type == "map" else None, item_element(node))
        case Anything() | OneOf():
            return DEDUCED
    return None


@cache
def item_element(node: ListOf) -> Callable[[Any], str]:
    """What makes the path elements of the items of a `map` or `set` list."""
    return _Keys(node.keys, dict(node.key_defaults)) if node.list_type == "map" else value_element


class Steps(dict[str, Step]):
    """The fields of a record by JSON name, each prepared when it is first met; unknown ones are deduced."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def __missing__(self, name: str) -> Step:
        field = self._record.fields.get(name)
        if field is None:
            step = _step(f"f:{name}", DEDUCED)
        else:
            step = _step(f"f:{name}", walker(field.schema), always=_always(field))
        self[name] = step
        return step


def _step(element: str, inner: Walker | None, *, always: Entries | None = None) -> Step:
    if inner is None:
        return Step(element, None, None, always)
    return Step(element, inner.full, inner.diff, always)


def _always(field: Field) -> Entries | None:
    record = field.schema
    if not field.is_value or not isinstance(record, Record) or record.type is None:
        return None
    zero: Entries = plain(record.type())
    return zero


def plain(value: Any) -> Any:
    """A Struct or what one holds as plain JSON."""
    if value is None or value == _NO_RAW:
        return ABSENT
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    return msgspec.to_builtins(value, enc_hook=msgspec.json.decode)


@cache
def steps(record: Record) -> Steps:
    """The steps of a record."""
    return Steps(record)


def note(step: Step, old: Any, new: Any, changed: FieldSet, removed: FieldSet) -> None:
    """Writes down what became of one field, at least one side of which is there."""
    element, full, diff, always = step
    if always is not None:
        old = always if old is ABSENT or not old else old
        new = always if new is ABSENT or not new else new
    if old is ABSENT:
        changed[element] = MEMBER if full is None else full(new)
    elif new is ABSENT:
        removed[element] = MEMBER if full is None else full(old)
    elif old == new:
        return
    elif diff is None:
        changed[element] = MEMBER
    else:
        added, gone = diff(old, new)
        if added is not None:
            changed[element] = added
        if gone is not None:
            removed[element] = gone


class RecordWalker:
    """An object with known fields."""

    def __init__(self, record: Record) -> None:
        self._steps = steps(record)

    def full(self, value: Entries) -> FieldSet:
        known = self._steps
        found: FieldSet = {".": MEMBER}
        for name, sub in value.items():
            element, full, _, _ = known[name]
            found[element] = MEMBER if full is None else full(sub)
        return found if value else MEMBER

    def diff(self, old: Entries, new: Entries) -> Found:
        return diff_entries(self._steps, old, new)


class MapWalker:
    """A map from any key to values of one kind."""

    def __init__(self, inner: Walker | None) -> None:
        self._inner = inner

    def full(self, value: Entries) -> FieldSet:
        found: FieldSet = {".": MEMBER}
        for name, sub in value.items():
            found[f"f:{name}"] = MEMBER if self._inner is None else self._inner.full(sub)
        return found if value else MEMBER

    def diff(self, old: Entries, new: Entries) -> Found:
        known = {name: _step(f"f:{name}", self._inner) for name in {**old, **new}}
        return diff_entries(known, old, new)


class ListWalker:
    """A list whose items are told apart by their keys, or by what they are.

    Several items with one path element are one thing: nobody owns anything within, and any change to one is a change of all.
    """

    def __init__(self, inner: Walker | None, element_of: Callable[[Any], str]) -> None:
        self._inner = inner
        self._element_of = element_of

    def full(self, value: list[Any]) -> FieldSet:
        found: FieldSet = {".": MEMBER}
        for item in value:
            element = self._element_of(item)
            found[element] = MEMBER if element in found or self._inner is None else self._inner.full(item)
        return found if value else MEMBER

    def diff(self, old: list[Any], new: list[Any]) -> Found:
        before, after = self._index(old), self._index(new)
        if len(before) != len(old) or len(after) != len(new):
            return self._diff_repeated(self._grouped(old), self._grouped(new))
        known = {element: _step(element, self._inner) for element in {**before, **after}}
        return diff_entries(known, before, after)

    def _index(self, items: list[Any]) -> Entries:
        return {self._element_of(item): item for item in items}

    def _grouped(self, items: list[Any]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for item in items:
            found.setdefault(self._element_of(item), []).append(item)
        return found

    def _diff_repeated(self, before: dict[str, list[Any]], after: dict[str, list[Any]]) -> Found:
        changed: FieldSet = {}
        removed: FieldSet = {}
        for element in {**before, **after}:
            old, new = before.get(element, []), after.get(element, [])
            if old == new:
                continue
            if max(len(old), len(new)) == 1:
                step = _step(element, self._inner)
                note(step, (old or [ABSENT])[0], (new or [ABSENT])[0], changed, removed)
                continue
            if new:
                changed[element] = self.full(new)[element]
            if old and (len(old) == 1 or not new):
                removed[element] = self.full(old)[element]
        return changed or None, removed or None


class _Deduced:
    """A value that no schema describes."""

    def full(self, value: Any) -> FieldSet:
        return _DEDUCED_MAP.full(value) if isinstance(value, dict) else MEMBER

    def diff(self, old: Any, new: Any) -> Found:
        if isinstance(old, dict) and isinstance(new, dict):
            return _DEDUCED_MAP.diff(old, new)
        before, after = self.full(old), self.full(new)
        return after, difference({"f:": before}, {"f:": after}).get("f:")


DEDUCED: Final = _Deduced()
_DEDUCED_MAP: Final = MapWalker(DEDUCED)


def diff_entries(known: dict[str, Step], old: Entries, new: Entries) -> Found:
    """What changed from one object to another, entry by entry."""
    changed: FieldSet = {}
    removed: FieldSet = {}
    for name, after in new.items():
        before = old.get(name, ABSENT)
        if before is not after and before != after:
            note(known[name], before, after, changed, removed)
    for name, before in old.items():
        if name not in new:
            note(known[name], before, ABSENT, changed, removed)
    return changed or None, removed or None


class _Keys:
    """The path element of an item of a `map` list; a key that it lacks takes its default or is left out."""

    def __init__(self, names: tuple[str, ...], defaults: Entries) -> None:
        self._names = names
        self._defaults = defaults

    def __call__(self, item: Any) -> str:
        if not isinstance(item, dict):
            return value_element(item)
        return _key_text(
            self._names, tuple([item.get(name, self._defaults.get(name)) for name in self._names])
        )


@lru_cache(maxsize=1024)
def _key_text(names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return key_element({name: value for name, value in zip(names, values, strict=True) if value is not None})
