"""Sets of fields: held against plain sets of paths."""

from __future__ import annotations

import json
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import managedfields
from podling.api.managedfields import FieldSet, fieldset

Path: TypeAlias = tuple[str, ...]


def tree_of(paths: frozenset[Path]) -> FieldSet:
    found: FieldSet = {}
    for head in sorted({path[0] for path in paths}):
        below = frozenset(path[1:] for path in paths if path[0] == head and len(path) > 1)
        node = tree_of(below)
        if (head,) in paths and below:
            node = {".": {}, **node}
        found[head] = node
    return found


def paths_of(tree: FieldSet, prefix: Path = ()) -> frozenset[Path]:
    found: set[Path] = set()
    for element, node in tree.items():
        if element == ".":
            found.add(prefix)
            continue
        path = (*prefix, element)
        found |= {path} if not node else paths_of(node, path)
    return frozenset(found)


ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.frozensets(st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple), max_size=8)


@given(PATHS)
def test_a_tree_says_the_same_as_its_paths(paths: frozenset[Path]) -> None:
    assert paths_of(tree_of(paths)) == paths
    assert all(fieldset.has(tree_of(paths), *path) for path in paths)


@given(PATHS, PATHS)
def test_union(one: frozenset[Path], other: frozenset[Path]) -> None:
    assert paths_of(managedfields.union(tree_of(one), tree_of(other))) == one | other


@given(PATHS, PATHS)
def test_difference_takes_single_paths(one: frozenset[Path], other: frozenset[Path]) -> None:
    assert paths_of(managedfields.difference(tree_of(one), tree_of(other))) == one - other


@given(PATHS, PATHS)
def test_intersection(one: frozenset[Path], other: frozenset[Path]) -> None:
    assert paths_of(managedfields.intersection(tree_of(one), tree_of(other))) == one & other


@given(PATHS, PATHS)
def test_recursive_difference_takes_what_is_below_too(one: frozenset[Path], other: frozenset[Path]) -> None:
    gone = {path for path in one for cut in range(1, len(path) + 1) if path[:cut] in other}
    assert paths_of(managedfields.recursive_difference(tree_of(one), tree_of(other))) == one - gone


@given(PATHS, PATHS)
def test_operations_change_nothing_in_place_and_share_what_stays(
    one: frozenset[Path], other: frozenset[Path]
) -> None:
    first, second = tree_of(one), tree_of(other)
    for operation in (managedfields.union, managedfields.difference, managedfields.recursive_difference):
        found = operation(first, second)
        if paths_of(found) == one:
            assert found is first
    managedfields.intersection(first, second)
    assert (first, second) == (tree_of(one), tree_of(other))


@given(PATHS)
def test_reading_and_writing_are_inverse(paths: frozenset[Path]) -> None:
    data = managedfields.encode(tree_of(paths))
    assert managedfields.parse(data) == tree_of(paths) == fieldset.decode(data)


def test_path_elements_are_canonical_json() -> None:
    assert (
        fieldset.key_element({"protocol": "TCP", "containerPort": 80})
        == 'k:{"containerPort":80,"protocol":"TCP"}'
    )
    assert fieldset.value_element("a") == 'v:"a"'


def test_named_paths_make_a_set() -> None:
    assert managedfields.from_paths("status", "metadata.labels", "metadata.finalizers") == {
        "f:status": {},
        "f:metadata": {"f:labels": {}, "f:finalizers": {}},
    }


def test_elements_of_unknown_kinds_are_dropped() -> None:
    assert managedfields.parse(b'{"f:a":{"x:b":{}},"z":{},"f:c":{}}') == {"f:a": {}, "f:c": {}}


@pytest.mark.parametrize("data", [b"[]", b'{"f:a":1}', b"{", json.dumps({"f:a": None}).encode()])
def test_what_is_no_set_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot read managed fields"):
        managedfields.parse(data)
