"""JSON patch: RFC 6902's examples (appendix A), the library's peculiarities that upstream shows, and the limits."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podling.api import errors
from podling.api.patch import jsonpatch


def op(name: str, path: str, **members: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **{key.rstrip("_"): value for key, value in members.items()}}


@pytest.mark.parametrize(
    ("document", "operations", "result"),
    [
        ({"foo": "bar"}, [op("add", "/baz", value="qux")], {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, [op("add", "/foo/1", value="qux")], {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [op("remove", "/baz")], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [op("remove", "/foo/1")], {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, [op("replace", "/baz", value="boo")], {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [op("move", "/qux/thud", from_="/foo/waldo")],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            [op("move", "/foo/3", from_="/foo/1")],
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"a": 1}, [op("test", "/a", value=1), op("add", "/b", value=None)], {"a": 1, "b": None}),
        (
            {"foo": "bar"},
            [op("add", "/child", value={"grandchild": {}})],
            {"foo": "bar", "child": {"grandchild": {}}},
        ),
        ({"/": 9, "~1": 10}, [op("test", "/~01", value=10), op("remove", "/~1")], {"~1": 10}),
        ({"foo": ["bar"]}, [op("add", "/foo/-", value=["abc", "def"])], {"foo": ["bar", ["abc", "def"]]}),
        (
            {"a": {"b": 1}},
            [op("copy", "/c", from_="/a"), op("replace", "/c/b", value=2)],
            {"a": {"b": 1}, "c": {"b": 2}},
        ),
        ({"a": 1}, [op("replace", "", value={"b": 2})], {"b": 2}),
        ({"a": [1, 2, 3]}, [op("remove", "/a/-1")], {"a": [1, 2]}),
        ({"a": 1}, [op("test", "/missing", value=None)], {"a": 1}),
        ({"": {"": 1}}, [op("replace", "//", value=2)], {"": {"": 2}}),
    ],
)
def test_operations(document: dict[str, Any], operations: list[Any], result: dict[str, Any]) -> None:
    before = copy.deepcopy((document, operations))
    assert jsonpatch.apply(document, operations) == result
    assert (document, operations) == before


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (op("test", "/foo", value="baz"), 'testing value "/foo" failed: test failed'),
        (op("test", "/n", value=1.0), 'testing value "/n" failed: test failed'),
        (op("test", "/list/5", value=None), 'testing value "/list/5" failed: test failed'),
        (op("test", "/baz/bat", value=None), 'testing value "/baz/bat" failed: test failed'),
        (op("test", "/n", value=True), 'testing value "/n" failed: test failed'),
        (
            op("add", "/baz/bat", value="qux"),
            'add operation does not apply: doc is missing path: "/baz/bat": missing value',
        ),
        (op("remove", "/baz"), "Unable to remove nonexistent key: baz: missing value"),
        (op("remove", "/list/5"), "Unable to access invalid index: 5: invalid index referenced"),
        (op("add", "/list/9", value=1), "Unable to access invalid index: 9: invalid index referenced"),
        (
            op("replace", "/baz", value=1),
            'replace operation does not apply: doc is missing key: "/baz": missing value',
        ),
        (
            op("copy", "/x", from_="/baz"),
            'copy operation does not apply: doc is missing from path: "/baz": missing value',
        ),
        (op("move", "/map/a", from_="/map"), 'move operation does not apply: "/map/a" lies within "/map"'),
        (op("spin", "/foo"), "Unexpected kind: spin"),
        ({"op": "add", "value": 1}, "add operation failed to decode path: missing value"),
        (op("add", "foo", value=1), "add operation failed to decode path: missing value"),
        (op("remove", ""), "remove operation does not apply: the whole document cannot be removed"),
    ],
)
def test_what_does_not_apply_is_unprocessable(operation: dict[str, Any], why: str) -> None:
    document = {"foo": "bar", "n": 1, "list": [1], "map": {"a": {}}}
    with pytest.raises(errors.UnprocessablePatch) as caught:
        jsonpatch.apply(document, [operation])
    status = caught.value.status()
    assert (status.code, status.reason) == (422, "Invalid")
    assert status.message == "the server rejected our request due to an error in our request"
    assert [cause.message for cause in caught.value.causes] == [why]


@pytest.mark.parametrize("patch", [{}, None, "x", [1], [None]])
def test_what_is_no_list_of_operations_is_a_bad_request(patch: Any) -> None:
    with pytest.raises(errors.BadRequest):
        jsonpatch.apply({}, patch)


def test_nothing_can_be_added_to_a_document_that_became_null() -> None:
    with pytest.raises(errors.UnprocessablePatch):
        jsonpatch.apply({"a": 1}, [op("replace", "", value=None), op("add", "/b", value={"c": 1})])


def test_all_or_nothing() -> None:
    document = {"a": 1}
    with pytest.raises(errors.UnprocessablePatch):
        jsonpatch.apply(document, [op("add", "/b", value=2), op("test", "/a", value=2)])
    assert document == {"a": 1}


def test_too_many_operations_are_refused() -> None:
    with pytest.raises(
        errors.RequestEntityTooLarge,
        match="The allowed maximum operations in a JSON patch is 10000, got 10001",
    ):
        jsonpatch.apply({}, [op("add", "/a", value=1)] * 10_001)


def test_copies_may_not_swell_the_document() -> None:
    document = {"a": "x" * (1024 * 1024)}
    with pytest.raises(errors.UnprocessablePatch) as caught:
        jsonpatch.apply(document, [op("copy", f"/b{index}", from_="/a") for index in range(4)])
    assert "exceeding the limit 3145728" in (caught.value.causes[0].message or "")
