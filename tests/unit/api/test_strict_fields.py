"""Unknown and duplicate fields: found exactly, in upstream's words, whatever the body looks like."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import intake, kinds, schema, strict
from podling.api.errors import BadRequest
from podling.api.levels import Level
from podling.api.schema import ANYTHING, Field, MapOf, Record, Scalar
from podling.api.types import core_v1

LEVEL = Level()
CLEAN = (
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"app":"b","x/y":"{\\"k\\":1}"}},'
    '"spec":{"containers":[{"name":"c","image":"d","env":[{"name":"E","value":"\\":"}]}],"hostname":null},"status":{}}'
)


def problems(body: str, kind: kinds.Kind = kinds.POD) -> list[str]:
    return strict.check(kind, body.encode(), level=LEVEL)


def test_a_clean_body_is_clean_compact_or_not() -> None:
    assert problems(CLEAN) == []
    assert problems(json.dumps(json.loads(CLEAN), indent=2, separators=(" ,", " : "))) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('"status":', '"Status":{"a":1},"status":', ['unknown field "Status"']),
        ('"image":', '"foo":{"bar":1},"image":', ['unknown field "spec.containers[0].foo"']),
        ('"app":"b"', '"app":"b","app":"b"', ['duplicate field "metadata.labels.app"']),
        ('"x/y":', '"x/y":"1","x/y":', ['duplicate field "metadata.labels.x/y"']),
        ('"hostname":null', '"hostname":null,"hostname":"a"', ['duplicate field "spec.hostname"']),
        (
            '"name":"E"',
            '"name":"E","name":"E","key":1,"key":2',
            [
                'duplicate field "spec.containers[0].env[0].name"',
                'unknown field "spec.containers[0].env[0].key"',
            ],
        ),
        ('"kind":"Pod",', '"Kind":"Pod",', ['unknown field "Kind"']),
        ('"hostname":null', '"workloadRef":{}', ['unknown field "spec.workloadRef"']),
    ],
)
def test_every_problem_is_named_with_its_path(old: str, new: str, found: list[str]) -> None:
    assert old in CLEAN
    assert problems(CLEAN.replace(old, new)) == found


def test_a_missing_required_field_does_not_hide_an_unknown_one() -> None:
    assert problems('{"metadata":{},"spec":{"foo":1}}') == ['unknown field "spec.foo"']
    assert problems('{"spec":{"containers":[{"a":1}]}}') == ['unknown field "spec.containers[0].a"']
    assert problems('{"spec":{"containers":[{"image":"a","image":"b"}]}}') == [
        'duplicate field "spec.containers[0].image"'
    ]


def test_neither_space_nor_escapes_hide_a_duplicate() -> None:
    assert problems('{"metadata" : {"name" : "a" , "name" :"b"}}') == ['duplicate field "metadata.name"']
    assert problems('{"metadata":{"name":"\\u0022:","name":"b"}}') == ['duplicate field "metadata.name"']
    assert problems('{"metadata":{"name":"\\"\\u003a","name":"b"}}') == ['duplicate field "metadata.name"']
    assert problems('{"metadata":{"name":"a","\\u006eame":"b"}}') == ['duplicate field "metadata.name"']


def test_what_go_puts_right_is_no_problem() -> None:
    assert problems('{"metadata":{"labels":{"a":null}},"spec":{"overhead":{"cpu":1}}}') == []


def test_free_form_json_is_nobodys_business() -> None:
    assert problems('{"data":{"a":1,"b":{"c":2}},"revision":1}', kinds.CONTROLLER_REVISION) == []


def test_an_unknown_field_is_not_looked_into_and_named_once() -> None:
    body = '{"foo":{"a":1,"a":2},"foo":{"b":1}}'
    assert problems(body) == ['unknown field "foo"']


def test_no_more_than_a_hundred_problems_are_listed() -> None:
    body = json.dumps({f"f{i}": 1 for i in range(150)})
    assert len(problems(body)) == 100


def test_a_custom_schema_decides_what_is_known() -> None:
    spec = Record(
        "spec", given={"size": Field("size", "size", Scalar("integer")), "any": Field("any", "any", ANYTHING)}
    )
    labels = Field("labels", "labels", MapOf(Scalar("string")))
    open_ = Record("open", given={"labels": labels}, preserve_unknown=True)
    root = Record("root", given={"spec": Field("spec", "spec", spec), "open": Field("open", "open", open_)})
    value = {"spec": {"size": 1, "any": {"x": 1}, "other": 1}, "open": {"x": 1, "labels": {"a": "b"}}, "z": 1}
    assert strict.unknown_fields(value, root, level=LEVEL) == [
        'unknown field "spec.other"',
        'unknown field "z"',
    ]


def test_level_decides_what_is_known() -> None:
    body = b'{"spec":{"containers":[],"workloadRef":{"name":"a","podGroup":"b"}}}'
    assert strict.check(kinds.POD, body, level=Level(35)) == []
    assert strict.check(kinds.POD, body, level=Level(36)) == ['unknown field "spec.workloadRef"']


def test_intake_drops_rewrites_and_reports_at_once() -> None:
    body = b'{"metadata":{"name":"a"},"spec":{"containers":[],"workloadRef":{"name":"w","podGroup":"g"},"overhead":{"cpu":"1000m"}}}'
    taken = intake.take(kinds.POD, body, level=LEVEL)
    assert taken.object.body.spec == core_v1.PodSpec(containers=[], overhead={"cpu": "1"})
    assert taken.problems == ['unknown field "spec.workloadRef"']
    assert intake.take(kinds.POD, body, level=LEVEL, inspect=False).problems == []


@pytest.mark.parametrize(
    "body",
    ['{"data":' + "[" * 5000 + "]" * 5000 + ',"revision":1}', '{"x":' + '{"a":' * 5000 + "1" + "}" * 5001],
)
def test_a_body_nested_without_end_is_refused(body: str) -> None:
    with pytest.raises(BadRequest):
        intake.take(kinds.CONTROLLER_REVISION, body.encode(), level=LEVEL)


KEYS = st.sampled_from(
    ["name", "image", "spec", "containers", "labels", "metadata", "x", 'a"b', "a:b", '":', " "]
)
VALUES = st.one_of(st.none(), st.text(alphabet='ab":\\ \n\u00e9', max_size=6), st.integers(0, 9))
PAIRS = st.recursive(
    st.lists(st.tuples(KEYS, VALUES), max_size=4),
    lambda inner: st.lists(
        st.tuples(KEYS, st.one_of(inner, VALUES, st.lists(inner, max_size=2))), max_size=4
    ),
    max_leaves=12,
)


def text_of(value: Any, colon: str) -> str:
    if isinstance(value, list) and all(isinstance(item, tuple) for item in value):
        return "{" + ",".join(f"{json.dumps(k)}{colon}{text_of(v, colon)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(text_of(item, colon) for item in value) + "]"
    return json.dumps(value)


def repeats(value: Any) -> bool:
    if isinstance(value, list) and all(isinstance(item, tuple) for item in value):
        names = [name for name, _ in value]
        return len(names) != len(set(names)) or any(repeats(sub) for _, sub in value)
    return isinstance(value, list) and any(map(repeats, value))


@given(PAIRS, st.sampled_from([":", " :", "\t: ", ": "]))
def test_the_quick_look_never_misses_a_duplicate(value: Any, colon: str) -> None:
    if repeats(value):
        assert strict.may_repeat(text_of(value, colon).encode())


@given(PAIRS)
def test_the_quick_look_is_not_fooled_by_a_plain_compact_body(value: Any) -> None:
    if not repeats(value):
        text = text_of(value, ":")
        assert not strict.may_repeat(text.encode()) or " " in text or "\\u" in text


@given(PAIRS)
def test_quick_and_thorough_agree(value: Any) -> None:
    body = text_of([("metadata", []), ("spec", value)], ":").encode()
    thorough = strict.find(body, schema.of(core_v1.Pod), level=LEVEL)
    with contextlib.suppress(BadRequest):
        assert intake.take(kinds.POD, body, level=LEVEL).problems == thorough
