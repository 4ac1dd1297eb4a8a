"""One apply, from the live object and a configuration to the object to store and who owns what of it.

    merge -> prune -> compare with the live object, in every owner's version -> conflicts, or force -> new entries

The manager's entry is named by manager and subresource alone; of which version its fields are says its apiVersion. Its time
changes with the object, not with an apply that changes nothing. (`Updater.Apply` and the managers around it upstream)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from podling.api import codec, managedfields
from podling.api.kinds import Kind
from podling.api.levels import Level
from podling.api.managedfields import (
    Comparison,
    FieldSet,
    Identity,
    compare,
    difference,
    intersection,
    recursive_difference,
    union,
)
from podling.api.object import Object
from podling.api.schema import ANYTHING, Schema
from podling.api.types.meta_v1 import ManagedFieldsEntry

from . import lastapplied, shape
from .conflicts import Conflict, refusal
from .merging import merge
from .owned import nulls, owned
from .pruning import prune
from .versions import Versions

_BEFORE_FIRST_APPLY: Final = "before-first-apply"
_NOT_OWNED: Final = managedfields.from_paths(
    "apiVersion",
    "kind",
    "metadata",
    "metadata.name",
    "metadata.namespace",
    "metadata.creationTimestamp",
    "metadata.selfLink",
    "metadata.uid",
    "metadata.clusterName",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Applier:
    """Who applies, through which door, and whether conflicts are decided in their favour."""

    manager: str
    subresource: str = ""
    force: bool = False

    @property
    def identity(self) -> Identity:
        return (self.manager, "Apply", "", self.subresource)


@dataclass(frozen=True, slots=True)
class Context:
    """What is applied to: the kind in the request's version, the served level, the time, and what this door cannot set.

    `reset` are fields that hence nobody comes to own by this apply; `node` is the schema of a custom resource's body.
    """

    kind: Kind
    level: Level
    time: str
    reset: FieldSet = field(default_factory=dict)
    node: Schema = ANYTHING


@dataclass(frozen=True, slots=True)
class Applied:
    """The object to go on with, without managedFields and not yet defaulted, and its managedFields."""

    document: Document
    entries: list[ManagedFieldsEntry]


def onto(
    live: Document | None,
    entries: list[ManagedFieldsEntry],
    config: Document,
    applier: Applier,
    context: Context,
) -> Applied:
    """Apply a configuration that fits its schema (`typed.faults`); `live` is None when there is no object yet.

    `live` is in the version of `context.kind` and without managedFields, which are `entries`. Raises ApplyConflict, and
    BadRequest when what comes out is no object of the kind.
    """
    kind, root = context.kind, shape.root(context.kind, context.node)
    if live is not None and not entries:
        entries = _before_first_apply(live, applier, context)
    own = next((one for one in entries if managedfields.identity(one) == applier.identity), None)
    others = [one for one in entries if one is not own]
    wanted = recursive_difference(owned(config, root), context.reset)
    document = config if live is None else merge(live, config, root)
    if own is not None:
        document = prune(
            document,
            kind.api_version,
            last=managedfields.fields_of(own),
            last_version=own.api_version or "",
            owners=[
                (kind.api_version, wanted),
                *((one.api_version or "", managedfields.fields_of(one)) for one in others),
            ],
            kinds=Versions(kind, context.node),
        )
    kept = _others(live, document, others, nulls(config, root), applier=applier, context=context)
    fields = difference(wanted, _NOT_OWNED)
    if fields:
        is_same = live is not None and document == live
        time = (own.time if own is not None else None) if is_same else context.time
        kept.append(_entry(applier, kind.api_version, fields, time))
    if applier.manager == lastapplied.MANAGER:
        document = lastapplied.follow(document, config)
    return Applied(document, managedfields.ordered(kept))


def _others(
    live: Document | None,
    document: Document,
    others: list[ManagedFieldsEntry],
    emptied: FieldSet,
    *,
    applier: Applier,
    context: Context,
) -> list[ManagedFieldsEntry]:
    """The other managers' entries after the apply; raises ApplyConflict when it would take something from them."""
    if live is None or not others:
        return list(others)
    told = _comparisons(live, document, emptied, context)
    kept, conflicts = [], []
    for entry in sorted(others, key=managedfields.identity):
        comparison = told(entry.api_version or "")
        if comparison is None:
            continue
        fields = managedfields.fields_of(entry)
        if taken := intersection(fields, comparison.changed):
            conflicts.append(Conflict(entry, taken))
        rest = difference(difference(fields, taken), comparison.removed)
        if rest is fields:
            kept.append(entry)
        elif rest:
            kept.append(managedfields.with_fields(entry, rest))
    if conflicts and not applier.force:
        if applier.manager == lastapplied.MANAGER:
            conflicts = _unless_kubectls_own(conflicts, live, context)
        if conflicts:
            raise refusal(conflicts)
    return kept


def _unless_kubectls_own(conflicts: list[Conflict], live: Document, context: Context) -> list[Conflict]:
    allowed = lastapplied.allowed(live, context.kind, level=context.level, node=context.node)
    left = [Conflict(one.entry, difference(one.fields, allowed)) for one in conflicts]
    return [one for one in left if one.fields]


def _comparisons(
    live: Document, document: Document, emptied: FieldSet, context: Context
) -> Callable[[str], Comparison | None]:
    """What the apply changes, as seen in any version, each compared once; None for a version that is no more."""
    versions, here = Versions(context.kind, context.node), context.kind.api_version
    known: dict[str, Comparison | None] = {}

    def found(api_version: str) -> Comparison | None:
        if api_version not in known:
            known[api_version] = compared(api_version)
        return known[api_version]

    def compared(api_version: str) -> Comparison | None:
        row = versions.row(api_version)
        before, after = (versions.shown(one, here, api_version) for one in (live, document))
        if row is None or before is None or after is None:
            return None
        told = compare(codec.from_dict(row, before), codec.from_dict(row, after), node=context.node)
        changed = union(told.changed, intersection(told.removed, emptied))
        return Comparison(
            recursive_difference(changed, context.reset), recursive_difference(told.removed, context.reset)
        )

    return found


def _before_first_apply(live: Document, applier: Applier, context: Context) -> list[ManagedFieldsEntry]:
    """An object that nobody was said to own: all of it is then a manager's of that name."""
    obj: Object = codec.from_dict(context.kind, live)
    writer = managedfields.Writer(_BEFORE_FIRST_APPLY, context.kind.api_version, applier.subresource)
    return (
        managedfields.update(None, obj, writer, time=context.time, reset=context.reset, node=context.node)
        or []
    )


def _entry(applier: Applier, api_version: str, fields: FieldSet, time: str | None) -> ManagedFieldsEntry:
    return ManagedFieldsEntry(
        manager=applier.manager,
        operation="Apply",
        api_version=api_version,
        time=time,
        fields_type="FieldsV1",
        fields_v1=msgspec.Raw(managedfields.encode(fields)),
        subresource=applier.subresource or None,
    )
