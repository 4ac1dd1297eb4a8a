"""The schema nodes derived from the types: what a generic walker learns about each field."""

from __future__ import annotations

import importlib

import pytest

from podling.api import schema
from podling.api.schema import ANYTHING, ListOf, MapOf, OneOf, Record, Scalar, Schema
from podling.api.types import _levels, _merge, apiextensions_v1, apps_v1, batch_v1, core_v1, meta_v1


def at(record: Record, *names: str) -> Schema:
    node: Schema = record
    for name in names:
        while isinstance(node, (ListOf, MapOf)):
            node = node.item if isinstance(node, ListOf) else node.value
        assert isinstance(node, Record)
        node = node.fields[name].schema
    return node


POD = schema.of(core_v1.Pod)


def test_scalars_carry_their_format() -> None:
    assert at(POD, "spec", "containers", "image") == Scalar("string")
    assert at(POD, "spec", "priority") == Scalar("integer", "int32")
    assert at(POD, "spec", "activeDeadlineSeconds") == Scalar("integer", "int64")
    assert at(POD, "metadata", "creationTimestamp") == Scalar("string", "date-time")
    assert at(POD, "spec", "containers", "livenessProbe", "httpGet", "port") == Scalar("int-or-string")
    assert at(POD, "spec", "containers", "resources", "limits") == MapOf(Scalar("quantity"))
    assert at(schema.of(core_v1.Secret), "data") == MapOf(Scalar("string", "byte"))


def test_lists_say_how_they_merge() -> None:
    containers = at(POD, "spec", "containers")
    assert isinstance(containers, ListOf)
    assert (containers.list_type, containers.keys) == ("map", ("name",))
    ports = at(POD, "spec", "containers", "ports")
    assert isinstance(ports, ListOf)
    assert (ports.keys, ports.key_defaults) == (("containerPort", "protocol"), (("protocol", "TCP"),))
    assert at(POD, "metadata", "finalizers") == ListOf(Scalar("string"), "set")
    assert at(POD, "spec", "containers", "args") == ListOf(Scalar("string"))


def test_patch_strategies_are_kept_apart_from_list_types() -> None:
    spec = schema.of(core_v1.PodSpec).fields
    assert (spec["volumes"].patch_strategy, spec["volumes"].merge_key) == (("merge", "retainKeys"), "name")
    assert schema.of(apps_v1.DeploymentSpec).fields["strategy"].patch_strategy == ("retainKeys",)
    port = schema.of(core_v1.ServiceSpec).fields["ports"]
    assert isinstance(port.schema, ListOf)
    assert (port.merge_key, port.schema.keys) == ("port", ("port", "protocol"))


def test_atomic_maps_and_records_are_marked() -> None:
    assert at(POD, "spec", "nodeSelector") == MapOf(Scalar("string"), atomic=True)
    selector = at(schema.of(apps_v1.Deployment), "spec", "selector")
    assert isinstance(selector, Record)
    assert selector.atomic
    assert schema.of(core_v1.Container).atomic is False


def test_free_form_and_either_or_fields_are_what_they_are() -> None:
    props = schema.of(apiextensions_v1.JSONSchemaProps)
    assert props.fields["default"].schema is ANYTHING
    either = props.fields["additionalProperties"].schema
    assert isinstance(either, OneOf)
    assert set(either.options) == {props, Scalar("boolean")}


def test_required_is_what_the_api_demands_and_not_what_is_always_written() -> None:
    assert schema.of(core_v1.Container).fields["name"].required
    assert schema.of(meta_v1.OwnerReference).fields["kind"].required
    pod = POD.fields
    assert not any(pod[name].required for name in ("apiVersion", "kind", "metadata", "spec"))


def test_records_held_by_value_are_known() -> None:
    assert schema.of(core_v1.Container).fields["resources"].is_value
    assert schema.of(batch_v1.CronJob).fields["spec"].is_value
    assert not schema.of(core_v1.Container).fields["securityContext"].is_value


def test_records_are_made_once_and_recursion_ends() -> None:
    assert schema.of(core_v1.Pod) is POD
    props = schema.of(apiextensions_v1.JSONSchemaProps)
    assert at(props, "properties") == MapOf(props)


def struct_of(name: str) -> type:
    module, _, cls = name.rpartition(".")
    found: type = getattr(importlib.import_module(f"podling.api.types.{module}"), cls)
    return found


@pytest.mark.parametrize("table", [_merge.FIELDS, _levels.FIELDS])
def test_the_tables_name_only_fields_that_exist(table: dict[str, dict[str, object]]) -> None:
    for name, fields in table.items():
        assert fields.keys() <= schema.of(struct_of(name)).fields.keys(), name


def test_the_table_of_values_names_optional_records() -> None:
    for name, key in _merge.VALUES:
        found = schema.of(struct_of(name)).fields[key]
        assert isinstance(found.schema, Record), (name, key)
        assert not found.required, (name, key)
