"""The table of kinds against the schemas of v1.37 and against what upstream's API server is known to lay out."""

from __future__ import annotations

import json
from pathlib import Path

import kubernetes_validate
import pytest

from podling.api import kinds
from podling.api.types import core_v1, events_v1, meta_v1

SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema/v1.37.0-local/_definitions.json"
NO_RESOURCE = {"APIGroup", "APIVersions", "Status", "DeleteOptions", "WatchEvent"}


def test_every_kind_of_the_schemas_has_a_row_and_no_row_is_invented() -> None:
    definitions = json.loads(SCHEMAS.read_text())["$defs"]
    named = {
        (item["group"], item["version"], item["kind"])
        for definition in definitions.values()
        for item in definition.get("x-kubernetes-group-version-kind", ())
        if item["kind"] not in NO_RESOURCE and not item["kind"].endswith("List")
    }
    own = {tuple(row.gvk) for row in kinds.ALL if row.group != "metrics.k8s.io"}
    assert own == named


def test_what_is_measured_is_what_upstreams_metrics_server_serves() -> None:
    rows = [row for row in kinds.ALL if row.group == "metrics.k8s.io"]
    found = {(row.kind, row.plural, row.namespaced, row.verbs, row.is_stored) for row in rows}
    assert found == {
        ("NodeMetrics", "nodes", False, ("get", "list"), False),
        ("PodMetrics", "pods", True, ("get", "list"), False),
    }
    assert kinds.ALL[-1].group == "metrics.k8s.io"  # so that "pods" means those of core everywhere


def test_every_row_has_its_generated_type() -> None:
    for row in kinds.ALL:
        assert row.struct.__name__ == row.kind
        assert kinds.of(row.struct) is row


def test_every_row_names_subresources_that_exist() -> None:
    for row in kinds.ALL:
        assert set(row.subresources) <= set(kinds.SUBRESOURCES), row


def test_versions_of_a_kind_share_their_place_in_the_store() -> None:
    for row in kinds.ALL:
        stored = kinds.storage_kind(row)
        assert stored.prefix == row.prefix
        assert (row is stored) == (row.convert == ""), row


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (kinds.POD, "/registry/pods/ns/x"),
        (kinds.NODE, "/registry/minions/x"),
        (kinds.SERVICE, "/registry/services/specs/ns/x"),
        (kinds.ENDPOINTS, "/registry/services/endpoints/ns/x"),
        (kinds.REPLICATION_CONTROLLER, "/registry/controllers/ns/x"),
        (kinds.INGRESS, "/registry/ingress/ns/x"),
        (kinds.EVENT_EVENTS_V1, "/registry/events/ns/x"),
        (kinds.API_SERVICE, "/registry/apiregistration.k8s.io/apiservices/x"),
        (kinds.CUSTOM_RESOURCE_DEFINITION, "/registry/apiextensions.k8s.io/customresourcedefinitions/x"),
        (kinds.LEASE, "/registry/leases/ns/x"),
    ],
)
def test_keys_are_upstreams(row: kinds.Kind, key: str) -> None:
    # kubernetes test/integration/etcd/data.go, ExpectedEtcdPath
    assert row.key("ns", "x") == key
    assert key.startswith(row.key_prefix("ns"))


def test_a_prefix_of_all_namespaces_ends_in_a_slash() -> None:
    assert kinds.POD.key_prefix() == "/registry/pods/"
    assert kinds.POD.key_prefix("a") == "/registry/pods/a/"


def test_reviews_and_bodies_of_subresources_lie_nowhere() -> None:
    for row in (kinds.TOKEN_REVIEW, kinds.SUBJECT_ACCESS_REVIEW, kinds.BINDING, kinds.EVICTION, kinds.SCALE):
        assert not row.is_stored
    assert not kinds.COMPONENT_STATUS.is_stored
    assert kinds.POD.is_stored


def test_namespaces_cannot_be_deleted_as_a_collection() -> None:
    assert "deletecollection" not in kinds.NAMESPACE.verbs
    assert "deletecollection" in kinds.POD.verbs


def test_lookup_by_kind_resource_and_type() -> None:
    assert kinds.by_gvk("apps", "v1", "Deployment") is kinds.DEPLOYMENT
    assert kinds.by_api_version("v1", "Pod") is kinds.POD
    assert kinds.by_resource("", "v1", "pods") is kinds.POD
    assert kinds.of(core_v1.Pod) is kinds.POD
    assert kinds.of(events_v1.Event) is kinds.EVENT_EVENTS_V1


def test_what_is_not_in_the_table_is_said_so() -> None:
    with pytest.raises(kinds.UnknownKind, match='no kind "Pud" is registered for version "v1"'):
        kinds.by_gvk("", "v1", "Pud")
    with pytest.raises(kinds.UnknownKind):
        kinds.of(meta_v1.ObjectMeta)
    with pytest.raises(kinds.UnknownKind):
        kinds.by_resource("policy", "v1", "evictions")


def test_preferred_versions_come_first() -> None:
    order = [row.version for row in kinds.ALL if row.group == "autoscaling" and row.verbs]
    assert order == ["v2", "v1"]
    versions = ["v1alpha1", "v1", "v2", "v1beta2", "v2beta1", "v11alpha2"]
    assert sorted(versions, key=kinds.version_rank) == [
        "v2",
        "v1",
        "v2beta1",
        "v1beta2",
        "v11alpha2",
        "v1alpha1",
    ]


def test_alpha_and_beta_are_served_only_when_asked_for() -> None:
    assert kinds.POD.served_by_default
    assert not kinds.LEASE_CANDIDATE_V1BETA1.served_by_default


def test_paths_of_the_api() -> None:
    assert kinds.POD.url("default", "web", "log") == "/api/v1/namespaces/default/pods/web/log"
    assert kinds.DEPLOYMENT.url() == "/apis/apps/v1/deployments"
    assert kinds.NODE.url(name="n1") == "/api/v1/nodes/n1"


def test_a_custom_resource_has_no_type() -> None:
    row = kinds.Kind("example.com", "v1", "Foo", "foos", "foo", True, prefix="example.com/foos")
    assert row.key("ns", "a") == "/registry/example.com/foos/ns/a"
    with pytest.raises(LookupError):
        _ = row.struct
