"""Merging two lists for a strategic merge patch, and the order that comes out.

Items of the patch keep the patch's order, items that only the document has keep the document's, and the two are interleaved by where the
document had them (k8s.io/design-proposals preserve-order-in-strategic-merge-patch).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podling.api import errors
from podling.api.gotext import verb_v

from .directives import MARKER, ORDER, without_directives

MergeItem = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def holds_maps(*parts: list[Any]) -> bool:
    """Whether the items are objects. Raises for lists of lists and for lists that mix objects and scalars."""
    items = [item for part in parts for item in part]
    if any(isinstance(item, list) for item in items):
        raise errors.UnprocessablePatch("lists of lists are not supported")
    maps = [isinstance(item, dict) for item in items]
    if any(maps) and not all(maps):
        raise errors.BadRequest(f"list element types are not identical: {verb_v(items)}")
    return any(maps)


def merge_scalars(old: list[Any], new: list[Any]) -> list[Any]:
    """Both lists' values, each once."""
    both: list[Any] = []
    for item in (*old, *new):
        if item not in both:
            both.append(item)
    return in_order(both, new, old, "")


def remove_scalars(old: list[Any], gone: list[Any]) -> list[Any]:
    return [item for item in old if item not in gone]


def merge_maps(old: list[Any], new: list[Any], merge_key: str, merge_item: MergeItem) -> list[Any]:
    """Items with the same merge key merged, others added; `$patch` in an item drops its namesake or the whole old list."""
    if not merge_key:
        raise errors.BadRequest("cannot merge lists without merge key for type struct")
    kept, additions = _by_directives(old, new, merge_key)
    merged = list(kept)
    for item in additions:
        key = _key(item, merge_key)
        at = _position(merged, key, merge_key)
        if at is None:
            merged.append(without_directives(item))
        else:
            merged[at] = merge_item(merged[at], item)
    return in_order(merged, additions, kept, merge_key)


def _by_directives(old: list[Any], new: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """What is left of the old items, and what is to be merged into them."""
    kept = old
    plain: list[Any] = []
    replaced = False
    for item in new:
        match item.get(MARKER):
            case None:
                plain.append(item)
            case "delete":
                key = _key(item, merge_key)
                kept = [other for other in kept if other.get(merge_key) != key]
            case "replace":
                replaced = True
            case "merge":
                raise errors.BadRequest("merging lists cannot yet be specified in the patch")
            case other:
                raise errors.BadRequest(f"unknown patch type: {verb_v(other)} in map: {verb_v(item)}")
    if replaced:
        return [without_directives(item) for item in plain], []
    return kept, plain


def check_order(new: list[Any], order: list[Any], merge_key: str) -> None:
    """The patch's items must stand in the order that the patch itself gives, and be named there. Raises BadRequest."""
    if not new or not order:
        return
    wanted = [_identity(item, merge_key) for item in order]
    at = 0
    for item in new:
        if isinstance(item, dict) and MARKER in item:
            continue
        try:
            at = wanted.index(_identity(item, merge_key), at) + 1
        except ValueError:
            raise errors.BadRequest(
                f"The order in patch list:\n{verb_v(new)}\n doesn't match {ORDER} list:\n{verb_v(order)}\n"
            ) from None


def in_order(merged: list[Any], order: list[Any], old: list[Any], merge_key: str) -> list[Any]:
    """The items named in `order` in that order, the others in the order of `old`, interleaved by `old`."""
    ranks = [_identity(item, merge_key) for item in order]
    places = [_identity(item, merge_key) for item in old]
    named = [item for item in merged if _identity(item, merge_key) in ranks]
    others = [item for item in merged if _identity(item, merge_key) not in ranks]
    named.sort(key=lambda item: ranks.index(_identity(item, merge_key)))
    others.sort(key=lambda item: _index(places, _identity(item, merge_key)))
    return _interleave(others, named, places, merge_key)


def _interleave(others: list[Any], named: list[Any], places: list[Any], merge_key: str) -> list[Any]:
    result: list[Any] = []
    waiting = list(reversed(others))
    for item in named:
        at = _index(places, _identity(item, merge_key))
        while waiting and at < len(places) and _index(places, _identity(waiting[-1], merge_key)) < at:
            result.append(waiting.pop())
        result.append(item)
    return result + waiting[::-1]


def _index(places: list[Any], identity: Any) -> int:
    return places.index(identity) if identity in places else len(places)


def _identity(item: Any, merge_key: str) -> Any:
    return _key(item, merge_key) if merge_key else item


def _key(item: Any, merge_key: str) -> Any:
    if not isinstance(item, dict) or merge_key not in item:
        raise errors.BadRequest(f"map: {verb_v(item)} does not contain declared merge key: {merge_key}")
    return item[merge_key]


def _position(items: list[Any], key: Any, merge_key: str) -> int | None:
    for index, item in enumerate(items):
        if item.get(merge_key) == key:
            return index
    return None
