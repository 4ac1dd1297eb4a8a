"""What a write changed, as structured-merge-diff sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import codec, kinds, schema
from podling.api.kinds import Kind
from podling.api.managedfields import FieldSet, compare
from podling.api.object import Object
from podling.api.schema import Field, ListOf, MapOf, Record, Scalar, Schema
from podling.api.types import apiextensions_v1, core_v1

WIDGET = Kind("example.com", "v1", "Widget", "widgets", "widget", True)


def made(kind: Kind, value: dict[str, Any]) -> Object:
    return codec.from_dict(kind, value)


def created(kind: Kind, value: dict[str, Any]) -> FieldSet:
    found = compare(None, made(kind, value))
    assert not found.removed
    return found.changed


def test_a_deployment_is_owned_as_upstream_shows_it() -> None:
    """Taken from a cluster: `kubectl create deployment` as the API server records it."""
    container = {
        "name": "nginx",
        "image": "nginx",
        "imagePullPolicy": "Always",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    pod = {
        "containers": [container],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    value = {
        "metadata": {
            "name": "nginx",
            "namespace": "default",
            "uid": "u",
            "generation": 1,
            "labels": {"app": "nginx"},
        },
        "spec": {
            "progressDeadlineSeconds": 600,
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "nginx"}},
            "strategy": {
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                "type": "RollingUpdate",
            },
            "template": {"metadata": {"labels": {"app": "nginx"}}, "spec": pod},
        },
        "status": {},
    }
    labels: FieldSet = {"f:labels": {".": {}, "f:app": {}}}
    assert created(kinds.DEPLOYMENT, value) == {
        "f:metadata": labels,
        "f:spec": {
            "f:progressDeadlineSeconds": {},
            "f:replicas": {},
            "f:revisionHistoryLimit": {},
            "f:selector": {},
            "f:strategy": {
                "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
                "f:type": {},
            },
            "f:template": {
                "f:metadata": labels,
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"nginx"}': {
                            ".": {},
                            "f:image": {},
                            "f:imagePullPolicy": {},
                            "f:name": {},
                            "f:resources": {},
                            "f:terminationMessagePath": {},
                            "f:terminationMessagePolicy": {},
                        }
                    },
                    "f:dnsPolicy": {},
                    "f:restartPolicy": {},
                    "f:schedulerName": {},
                    "f:securityContext": {},
                    "f:terminationGracePeriodSeconds": {},
                },
            },
        },
    }


def test_names_and_what_the_server_sets_belong_to_nobody() -> None:
    metadata = {
        "name": "a",
        "namespace": "b",
        "uid": "c",
        "resourceVersion": "1",
        "generation": 2,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "selfLink": "/x",
        "managedFields": [{"manager": "m"}],
        "generateName": "a-",
    }
    assert created(kinds.CONFIG_MAP, {"metadata": metadata}) == {"f:metadata": {"f:generateName": {}}}


def test_items_of_sets_and_keyed_lists_are_single() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    ports = [
        {"containerPort": 80, "protocol": "TCP"},
        {"containerPort": 53, "protocol": "UDP"},
        {"containerPort": 81},
    ]
    value = {
        "metadata": {"finalizers": ["a.b/c"], "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "c", "ports": ports}]},
    }
    found = created(kinds.POD, value)
    assert found["f:metadata"] == {
        "f:finalizers": {".": {}, 'v:"a.b/c"': {}},
        "f:ownerReferences": {".": {}, 'k:{"uid":"u"}': {}},
    }
    container = found["f:spec"]["f:containers"]['k:{"name":"c"}']
    port: FieldSet = {".": {}, "f:containerPort": {}, "f:protocol": {}}
    assert container["f:ports"] == {
        ".": {},
        'k:{"containerPort":80,"protocol":"TCP"}': port,
        'k:{"containerPort":53,"protocol":"UDP"}': port,
        'k:{"containerPort":81,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
    }


def test_nothing_changed_is_nothing() -> None:
    one = made(kinds.POD, {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}})
    assert not compare(one, codec.clone(one))


@pytest.mark.parametrize(
    ("old", "new", "changed", "removed"),
    [
        ({"hostname": "a"}, {"hostname": "b"}, {"f:hostname": {}}, None),
        ({}, {"hostname": "b"}, {"f:hostname": {}}, None),
        ({"hostname": "b"}, {}, None, {"f:hostname": {}}),
        (
            {"containers": [{"name": "a", "image": "x"}]},
            {"containers": [{"name": "a", "image": "y"}, {"name": "b"}]},
            {"f:containers": {'k:{"name":"a"}': {"f:image": {}}, 'k:{"name":"b"}': {".": {}, "f:name": {}}}},
            None,
        ),
        (
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"containers": [{"name": "b"}]},
            None,
            {"f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}}}},
        ),
        (
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"containers": [{"name": "b"}, {"name": "a"}]},
            None,
            None,
        ),
        ({}, {"nodeSelector": {"a": "b"}}, {"f:nodeSelector": {}}, None),
        ({"nodeSelector": {"a": "b"}}, {"nodeSelector": {"a": "c", "d": "e"}}, {"f:nodeSelector": {}}, None),
        (
            {},
            {"securityContext": {"runAsUser": 1}},
            {"f:securityContext": {".": {}, "f:runAsUser": {}}},
            None,
        ),
        (
            {"securityContext": {}},
            {"securityContext": {"runAsUser": 1}},
            {"f:securityContext": {"f:runAsUser": {}}},
            None,
        ),
        ({}, {"securityContext": {}}, {"f:securityContext": {}}, None),
        (
            {"overhead": {"cpu": "1"}},
            {"overhead": {"memory": "1"}},
            {"f:overhead": {"f:memory": {}}},
            {"f:overhead": {"f:cpu": {}}},
        ),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"f:tolerations": {}}, None),
    ],
)
def test_changes_are_as_fine_as_the_schema_says(
    old: dict[str, Any], new: dict[str, Any], changed: FieldSet | None, removed: FieldSet | None
) -> None:
    found = compare(made(kinds.POD, {"spec": old}), made(kinds.POD, {"spec": new}))
    assert found.changed == ({"f:spec": changed} if changed else {})
    assert found.removed == ({"f:spec": removed} if removed else {})


def test_a_record_that_go_holds_by_value_is_never_new_itself() -> None:
    old = made(kinds.POD, {"spec": {"containers": [{"name": "a"}]}})
    new = made(kinds.POD, {"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}}]}})
    container = compare(old, new).changed["f:spec"]["f:containers"]['k:{"name":"a"}']
    assert container == {"f:resources": {"f:limits": {".": {}, "f:cpu": {}}}}


def test_free_form_json_is_compared_key_by_key_and_lists_whole() -> None:
    old = made(kinds.CONTROLLER_REVISION, {"data": {"a": {"b": 1, "c": [1]}, "x": None}})
    new = made(kinds.CONTROLLER_REVISION, {"data": {"a": {"b": 2, "c": [2], "d": {}}}})
    found = compare(old, new)
    assert found.changed == {"f:data": {"f:a": {"f:b": {}, "f:c": {}, "f:d": {}}}}
    assert found.removed == {"f:data": {"f:x": {}}}


def test_fields_of_one_type_or_another_are_compared_as_deduced() -> None:
    def crd(items: Any) -> Object:
        schema_ = {"openAPIV3Schema": {"type": "array", "items": items}}
        return made(
            kinds.CUSTOM_RESOURCE_DEFINITION, {"spec": {"versions": [{"name": "v1", "schema": schema_}]}}
        )

    versions = schema.of(apiextensions_v1.CustomResourceDefinitionSpec).fields["versions"].schema
    assert isinstance(versions, ListOf)
    assert versions.list_type == "atomic"
    found = compare(crd({"type": "string"}), crd([{"type": "string"}]))
    assert found.changed == {"f:spec": {"f:versions": {}}}
    either = schema.of(apiextensions_v1.JSONSchemaProps).fields["items"].schema
    node: Schema = Record("root", given={"spec": Field("spec", "spec", either)})
    old, new = (
        made(WIDGET, {"spec": {"type": "string", "enum": [1]}}),
        made(WIDGET, {"spec": {"type": "integer"}}),
    )
    found = compare(old, new, node=node)
    assert (found.changed, found.removed) == ({"f:spec": {"f:type": {}}}, {"f:spec": {"f:enum": {}}})


def test_a_custom_resource_without_schema_is_compared_as_deduced() -> None:
    value = {
        "metadata": {"name": "w", "labels": {"a": "b"}},
        "spec": {"size": 1, "list": [{"a": 1}], "map": {"x": {}}},
    }
    assert created(WIDGET, value) == {
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {".": {}, "f:size": {}, "f:list": {}, "f:map": {".": {}, "f:x": {}}},
    }


def test_a_custom_resource_with_schema_follows_it() -> None:
    item = Record(
        "item", given={"id": Field("id", "id", Scalar("integer")), "v": Field("v", "v", Scalar("string"))}
    )
    spec = Record(
        "spec",
        given={
            "items": Field("items", "items", ListOf(item, "map", ("id",))),
            "tags": Field("tags", "tags", ListOf(Scalar("string"), "set")),
            "atom": Field("atom", "atom", MapOf(Scalar("string"), atomic=True)),
        },
    )
    root: Schema = Record("root", given={"spec": Field("spec", "spec", spec)})
    value = {"spec": {"items": [{"id": 1, "v": "a"}], "tags": ["t"], "atom": {"a": "b"}, "other": {"x": 1}}}
    found = compare(None, made(WIDGET, value), node=root).changed
    assert found["f:spec"] == {
        ".": {},
        "f:items": {".": {}, 'k:{"id":1}': {".": {}, "f:id": {}, "f:v": {}}},
        "f:tags": {".": {}, 'v:"t"': {}},
        "f:atom": {},
        "f:other": {".": {}, "f:x": {}},
    }


Flat = dict[tuple[str, ...], Any]


def flat(node: Schema, value: Any, path: tuple[str, ...] = ()) -> Flat:
    """The plain reference: every path with its value, containers with a mark."""
    entries: list[tuple[str, Schema, Any]] = []
    if isinstance(node, Record) and not node.atomic:
        entries = [(f"f:{name}", node.fields[name].schema, sub) for name, sub in value.items()]
    elif isinstance(node, MapOf) and not node.atomic:
        entries = [(f"f:{name}", node.value, sub) for name, sub in value.items()]
    elif isinstance(node, ListOf) and node.list_type == "map":
        for item in value:
            keys = {key: item[key] for key in sorted(node.keys)}
            entries.append((f"k:{json.dumps(keys, separators=(',', ':'))}", node.item, item))
    elif isinstance(node, ListOf) and node.list_type == "set":
        entries = [(f"v:{json.dumps(item)}", Scalar("string"), item) for item in value]
    if not entries:
        return {path: value}
    found: Flat = {path: "container"}
    for element, sub_node, sub in entries:
        found.update(flat(sub_node, sub, (*path, element)))
    return found


def members(tree: FieldSet, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for element, node in tree.items():
        path = (*prefix, element)
        found |= {prefix} if element == "." else {path} if not node else members(node, path)
    return found


def named(name: str) -> st.SearchStrategy[dict[str, Any]]:
    limits = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2"]), min_size=1)
    env = st.lists(st.sampled_from("AB"), unique=True, min_size=1).map(
        lambda names: [{"name": n} for n in names]
    )
    optional = {
        "image": st.sampled_from(["x", "y"]),
        "args": st.lists(st.sampled_from("ab"), min_size=1),
        "env": env,
        "resources": st.fixed_dictionaries({"limits": limits}),
        "securityContext": st.fixed_dictionaries({"privileged": st.booleans()}),
    }
    return st.fixed_dictionaries({"name": st.just(name)}, optional=optional)


SPECS = st.fixed_dictionaries(
    {"containers": st.tuples(named("a"), named("b")).map(list)},
    optional={
        "hostname": st.sampled_from(["h", "i"]),
        "nodeSelector": st.dictionaries(st.sampled_from("kl"), st.sampled_from("vw"), min_size=1),
        "overhead": st.dictionaries(
            st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2"]), min_size=1
        ),
    },
)


@given(SPECS, SPECS)
def test_the_comparison_agrees_with_two_flat_lists_of_fields(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    node = schema.of(core_v1.PodSpec)
    before, after = flat(node, old, ("f:spec",)), flat(node, new, ("f:spec",))
    by_value = {
        path for path in {*before, *after} if path[-1] == "f:resources" and ({*before, *after} >= {path[:-1]})
    }
    found = compare(made(kinds.POD, {"spec": old}), made(kinds.POD, {"spec": new}))
    assert members(found.changed) == {p for p, v in after.items() if before.get(p) != v} - by_value
    assert members(found.removed) == {p for p in before if p not in after} - by_value
