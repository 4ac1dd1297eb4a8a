"""Strategic merge patch on real kinds: what kubectl and client-go send, and upstream's answers to what is wrong.

Behaviour from k8s.io/apimachinery/pkg/util/strategicpatch (patch.go, patch_test.go) and its design proposals.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podling.api import errors, schema
from podling.api.patch import strategic
from podling.api.types import apps_v1, core_v1, meta_v1

POD = schema.of(core_v1.Pod)
DEPLOYMENT = schema.of(apps_v1.Deployment)


def patched(document: dict[str, Any], patch: dict[str, Any], node: schema.Schema = POD) -> dict[str, Any]:
    before = copy.deepcopy((document, patch))
    result = strategic.apply(document, patch, node)
    assert (document, patch) == before
    return result


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


def names(document: dict[str, Any]) -> list[str]:
    return [item["name"] for item in document["spec"]["containers"]]


def test_maps_merge_and_null_removes() -> None:
    document = {"metadata": {"labels": {"a": "1", "b": "2"}, "name": "x"}}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}}}
    assert patched(document, patch) == {"metadata": {"labels": {"b": "2", "c": "3"}, "name": "x"}}


def test_items_with_the_same_merge_key_merge() -> None:
    document = containers(
        {"name": "a", "image": "old", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b"}
    )
    patch = containers({"name": "a", "image": "new", "env": [{"name": "Y", "value": "2"}]})
    assert patched(document, patch)["spec"]["containers"] == [
        {"name": "a", "image": "new", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]},
        {"name": "b", "image": "b"},
    ]


def test_new_items_of_the_patch_come_before_what_only_the_document_has() -> None:
    assert names(patched(containers({"name": "a"}), containers({"name": "b"}))) == ["b", "a"]


def test_the_patch_may_give_the_order() -> None:
    document = containers({"name": "a"}, {"name": "b"}, {"name": "c"})
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "new"}, {"name": "a"}],
            "containers": [{"name": "new"}],
        }
    }
    assert names(patched(document, patch)) == ["b", "c", "new", "a"]
    only_order = {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}}
    assert names(patched(document, only_order)) == ["b", "c", "a"]


def test_an_order_without_any_list_does_nothing() -> None:
    assert patched({"spec": {}}, {"spec": {"$setElementOrder/containers": [{"name": "a"}]}}) == {"spec": {}}


def test_items_are_deleted_by_their_merge_key() -> None:
    document = containers({"name": "a"}, {"name": "b"})
    assert names(patched(document, containers({"name": "a", "$patch": "delete"}))) == ["b"]


def test_kubectl_applys_deletion_with_order() -> None:
    document = containers({"name": "a"}, {"name": "b"})
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}],
            "containers": [{"name": "b", "image": "i"}, {"$patch": "delete", "name": "a"}],
        }
    }
    assert patched(document, patch) == containers({"name": "b", "image": "i"})


def test_a_list_is_replaced_on_demand() -> None:
    document = containers({"name": "a"}, {"name": "b"})
    assert patched(document, containers({"name": "c"}, {"$patch": "replace"})) == containers({"name": "c"})
    assert patched(document, containers({"$patch": "replace"})) == containers()


def test_lists_without_the_merge_strategy_are_replaced() -> None:
    document = containers({"name": "a", "command": ["x", "y"]})
    assert patched(document, containers({"name": "a", "command": ["z"]})) == containers(
        {"name": "a", "command": ["z"]}
    )
    tolerations = {"spec": {"tolerations": [{"key": "a"}]}}
    assert patched(tolerations, {"spec": {"tolerations": [{"key": "b"}]}}) == {
        "spec": {"tolerations": [{"key": "b"}]}
    }


def test_finalizers_merge_as_a_set_and_are_dropped_from_it() -> None:
    document = {"metadata": {"finalizers": ["a", "b"]}}
    assert patched(document, {"metadata": {"finalizers": ["c", "a"]}}) == {
        "metadata": {"finalizers": ["c", "a", "b"]}
    }
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b"]}}
    assert patched(document, gone) == {"metadata": {"finalizers": ["b"]}}
    assert patched({"metadata": {}}, gone) == {"metadata": {}}


def test_an_object_is_replaced_or_emptied_on_demand() -> None:
    document = {"metadata": {"labels": {"a": "1"}}, "spec": {"nodeName": "n"}}
    assert patched(document, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}})["metadata"] == {
        "labels": {"b": "2"}
    }
    assert patched(document, {"spec": {"$patch": "delete"}})["spec"] == {}


def test_retain_keys_clears_the_rest() -> None:
    document = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched(document, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_volumes_change_their_source_with_retain_keys() -> None:
    document = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    patch = {
        "spec": {"volumes": [{"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/x"}}]}
    }
    assert patched(document, patch) == {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}}


def test_what_is_added_anew_loses_directives_and_nulls() -> None:
    patch = {
        "metadata": {"labels": {"a": None, "b": "1"}},
        "spec": {
            "$retainKeys": ["containers", "nodeName"],
            "$setElementOrder/containers": [{"name": "a"}],
            "containers": [
                {"name": "a", "image": None, "resources": {"$retainKeys": []}},
                {"name": "b", "$patch": "delete"},
            ],
        },
    }
    assert patched({}, patch) == {
        "metadata": {"labels": {"b": "1"}},
        "spec": {"containers": [{"name": "a", "resources": {}}]},
    }


def test_a_value_of_another_type_replaces() -> None:
    assert patched({"metadata": {"labels": "odd"}}, {"metadata": {"labels": {"a": "1"}}}) == {
        "metadata": {"labels": {"a": "1"}}
    }


def test_owner_references_merge_by_uid_and_conditions_by_type() -> None:
    document = {"metadata": {"ownerReferences": [{"uid": "1", "name": "a"}]}}
    patch = {"metadata": {"ownerReferences": [{"uid": "1", "$patch": "delete"}, {"uid": "2", "name": "b"}]}}
    assert patched(document, patch)["metadata"] == {"ownerReferences": [{"uid": "2", "name": "b"}]}
    status = {
        "status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Other", "status": "True"}]}
    }
    turned = patched(status, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    assert turned["status"]["conditions"] == [
        {"type": "Ready", "status": "True"},
        {"type": "Other", "status": "True"},
    ]


def test_ports_of_a_service_merge_by_number() -> None:
    service = schema.of(core_v1.Service)
    document = {"spec": {"ports": [{"port": 80, "name": "http"}]}}
    patch = {"spec": {"ports": [{"port": 80, "nodePort": 30000}, {"port": 443}]}}
    assert patched(document, patch, service)["spec"]["ports"] == [
        {"port": 80, "name": "http", "nodePort": 30000},
        {"port": 443},
    ]


def test_raw_json_is_merged_as_plain_objects() -> None:
    revision = schema.of(apps_v1.ControllerRevision)
    document = {"data": {"spec": {"a": 1, "list": [1]}}}
    assert patched(document, {"data": {"spec": {"b": 2, "list": [2]}}}, revision) == {
        "data": {"spec": {"a": 1, "b": 2, "list": [2]}}
    }


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"spec": {"$patch": "merge"}}, "unknown patch type: merge in map: map[$patch:merge]"),
        (containers({"name": "a", "$patch": "merge"}), "merging lists cannot yet be specified in the patch"),
        (containers({"name": "a", "$patch": "x"}), "unknown patch type: x in map: map[$patch:x name:a]"),
        (containers({"image": "i"}), "map: map[image:i] does not contain declared merge key: name"),
        ({"spec": {"$retainKeys": "x"}}, "invalid patch format of retainKeys"),
        ({"spec": {"$retainKeys": ["a"], "nodeName": "n"}}, "invalid patch format of retainKeys"),
        ({"metadata": {"$deleteFromPrimitiveList": ["a"]}}, "invalid patch format of primitive list"),
        ({"spec": {"$setElementOrder": []}}, "invalid patch format of setElementOrder list"),
        ({"spec": {"$setElementOrder/containers": "x"}}, "invalid patch format of setElementOrder list"),
        (
            {"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]}},
            "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
        ),
        (containers({"name": "a"}, {"name": "b"}) | {"metadata": []}, None),
    ],
)
def test_what_is_malformed_is_told_in_upstreams_words(patch: dict[str, Any], message: str | None) -> None:
    document = containers({"name": "a"}) | {"metadata": {"finalizers": ["a"]}}
    if message is None:
        assert patched(document, patch)["metadata"] == []
        return
    with pytest.raises(errors.BadRequest) as caught:
        strategic.apply(document, patch, POD)
    assert str(caught.value) == message


def test_a_field_that_the_kind_does_not_have_cannot_be_merged() -> None:
    with pytest.raises(
        errors.BadRequest, match='unable to find api field in struct ObjectMeta for the json field "odd"'
    ):
        strategic.apply({"metadata": {"odd": {}}}, {"metadata": {"odd": {"a": 1}}}, POD)


def test_lists_of_lists_are_refused() -> None:
    with pytest.raises(errors.UnprocessablePatch):
        strategic.apply({"metadata": {"finalizers": [["a"]]}}, {"metadata": {"finalizers": ["b"]}}, POD)


def test_only_an_object_is_a_patch() -> None:
    with pytest.raises(errors.BadRequest, match="invalid JSON document"):
        strategic.apply({}, [], schema.of(meta_v1.ObjectMeta))
