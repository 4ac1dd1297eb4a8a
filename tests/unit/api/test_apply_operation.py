"""Chains of applies and updates: what is left of the object and who owns it.

The tables follow structured-merge-diff's merge/{leaf,set,nested,key,multiple_appliers,unset,conflict}_test.go; the properties hold for any
configurations of two managers.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import apply, codec, errors, managedfields
from podling.api.apply import Applier, Context
from podling.api.apply.paths import members
from podling.api.kinds import Kind
from podling.api.levels import Level
from podling.api.managedfields import EMPTY, FieldSet, from_paths
from podling.api.object import Object
from podling.api.schema import Field, ListOf, MapOf, Record, Scalar
from podling.api.types.meta_v1 import ManagedFieldsEntry

STRING, NUMBER = Scalar("string"), Scalar("integer")


def record(title: str, /, **fields: Any) -> Record:
    return Record(title, given={field: Field(field, field, node) for field, node in fields.items()})


INNER = record("Inner", name=STRING, value=NUMBER)
ELEMENT = record("Element", name=STRING, value=MapOf(STRING), list=ListOf(STRING, "set"))
BODY = record(
    "Widget",
    number=NUMBER,
    text=STRING,
    set=ListOf(STRING, "set"),
    list=ListOf(ELEMENT, "map", ("name",)),
    atomic=ListOf(STRING),
    map=MapOf(STRING),
    maps=MapOf(MapOf(STRING)),
    atomicMap=MapOf(STRING, atomic=True),
    struct=INNER,
)
KIND = Kind("example.com", "v1", "Widget", "widgets", "widget", True, "")
HEAD = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}


class World:
    """One object under applies and updates."""

    def __init__(self, *, reset: FieldSet = EMPTY) -> None:
        self.live: dict[str, Any] | None = None
        self.entries: list[ManagedFieldsEntry] = []
        self.second = 0
        self.reset = reset

    @property
    def time(self) -> str:
        return f"2026-01-01T00:00:{self.second:02}Z"

    def apply(self, manager: str, config: dict[str, Any], *, force: bool = False) -> World:
        self.second += 1
        context = Context(KIND, Level(), self.time, self.reset, BODY)
        whole = {**HEAD, **config}
        found = apply.onto(self.live, self.entries, whole, Applier(manager, force=force), context)
        self.live = self.decoded(found.document)
        self.entries = found.entries
        return self

    def update(self, manager: str, body: dict[str, Any]) -> World:
        self.second += 1
        before = None if self.live is None else self.object(self.live, self.entries)
        after = self.object({**HEAD, **body}, None)
        writer = managedfields.Writer(manager, KIND.api_version)
        self.entries = managedfields.update(before, after, writer, time=self.time, node=BODY) or []
        self.live = {**HEAD, **body}
        return self

    @staticmethod
    def object(document: dict[str, Any], entries: list[ManagedFieldsEntry] | None) -> Object:
        found = codec.from_dict(KIND, document)
        found.metadata.managed_fields = entries
        return found

    @staticmethod
    def decoded(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if value is not None}

    @property
    def body(self) -> dict[str, Any]:
        return {name: value for name, value in (self.live or {}).items() if name not in HEAD}

    @property
    def owners(self) -> dict[str, FieldSet]:
        return {entry.manager or "": managedfields.fields_of(entry) for entry in self.entries}


def fields(config: dict[str, Any]) -> FieldSet:
    return apply.owned(config, BODY)


def leaves(owned: FieldSet) -> set[str]:
    """The members that a configuration would own, too: an update also owns the lists, maps and records that it adds."""
    return {path for path in members(owned) if path not in (".list", ".set", ".map", ".struct")}


A = {"name": "a", "value": {"k": "1"}}
A_TWICE = [A, {"name": "a", "value": {"k": "2"}}]
Step = tuple[str, str, dict[str, Any]]
CHAINS: dict[str, tuple[list[Step], dict[str, Any], dict[str, dict[str, Any]]]] = {
    "apply twice": (
        [("apply", "a", {"number": 1, "text": "x"}), ("apply", "a", {"number": 2, "text": "x"})],
        {"number": 2, "text": "x"},
        {"a": {"number": 1, "text": ""}},
    ),
    "a field that is no longer applied goes": (
        [("apply", "a", {"number": 1, "text": "x"}), ("apply", "a", {"number": 1})],
        {"number": 1},
        {"a": {"number": 1}},
    ),
    "but not if an update owns it now": (
        [
            ("apply", "a", {"number": 1, "text": "x"}),
            ("update", "c", {"number": 1, "text": "y"}),
            ("apply", "a", {"number": 1}),
        ],
        {"number": 1, "text": "y"},
        {"a": {"number": 1}, "c": {"text": "y"}},
    ),
    "what nobody owns stays": (
        [("update", "c", {"number": 1}), ("apply", "a", {"text": "x"}), ("apply", "a", {})],
        {"number": 1},
        {"c": {"number": 1}},
    ),
    "items of a set": (
        [
            ("apply", "a", {"set": ["a", "c"]}),
            ("update", "c", {"set": ["a", "b", "c", "d"]}),
            ("apply", "a", {"set": ["a", "e"]}),
        ],
        {"set": ["a", "b", "d", "e"]},
        {"a": {"set": ["a", "e"]}, "c": {"set": ["b", "d"]}},
    ),
    "one item of a set is shared": (
        [
            ("apply", "a", {"set": ["x", "y"]}),
            ("apply", "b", {"set": ["y", "z"]}),
            ("apply", "a", {"set": ["x"]}),
        ],
        {"set": ["x", "y", "z"]},
        {"a": {"set": ["x"]}, "b": {"set": ["y", "z"]}},
    ),
    "an item under another key is another item": (
        [
            ("apply", "a", {"list": [{"name": "a", "list": ["b", "c"]}]}),
            ("apply", "a", {"list": [{"name": "b", "list": ["a", "c"]}]}),
        ],
        {"list": [{"name": "b", "list": ["a", "c"]}]},
        {"a": {"list": [{"name": "b", "list": ["a", "c"]}]}},
    ),
    "within an item": (
        [
            ("apply", "a", {"list": [{"name": "a", "value": {"b": "x", "c": "y"}}]}),
            ("apply", "a", {"list": [{"name": "a", "value": {"a": "x", "c": "z"}}]}),
        ],
        {"list": [{"name": "a", "value": {"a": "x", "c": "z"}}]},
        {"a": {"list": [{"name": "a", "value": {"a": "x", "c": "z"}}]}},
    ),
    "an item stays as long as one applies it": (
        [
            ("apply", "a", {"list": [{"name": "a", "list": ["x"]}]}),
            ("apply", "b", {"list": [{"name": "a", "value": {"k": "v"}}]}),
            ("apply", "a", {}),
        ],
        {"list": [{"name": "a", "value": {"k": "v"}}]},
        {"b": {"list": [{"name": "a", "value": {"k": "v"}}]}},
    ),
    "maps of maps": (
        [("apply", "a", {"maps": {"a": {"b": "x"}}}), ("apply", "a", {"maps": {"b": {"a": "x"}}})],
        {"maps": {"b": {"a": "x"}}},
        {"a": {"maps": {"b": {"a": "x"}}}},
    ),
    "an atomic map changes hands as a whole": (
        [("apply", "a", {"atomicMap": {"a": "1"}}), ("force", "b", {"atomicMap": {"b": "2"}})],
        {"atomicMap": {"b": "2"}},
        {"b": {"atomicMap": {}}},
    ),
    "a record goes with its last field": (
        [("apply", "a", {"struct": {"name": "a", "value": 1}}), ("apply", "a", {})],
        {},
        {},
    ),
    "a record stays for the field of another": (
        [
            ("apply", "a", {"struct": {"name": "a"}}),
            ("update", "c", {"struct": {"name": "a", "value": 1}}),
            ("apply", "a", {}),
        ],
        {"struct": {"value": 1}},
        {"c": {"struct": {"value": 1}}},
    ),
    "an empty record keeps what others have in it": (
        [
            ("apply", "a", {"struct": {"name": "a"}}),
            ("update", "c", {"struct": {"name": "a", "value": 1}}),
            ("apply", "a", {"struct": {}}),
        ],
        {"struct": {"value": 1}},
        {"a": {"struct": {}}, "c": {"struct": {"value": 1}}},
    ),
    "another took the field over": (
        [
            ("apply", "a", {"struct": {"name": "a"}}),
            ("update", "c", {"struct": {"name": "b", "value": 1}}),
            ("apply", "a", {}),
        ],
        {"struct": {"name": "b", "value": 1}},
        {"c": {"struct": {"name": "b", "value": 1}}},
    ),
    "force takes one field, the rest stays": (
        [("apply", "a", {"number": 1, "text": "x"}), ("force", "b", {"number": 2})],
        {"number": 2, "text": "x"},
        {"a": {"text": "x"}, "b": {"number": 2}},
    ),
    "items with one key are owned as one": (
        [("update", "c", {"list": [*A_TWICE, {"name": "b"}]})],
        {"list": [*A_TWICE, {"name": "b"}]},
        {"c": {"list": [*A_TWICE, {"name": "b"}]}},
    ),
    "who makes an item double takes all of it": (
        [("apply", "a", {"list": [A, {"name": "b"}]}), ("update", "c", {"list": [*A_TWICE, {"name": "b"}]})],
        {"list": [*A_TWICE, {"name": "b"}]},
        {"a": {"list": [{"name": "b"}]}, "c": {"list": A_TWICE}},
    ),
    "so does who changes one of them": (
        [
            ("update", "c", {"list": [*A_TWICE, {"name": "b"}]}),
            ("update", "d", {"list": [A, {"name": "a", "value": {"k": "3"}}, {"name": "b"}]}),
        ],
        {"list": [A, {"name": "a", "value": {"k": "3"}}, {"name": "b"}]},
        {"c": {"list": [{"name": "b"}]}, "d": {"list": A_TWICE}},
    ),
    "an apply puts one in the place of several": (
        [("update", "c", {"list": [*A_TWICE, {"name": "b"}]}), ("force", "a", {"list": [A]})],
        {"list": [A, {"name": "b"}]},
        {"c": {"list": [{"name": "b"}]}, "a": {"list": [A]}},
    ),
    "an apply of other things leaves them alone": (
        [("update", "c", {"list": A_TWICE}), ("apply", "a", {"number": 1, "list": [{"name": "b"}]})],
        {"list": [*A_TWICE, {"name": "b"}], "number": 1},
        {"c": {"list": A_TWICE}, "a": {"number": 1, "list": [{"name": "b"}]}},
    ),
    "doubled by an update, they do not go with their first applier": (
        [
            ("apply", "a", {"list": [A, {"name": "b"}]}),
            ("update", "c", {"list": [*A_TWICE, {"name": "b"}]}),
            ("apply", "a", {"list": [{"name": "b"}]}),
        ],
        {"list": [*A_TWICE, {"name": "b"}]},
        {"a": {"list": [{"name": "b"}]}, "c": {"list": A_TWICE}},
    ),
    "three share and leave one by one": (
        [
            ("apply", "a", {"map": {"k": "v", "a": "a"}}),
            ("apply", "b", {"map": {"k": "v", "b": "b"}}),
            ("apply", "c", {"map": {"k": "v"}}),
            ("apply", "a", {}),
            ("apply", "b", {}),
        ],
        {"map": {"k": "v"}},
        {"c": {"map": {"k": "v"}}},
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains(name):
    steps, body, owners = CHAINS[name]
    world = World()
    for verb, manager, config in steps:
        if verb == "update":
            world.update(manager, config)
        else:
            world.apply(manager, config, force=verb == "force")
    assert world.body == body
    assert {name: leaves(owned) for name, owned in world.owners.items()} == {
        manager: leaves(fields(config)) for manager, config in owners.items()
    }


CONFLICTS: list[tuple[list[Step], str]] = [
    (
        [("apply", "a", {"number": 1}), ("apply", "b", {"number": 2})],
        'Apply failed with 1 conflict: conflict with "a": .number',
    ),
    (
        [("update", "c", {"number": 1, "text": "x"}), ("apply", "b", {"number": 2, "text": "y"})],
        'Apply failed with 2 conflicts: conflicts with "c" using example.com/v1:\n- .number\n- .text',
    ),
    (
        [
            ("apply", "b", {"list": [{"name": "i", "value": {"k": "v"}}]}),
            ("apply", "a", {"set": ["x"], "map": {"k": "v"}}),
            ("apply", "c", {"map": {"k": "w"}, "set": ["x"], "list": [{"name": "i", "value": {"k": "w"}}]}),
        ],
        'Apply failed with 2 conflicts: conflicts with "a":\n- .map.k\n'
        'conflicts with "b":\n- .list[name="i"].value.k',
    ),
    (
        [("apply", "a", {"number": 1}), ("apply", "b", {"number": None})],
        'Apply failed with 1 conflict: conflict with "a": .number',
    ),
    (
        [("update", "c", {"list": A_TWICE}), ("apply", "b", {"list": [A]})],
        'Apply failed with 1 conflict: conflict with "c" using example.com/v1: .list[name="a"]',
    ),
    (
        [("apply", "a", {"atomic": ["a"]}), ("apply", "b", {"atomic": ["a", "b"]})],
        'Apply failed with 1 conflict: conflict with "a": .atomic',
    ),
]


@pytest.mark.parametrize(("steps", "told"), CONFLICTS)
def test_conflicts(steps, told):
    world = World()
    *before, (_, manager, config) = steps
    for verb, name, body in before:
        world.apply(name, body) if verb == "apply" else world.update(name, body)
    seen = (world.live, world.entries)
    with pytest.raises(errors.ApplyConflict) as refusal:
        world.apply(manager, config)
    assert str(refusal.value) == told
    assert (world.live, world.entries) == seen
    causes = refusal.value.causes
    assert len(causes) == int(told.split()[3])
    assert {cause.reason for cause in causes} == {"FieldManagerConflict"}
    assert all(cause.field and cause.field in told for cause in causes)


def test_what_a_door_resets_is_neither_owned_nor_fought_over():
    world = World().update("c", {"struct": {"value": 1}, "number": 1})
    world.reset = from_paths("struct")
    world.apply("a", {"struct": {"value": 2}, "number": 1})
    assert world.owners["a"] == {"f:number": {}}
    assert world.owners["c"] == fields({"struct": {"value": 1}, "number": 1}) | {
        "f:struct": {".": {}, "f:value": {}}
    }


def test_entries_of_versions_that_are_no_more_go():
    world = World().apply("a", {"number": 1})
    world.entries[0].api_version = "example.com/v0"
    world.apply("b", {"text": "x"})
    assert set(world.owners) == {"b"}


def test_times_change_with_the_object():
    world = World().apply("a", {"number": 1}).apply("a", {"number": 1})
    assert world.entries[0].time == "2026-01-01T00:00:01Z"
    world.apply("b", {"number": 1})
    assert [(e.manager, e.time) for e in world.entries] == [("b", None), ("a", "2026-01-01T00:00:01Z")]
    world.apply("a", {"number": 1, "text": "x"})
    assert [(e.manager, e.time) for e in world.entries] == [("b", None), ("a", "2026-01-01T00:00:04Z")]


names = st.sampled_from("abc")
words = st.sampled_from(["x", "y"])
some_map = st.dictionaries(names, words, min_size=1, max_size=3)
some_set = st.lists(names, unique=True, min_size=1, max_size=3)
an_item = st.fixed_dictionaries({"name": names}, optional={"value": some_map, "list": some_set})
configs = st.fixed_dictionaries(
    {},
    optional={
        "number": st.integers(0, 2),
        "text": words,
        "set": some_set,
        "list": st.lists(an_item, min_size=1, max_size=3, unique_by=lambda one: one["name"]),
        "atomic": st.lists(words, min_size=1, max_size=2),
        "map": some_map,
        "maps": st.dictionaries(names, some_map, min_size=1, max_size=2),
        "atomicMap": some_map,
        "struct": st.fixed_dictionaries({"name": words}, optional={"value": st.integers(0, 1)}),
    },
)


@given(configs, configs)
def test_applying_the_same_twice_is_a_no_op(one, other):
    world = World().apply("a", one).apply("b", other, force=True)
    seen = (world.live, world.entries)
    world.apply("b", other)
    assert (world.live, world.entries) == seen


@given(configs, configs)
def test_who_leaves_takes_along_what_only_they_owned(one, other):
    world = World().apply("a", one).apply("b", other, force=True)
    both = world.body
    world.apply("a", {})
    assert fields(world.body) == fields(other)
    assert world.owners == ({"b": fields(other)} if other else {})
    assert apply.merge(both, world.body, BODY) == both


@given(configs, configs)
def test_an_apply_leaves_what_the_manager_applies_and_others_own(one, other):
    world = World().apply("a", one).apply("b", other, force=True)
    assert apply.merge(world.body, other, BODY) == world.body
    union = managedfields.union(fields(one), fields(other))
    assert fields(world.body) == union


@given(configs, configs)
def test_a_second_configuration_replaces_the_first(one, other):
    world = World().apply("a", one).apply("a", other)
    assert fields(world.body) == fields(other)
    assert apply.merge(world.body, other, BODY) == world.body
