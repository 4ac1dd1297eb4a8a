"""A configuration merged into a live value: the configuration wins field by field, and nothing is lost that it does not name.

Records and granular maps merge entry by entry, `map` lists item by item as their keys say, `set` lists value by value; everything
else is replaced. Null replaces a scalar and whatever is atomic or empty, but takes nothing out of a list or map that has
something in it: taking out is for `pruning` to do. (structured-merge-diff, typed/merge.go)
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, cast

from podling.api.schema import ListOf, MapOf, Record, Schema

from . import shape

_ABSENT: Final = object()


def merge(live: Any, config: Any, node: Schema) -> Any:
    """The merged value; neither argument is changed, parts of both are shared."""
    if shape.is_leaf(node) or not live:
        return config
    actual = shape.resolved(node, live)
    if config is None:
        return live if isinstance(live, dict | list) and not shape.is_leaf(actual) else None
    if isinstance(live, dict) and isinstance(config, dict):
        return _merge_entries(live, config, cast("Record | MapOf", actual))
    if isinstance(live, list) and isinstance(config, list) and isinstance(actual, ListOf):
        return config if actual.list_type == "atomic" else _merge_items(live, config, actual)
    return config


def _merge_entries(live: dict[str, Any], config: dict[str, Any], node: Record | MapOf) -> dict[str, Any]:
    merged = dict(live)
    for name, wanted in config.items():
        known = live.get(name, _ABSENT)
        merged[name] = wanted if known is _ABSENT else merge(known, wanted, shape.field_node(node, name))
    return merged


def _merge_items(live: list[Any], config: list[Any], node: ListOf) -> list[Any]:
    """The items of both: those in both as the configuration orders them, live ones where they stood among those.

    An item that the live list has twice is not merged with: the configuration's takes the place of all of them.
    """
    have = list(shape.items(node, live))
    want = list(shape.items(node, config))
    wanted = dict(want)
    counts: dict[str, int] = {}
    for element, _ in have:
        counts[element] = counts.get(element, 0) + 1
    by_element = {element: item for element, item in have if counts[element] == 1}
    shared = deque(element for element, _ in want if element in counts)
    done: set[str] = set()
    merged = []

    def take(element: str) -> None:
        done.add(element)
        if shared and shared[0] == element:
            shared.popleft()
        known = by_element.get(element, _ABSENT)
        item = wanted[element]
        merged.append(item if known is _ABSENT else merge(known, item, node.item))

    left = right = 0
    while left < len(have) or right < len(want):
        if left < len(have):
            element, item = have[left]
            is_last = right == len(want)
            if element not in wanted:
                merged.append(item)
                left += 1
                continue
            if not is_last and element != want[right][0] and shared and shared[0] != element:
                left += 1  # its turn comes where the configuration has it
                continue
            if is_last or element in done or element == want[right][0]:
                left += 1
        if right < len(want):
            take(want[right][0])
            right += 1
    return merged
