"""Who owns which fields: how `metadata.managedFields` follows creates, updates and patches.

A write takes every field that it adds or changes, and takes it from everybody else; a field that it removes is nobody's. Each
owner is one entry: manager, operation, apiVersion and subresource tell entries apart, and the time of an entry is that of the
last write by which it took something. Of the entries of updates the ten newest are kept apart; older ones of one apiVersion are
merged into the manager `ancient-changes`. An object whose managedFields were emptied is not tracked any more.

The sources are k8s.io/apimachinery/pkg/util/managedfields and structured-merge-diff's `Updater.Update`. Apply stands on the same
comparison and sets and is `podling.api.apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from podling.api.object import Object
from podling.api.schema import ANYTHING, Schema
from podling.api.types.meta_v1 import ManagedFieldsEntry

from .comparison import Comparison, compare
from .fieldset import EMPTY, FieldSet, decode, difference, encode, parse, recursive_difference, union

Identity: TypeAlias = tuple[str, str, str, str]

_MAX_UPDATERS: Final = 10
_BUCKET: Final = "ancient-changes"
_MAX_NAME_BYTES: Final = 128
_EMPTIED: Final[tuple[list[ManagedFieldsEntry], ...]] = ([], [ManagedFieldsEntry()])


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, in which version, and through which door."""

    manager: str
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> Identity:
        return (self.manager or "unknown", "Update", self.api_version, self.subresource)


def manager_name(field_manager: str, user_agent: str) -> str:
    """The manager's name: the `fieldManager` parameter, else the program that the user agent names."""
    if field_manager:
        return field_manager
    printable = "".join(filter(str.isprintable, user_agent.partition("/")[0]))
    return printable.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")


def update(
    before: Object | None,
    after: Object,
    writer: Writer,
    *,
    time: str,
    reset: FieldSet = EMPTY,
    node: Schema = ANYTHING,
    in_version: Callable[[str], Comparison] | None = None,
) -> list[ManagedFieldsEntry] | None:
    """The managedFields of an object after a create (`before` is None), update or patch; nothing is changed in place.

    `time` is RFC 3339 in UTC. `reset` are the fields that this door leaves as they were (`from_paths("status")` for most kinds'
    main resource), which hence nobody comes to own by it. `node` is the schema of a custom resource's body. `in_version` compares
    before and after as objects of another apiVersion, for the entries of managers that wrote in that one; without it versions
    are taken to have the same fields.
    """
    entries = _given(before, after, writer.subresource)
    if before is not None and not entries:
        return None
    here = _without(compare(before, after, node=node), reset)
    if not here:
        return entries or None
    kept = []
    for entry in entries:
        elsewhere = in_version is not None and entry.api_version != writer.api_version
        there = _without(in_version(entry.api_version or ""), reset) if elsewhere and in_version else here
        if (rest := _less(entry, there)) is not None:
            kept.append(rest)
    if here.changed:
        _take(kept, _find(entries, writer.identity), writer, here, time)
    return ordered(_capped(kept)) or None


def identity(entry: ManagedFieldsEntry) -> Identity:
    """What tells entries apart; an applier is the same in every version."""
    operation = entry.operation or ""
    version = "" if operation == "Apply" else entry.api_version or ""
    return (entry.manager or "", operation, version, entry.subresource or "")


def fields_of(entry: ManagedFieldsEntry) -> FieldSet:
    """The fields an entry owns."""
    return decode(bytes(entry.fields_v1))


def same_owners(one: list[ManagedFieldsEntry], other: list[ManagedFieldsEntry]) -> bool:
    """Whether entries, from wherever, say the same as those of a stored object, whatever their times and order."""
    if len(one) != len(other):
        return False
    theirs = {identity(entry): entry for entry in other}
    return all(_says_the_same(entry, theirs.get(identity(entry))) for entry in one)


def _says_the_same(one: ManagedFieldsEntry, other: ManagedFieldsEntry | None) -> bool:
    if other is None or one.api_version != other.api_version:
        return False
    try:
        return one.fields_v1 == other.fields_v1 or parse(bytes(one.fields_v1)) == fields_of(other)
    except ValueError:
        return False


def with_fields(entry: ManagedFieldsEntry, fields: FieldSet) -> ManagedFieldsEntry:
    """A copy of an entry that owns these fields."""
    return msgspec.structs.replace(entry, fields_v1=msgspec.Raw(encode(fields)))


def _given(before: Object | None, after: Object, subresource: str) -> list[ManagedFieldsEntry]:
    """The entries to start from: the writer's own idea of them where it has a readable one, else those that are there.

    A client that knows nothing of managedFields does not delete them by that; sending an empty list or one empty entry does.
    """
    live = (before.metadata.managed_fields if before is not None else None) or []
    given = after.metadata.managed_fields
    if subresource or given is None or given == live:
        return live
    if given in _EMPTIED:
        return []
    try:
        return [with_fields(entry, _checked(entry)) for entry in given]
    except ValueError:
        return live


def _checked(entry: ManagedFieldsEntry) -> FieldSet:
    if entry.operation not in ("Apply", "Update") or not entry.api_version or entry.fields_type != "FieldsV1":
        raise ValueError("cannot read managed fields: not an entry of a known kind")
    return parse(bytes(entry.fields_v1))


def _without(comparison: Comparison, reset: FieldSet) -> Comparison:
    if not reset or not comparison:
        return comparison
    return Comparison(
        recursive_difference(comparison.changed, reset), recursive_difference(comparison.removed, reset)
    )


def _less(entry: ManagedFieldsEntry, comparison: Comparison) -> ManagedFieldsEntry | None:
    """The entry without what the write took or removed; None when nothing is left."""
    owned = fields_of(entry)
    rest = difference(difference(owned, comparison.changed), comparison.removed)
    if rest is owned:
        return entry
    return with_fields(entry, rest) if rest else None


def _find(entries: list[ManagedFieldsEntry], who: Identity) -> ManagedFieldsEntry | None:
    return next((entry for entry in entries if identity(entry) == who), None)


def _take(
    kept: list[ManagedFieldsEntry],
    own: ManagedFieldsEntry | None,
    writer: Writer,
    comparison: Comparison,
    time: str,
) -> None:
    """Puts the writer's own entry, as it is after the write, in the place of what was left of it."""
    if own is None:
        fields_v1 = msgspec.Raw(encode(comparison.changed))
    else:
        owned = fields_of(own)
        fields = union(difference(owned, comparison.removed), comparison.changed)
        fields_v1 = own.fields_v1 if fields is owned else msgspec.Raw(encode(fields))
    manager, operation, api_version, subresource = writer.identity
    kept[:] = [entry for entry in kept if identity(entry) != writer.identity]
    kept.append(
        ManagedFieldsEntry(
            manager=manager,
            operation=operation,
            api_version=api_version,
            time=time,
            fields_type="FieldsV1",
            fields_v1=fields_v1,
            subresource=subresource or None,
        )
    )


def _capped(entries: list[ManagedFieldsEntry]) -> list[ManagedFieldsEntry]:
    """At most ten entries of updates: the oldest of an apiVersion that has several go into its bucket."""
    updaters = sorted(
        (e for e in entries if e.operation == "Update"), key=lambda e: (e.time or "", identity(e))
    )
    surplus = len(updaters) - _MAX_UPDATERS
    if surplus <= 0:
        return entries
    managers = {identity(entry): entry for entry in entries}
    first: dict[str, Identity] = {}
    for entry in updaters:
        version = entry.api_version or ""
        if surplus <= 0:
            break
        if version not in first:
            first[version] = identity(entry)
            continue
        bucket = (_BUCKET, "Update", version, "")
        if bucket not in managers:
            managers[bucket] = _renamed(managers.pop(first[version]))
        both = union(fields_of(entry), fields_of(managers[bucket]))
        managers.pop(identity(entry), None)
        managers[bucket] = with_fields(
            msgspec.structs.replace(managers.get(bucket) or _renamed(entry), time=entry.time), both
        )
        surplus -= 1
    return list(managers.values())


def _renamed(entry: ManagedFieldsEntry) -> ManagedFieldsEntry:
    return msgspec.structs.replace(entry, manager=_BUCKET, subresource=None)


def ordered(entries: Iterable[ManagedFieldsEntry]) -> list[ManagedFieldsEntry]:
    """The entries in the order in which they are kept: appliers first, the older before the newer."""
    return sorted(entries, key=_order)


def _order(entry: ManagedFieldsEntry) -> tuple[str, str, str, str, str]:
    return (
        entry.operation or "",
        entry.time or "",
        entry.manager or "",
        entry.api_version or "",
        entry.subresource or "",
    )
