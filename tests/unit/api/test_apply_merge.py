"""The parts of an apply: merging, owned fields, taking away, judging, wording.

Most cases are those of structured-merge-diff's typed/merge_test.go, typed/toset_test.go and fieldpath/element_test.go.
"""

from __future__ import annotations

from typing import Any

import pytest

from podling.api import apply, kinds, schema
from podling.api.apply import paths
from podling.api.levels import Level
from podling.api.schema import ANYTHING, Field, ListOf, MapOf, Record, Scalar
from podling.api.types import core_v1

STRING, NUMBER, BOOLEAN = Scalar("string"), Scalar("integer", "int32"), Scalar("boolean")


def record(name: str, **fields: Any) -> Record:
    return Record(name, given={field: Field(field, field, node) for field, node in fields.items()})


INNER = record("Inner", value=STRING, more=STRING)
ELEMENT = record("Element", key=STRING, id=NUMBER, value=MapOf(STRING), flag=BOOLEAN)
THING = record(
    "Thing",
    number=NUMBER,
    text=STRING,
    flag=BOOLEAN,
    free=ANYTHING,
    set=ListOf(STRING, "set"),
    numbers=ListOf(Scalar("number"), "set"),
    list=ListOf(ELEMENT, "map", ("key", "id")),
    atomic=ListOf(STRING),
    map=MapOf(STRING),
    atomicMap=MapOf(STRING, atomic=True),
    inner=INNER,
)


def item(key: str, id: int, **more: Any) -> dict[str, Any]:
    return {"key": key, "id": id, **more}


MERGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"number": 1}, {"number": 3}, {"number": 3}),
    ({"text": "a"}, {"flag": True}, {"text": "a", "flag": True}),
    ({"text": "a"}, {"text": None}, {"text": None}),
    ({}, {"map": {}}, {"map": {}}),
    ({}, {"map": None}, {"map": None}),
    ({"map": None}, {"map": {}}, {"map": {}}),
    ({"map": {}}, {"map": None}, {"map": None}),
    ({"map": {"a": "1"}}, {"map": {}}, {"map": {"a": "1"}}),
    ({"map": {"a": "1"}}, {"map": None}, {"map": {"a": "1"}}),
    ({"map": {"a": "1", "b": "1"}}, {"map": {"b": "2", "c": "2"}}, {"map": {"a": "1", "b": "2", "c": "2"}}),
    ({"atomicMap": {"a": "1"}}, {"atomicMap": {"b": "2"}}, {"atomicMap": {"b": "2"}}),
    ({"inner": {"value": "x"}}, {"inner": {"more": "y"}}, {"inner": {"value": "x", "more": "y"}}),
    ({"inner": {"value": "x"}}, {"inner": None}, {"inner": {"value": "x"}}),
    ({"set": ["a", "b", "c"]}, {"set": ["a", "b"]}, {"set": ["a", "b", "c"]}),
    ({"set": ["a", "b"]}, {"set": ["a", "b", "c"]}, {"set": ["a", "b", "c"]}),
    ({"set": ["a", "b", "c"]}, {"set": []}, {"set": ["a", "b", "c"]}),
    ({"set": []}, {"set": ["a", "b", "c"]}, {"set": ["a", "b", "c"]}),
    ({"set": ["b"]}, {"set": ["a"]}, {"set": ["b", "a"]}),
    ({"set": ["a", "b", "c", "d"]}, {"set": ["a", "d", "c", "b"]}, {"set": ["a", "d", "c", "b"]}),
    ({"numbers": [1, 2, 3.14]}, {"numbers": [1, 2, 3]}, {"numbers": [1, 2, 3.14, 3]}),
    ({"atomic": ["a", "a", "a"]}, {"atomic": ["a", "a"]}, {"atomic": ["a", "a"]}),
    ({"atomic": ["a", "b"]}, {"atomic": []}, {"atomic": []}),
    ({"atomic": ["a"]}, {"atomic": None}, {"atomic": None}),
    (
        {"list": [item("a", 1, value={"a": "a"})]},
        {"list": [item("a", 1, value={"b": "b"})]},
        {"list": [item("a", 1, value={"a": "a", "b": "b"})]},
    ),
    ({"list": [item("a", 1)]}, {"list": [item("a", 2)]}, {"list": [item("a", 1), item("a", 2)]}),
    (
        {"list": [item("a", 1), item("b", 1)]},
        {"list": [item("a", 1), item("a", 2)]},
        {"list": [item("a", 1), item("b", 1), item("a", 2)]},
    ),
    (
        {"list": [item("b", 2)]},
        {"list": [item("a", 1), item("b", 2), item("c", 3)]},
        {"list": [item("a", 1), item("b", 2), item("c", 3)]},
    ),
    (
        {"list": [item("a", 1, flag=True), item("a", 1), item("b", 2)]},
        {"list": [item("a", 1, flag=False)]},
        {"list": [item("a", 1, flag=False), item("b", 2)]},
    ),
    ({"free": {"a": {"b": 1}}}, {"free": {"a": {"c": 2}}}, {"free": {"a": {"b": 1, "c": 2}}}),
    ({"free": {"a": [1]}}, {"free": {"a": [2]}}, {"free": {"a": [2]}}),
    ({"free": {}}, {"free": 1}, {"free": 1}),
    ({"free": 1}, {"free": {}}, {"free": {}}),
    ({"free": 1}, {"free": {"a": 1}}, {"free": {"a": 1}}),
    ({"free": [1]}, {"free": None}, {"free": None}),
    ({"free": {"a": 1}}, {"free": None}, {"free": {"a": 1}}),
]


@pytest.mark.parametrize(("live", "config", "merged"), MERGES)
def test_merges(live, config, merged):
    before = repr((live, config))
    assert apply.merge(live, config, THING) == merged
    assert repr((live, config)) == before


A1 = 'k:{"id":1,"key":"a"}'
OWNED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"number": 1, "text": None}, {"f:number": {}, "f:text": {}}),
    ({"map": {"a": "1"}}, {"f:map": {"f:a": {}}}),
    ({"map": {}}, {"f:map": {}}),
    ({"map": None}, {"f:map": {}}),
    ({"atomicMap": {"a": "1"}}, {"f:atomicMap": {}}),
    ({"atomic": ["a"]}, {"f:atomic": {}}),
    ({"atomic": []}, {"f:atomic": {}}),
    ({"set": ["a", "b"]}, {"f:set": {'v:"a"': {}, 'v:"b"': {}}}),
    ({"set": []}, {}),
    ({"list": [item("a", 1, flag=True)]}, {"f:list": {A1: {".": {}, "f:key": {}, "f:id": {}, "f:flag": {}}}}),
    ({"inner": {"value": "x"}}, {"f:inner": {"f:value": {}}}),
    ({"inner": {}}, {"f:inner": {}}),
    ({"free": {"a": {"b": [1]}}}, {"f:free": {"f:a": {".": {}, "f:b": {}}}}),
]


@pytest.mark.parametrize(("config", "fields"), OWNED)
def test_owned_fields(config, fields):
    assert apply.owned(config, THING) == fields


REMOVALS: list[tuple[dict[str, Any], dict[str, Any], Any]] = [
    ({"number": 1, "text": "a"}, {"f:number": {}}, {"text": "a"}),
    ({"map": {"a": "1", "b": "2"}}, {"f:map": {"f:a": {}}}, {"map": {"b": "2"}}),
    ({"map": {"a": "1"}}, {"f:map": {"f:a": {}}}, {"map": None}),
    ({"set": ["a", "b"]}, {"f:set": {'v:"a"': {}}}, {"set": ["b"]}),
    (
        {"list": [item("a", 1, flag=True), item("b", 2)]},
        {"f:list": {A1: {"f:flag": {}}}},
        {"list": [item("a", 1), item("b", 2)]},
    ),
    ({"list": [item("a", 1), item("b", 2)]}, {"f:list": {A1: {}}}, {"list": [item("b", 2)]}),
    ({"inner": {"value": "x", "more": "y"}}, {"f:inner": {".": {}, "f:value": {}}}, None),
    ({"number": 1}, {"f:elsewhere": {}}, {"number": 1}),
    ({"number": 1}, {"f:number": {}}, None),
]


@pytest.mark.parametrize(("value", "fields", "left"), REMOVALS)
def test_removals(value, fields, left):
    assert apply.without(value, fields, THING) == left


FAULTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"number": 1.5, "text": "a", "flag": False, "free": [{}], "map": None}, []),
    ({"no": 1}, [".no: field not declared in schema"]),
    ({"number": "1"}, [".number: expected numeric (int or float), got string"]),
    ({"number": True}, [".number: expected numeric (int or float), got bool"]),
    ({"number": {}}, [".number: expected numeric (int or float), got map[string]interface {}"]),
    ({"flag": "yes"}, [".flag: expected boolean, got &{yes}"]),
    ({"text": 5}, [".text: expected string, got &value.valueUnstructured{Value:5}"]),
    ({"map": [1]}, [".map: expected map, got &{[1]}"]),
    ({"inner": "x"}, [".inner: expected map, got &{x}"]),
    ({"atomic": {"a": 1}}, [".atomic: expected list, got &{map[a:1]}"]),
    ({"map": {"a/b": 1}}, [".map.a/b: expected string, got &value.valueUnstructured{Value:1}"]),
    ({"set": ["a", "b", "a"]}, ['.set: duplicate entries for key [="a"]']),
    (
        {"set": [None]},
        [".set: element 0: associative list without keys has an element that's an explicit null"],
    ),
    ({"set": [{}]}, [".set: element 0: associative list without keys has an element that's a map type"]),
    ({"list": [item("a", 1), item("a", 1)]}, ['.list: duplicate entries for key [id=1,key="a"]']),
    (
        {"list": [{"key": "a"}]},
        [
            '.list: element 0: associative list with keys has an element that omits key field "id" '
            "(and doesn't have default value)"
        ],
    ),
    ({"list": [None]}, [".list: element 0: associative list with keys may not have a null element"]),
    ({"list": ["a"]}, [".list: element 0: associative list with keys may not have non-map elements"]),
    ({"list": [item("a", 1, no=1)]}, ['.list[id=1,key="a"].no: field not declared in schema']),
    ({"atomic": ["a", 1]}, [".atomic[1]: expected string, got &value.valueUnstructured{Value:1}"]),
]


@pytest.mark.parametrize(("config", "told"), FAULTS)
def test_what_does_not_fit(config, told):
    assert list(apply.faults(config, THING, level=Level())) == told


def test_default_keys_stand_in_and_levels_are_kept():
    spec = schema.of(core_v1.PodSpec)
    ports = [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]
    assert list(apply.faults({"containers": [{"name": "a", "ports": ports}]}, spec, level=Level())) == []
    ports.append({"containerPort": 80, "protocol": "TCP"})
    assert list(apply.faults({"containers": [{"name": "a", "ports": ports}]}, spec, level=Level())) == [
        '.containers[name="a"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]'
    ]
    quantities = {"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}, "name": "a"}
    assert list(apply.faults({"containers": [quantities]}, spec, level=Level())) == []
    only_new = {"spec": {"resources": {"limits": {"cpu": "1"}}}}
    pod = apply.root(kinds.POD)
    assert list(apply.faults(only_new, pod, level=Level())) == []
    assert list(apply.faults(only_new, pod, level=Level(25))) == [
        ".spec.resources: field not declared in schema"
    ]


def test_paths_in_words_and_in_order():
    fields = {
        "f:b": {},
        "f:a": {".": {}, "f:x": {}},
        "f:list": {A1: {"f:value": {}}, 'v:"q\\"q"': {}, "v:3": {}, "i:2": {}},
    }
    assert list(paths.members(fields)) == [
        ".a",
        ".b",
        ".a.x",
        '.list[="q\\"q"]',
        ".list[=3]",
        ".list[2]",
        '.list[id=1,key="a"].value',
    ]
