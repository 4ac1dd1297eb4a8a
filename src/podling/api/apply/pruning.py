"""Taking away what a manager applied last time, does not apply now, and nobody else owns.

What is unowned stays, unless it lies in something that goes as a whole: with the last owned field of a record the record goes
and takes its defaults along. (structured-merge-diff, `RemoveItems` and `Updater.prune`)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from podling.api.managedfields import FieldSet, difference, intersection, union
from podling.api.schema import ListOf, MapOf, Record, Schema

from . import shape
from .owned import owned, with_named


class Versioned(Protocol):
    """A document in one version that can be had in others."""

    def shown(self, document: dict[str, Any], source: str, target: str) -> dict[str, Any] | None:
        """The document in another apiVersion; None where there is no such version any more."""

    def node(self, api_version: str) -> Schema:
        """The schema of a version."""


def without(value: Any, fields: FieldSet, node: Schema) -> Any:
    """The value without these fields; None when nothing of it is left."""
    node = shape.resolved(node, value)
    if isinstance(value, dict) and isinstance(node, Record | MapOf):
        return None if shape.is_leaf(node) else _without_entries(value, fields, node) or None
    if isinstance(value, list):
        is_items = isinstance(node, ListOf) and not shape.is_leaf(node)
        return _without_items(value, fields, node) or None if is_items else None  # type: ignore[arg-type]
    return value


def _without_entries(value: dict[str, Any], fields: FieldSet, node: Record | MapOf) -> dict[str, Any]:
    kept = {}
    for name, sub in value.items():
        below = fields.get(f"f:{name}")
        if below is None:
            kept[name] = sub
        elif below and "." not in below:
            kept[name] = without(sub, below, shape.field_node(node, name))
    return kept


def _without_items(value: list[Any], fields: FieldSet, node: ListOf) -> list[Any]:
    kept = []
    for element, item in shape.items(node, value):
        below = fields.get(element)
        if below is None:
            kept.append(item)
        elif below and "." not in below:
            kept.append(without(item, below, node.item))
    return kept


def prune(
    merged: dict[str, Any],
    version: str,
    *,
    last: FieldSet,
    last_version: str,
    owners: Iterable[tuple[str, FieldSet]],
    kinds: Versioned,
) -> dict[str, Any]:
    """The merged document in `version` without what is no longer wanted.

    `last` is what the manager owned up to now, in `last_version`; `owners` is what everybody owns after this apply (the manager
    what it applies now), each with the version that its fields are of.
    """
    managed: dict[str, FieldSet] = {}
    for owner_version, fields in owners:
        managed[owner_version] = union(managed.get(owner_version, {}), fields)
    if last_version == version and not _extra(last, managed.get(version, {}), kinds.node(version)):
        return merged
    whole = kinds.shown(merged, version, last_version)
    if whole is None:
        return merged
    last = with_named(last, kinds.node(last_version))
    pruned = without(whole, last, kinds.node(last_version)) or {}
    at = last_version
    for owner_version in sorted(managed, key=lambda one: one != last_version):
        whole_there = kinds.shown(whole, last_version, owner_version)
        pruned_there = kinds.shown(_headed(pruned, whole), at, owner_version)
        if whole_there is None or pruned_there is None:
            continue
        node = kinds.node(owner_version)
        kept = union(_named(pruned_there, node), with_named(managed[owner_version], node))
        pruned = without(whole_there, difference(_named(whole_there, node), kept), node) or {}
        at = owner_version
    pruned = kinds.shown(_headed(pruned, whole), at, last_version) or whole
    node = kinds.node(last_version)
    gone = intersection(difference(_named(whole, node), _named(pruned, node)), last)
    left = without(whole, gone, node) or {}
    return kinds.shown(_headed(left, whole), last_version, version) or merged


def _extra(last: FieldSet, managed: FieldSet, node: Schema) -> bool:
    """Whether something was owned that nobody owns now."""
    return bool(difference(with_named(last, node), with_named(managed, node)))


def _named(document: dict[str, Any], node: Schema) -> FieldSet:
    return with_named(owned(document, node), node)


def _headed(document: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """With the apiVersion and kind that a conversion needs."""
    return {**document, "kind": like["kind"], "metadata": document.get("metadata") or {}}
