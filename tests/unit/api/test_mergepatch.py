"""JSON merge patch: the examples of RFC 7386, appendix A, as far as they are about objects."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podling.api import errors
from podling.api.patch import mergepatch


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "b"}, {"a": {"c": None, "d": 1}}, {"a": {"d": 1}}),
    ],
)
def test_examples(document: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    before = copy.deepcopy((document, patch))
    assert mergepatch.apply(document, patch) == result
    assert (document, patch) == before


@pytest.mark.parametrize("patch", [[], None, "x", 3])
def test_only_an_object_is_a_patch(patch: Any) -> None:
    with pytest.raises(errors.BadRequest):
        mergepatch.apply({}, patch)
