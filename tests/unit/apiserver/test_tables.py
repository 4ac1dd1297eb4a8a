"""Tables of the other kinds: cells as upstream's k8s.io/kubernetes/pkg/printers/internalversion/printers.go prints them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api import kinds, times
from podling.api.kinds import Kind
from podling.apiserver import tables
from podling.apiserver.tables.registry import LAYOUTS

NOW = times.parse("2024-05-01T12:00:00Z")
HOUR_AGO = "2024-05-01T11:00:00Z"


def table(kind: Kind, *documents: dict[str, Any], **options: Any) -> dict[str, Any]:
    items = [
        msgspec.json.encode({"kind": kind.kind, "apiVersion": kind.api_version, **document})
        for document in documents
    ]
    decoded = msgspec.json.decode(tables.render(kind, items, now=NOW, **options))
    assert isinstance(decoded, dict)
    return decoded


def cells(kind: Kind, **document: Any) -> list[Any]:
    metadata = {"name": "x", "creationTimestamp": HOUR_AGO, **document.pop("metadata", {})}
    found = table(kind, {"metadata": metadata, **document}, include="None")
    row = found["rows"][0]["cells"]
    assert len(row) == len(found["columnDefinitions"])
    return list(row)


TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j"}]},
}
MATCH = {"matchLabels": {"app": "web"}}


@pytest.mark.parametrize(
    ("kind", "document", "row"),
    [
        (
            kinds.DEPLOYMENT,
            {
                "spec": {"replicas": 3, "selector": MATCH, "template": TEMPLATE},
                "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
            },
            ["x", "1/3", 2, 1, "60m", "a,b", "i:1,j", "app=web"],
        ),
        (
            kinds.REPLICA_SET,
            {
                "spec": {"replicas": 3, "selector": MATCH, "template": TEMPLATE},
                "status": {"replicas": 2, "readyReplicas": 1},
            },
            ["x", 3, 2, 1, "60m", "a,b", "i:1,j", "app=web"],
        ),
        (
            kinds.REPLICATION_CONTROLLER,
            {
                "spec": {"replicas": 3, "selector": {"b": "2", "a": "1"}, "template": TEMPLATE},
                "status": {"replicas": 2},
            },
            ["x", 3, 2, 0, "60m", "a,b", "i:1,j", "a=1,b=2"],
        ),
        (
            kinds.STATEFUL_SET,
            {
                "spec": {"replicas": 2, "selector": MATCH, "template": TEMPLATE},
                "status": {"replicas": 2, "readyReplicas": 1},
            },
            ["x", "1/2", "60m", "a,b", "i:1,j"],
        ),
        (
            kinds.DAEMON_SET,
            {
                "spec": {"selector": MATCH, "template": TEMPLATE},
                "status": {
                    "desiredNumberScheduled": 3,
                    "currentNumberScheduled": 2,
                    "numberReady": 1,
                    "numberMisscheduled": 0,
                },
            },
            ["x", 3, 2, 1, 0, 0, "<none>", "60m", "a,b", "i:1,j", "app=web"],
        ),
        (
            kinds.CONTROLLER_REVISION,
            {
                "revision": 4,
                "metadata": {
                    "ownerReferences": [
                        {
                            "apiVersion": "apps/v1",
                            "kind": "StatefulSet",
                            "name": "s",
                            "uid": "u",
                            "controller": True,
                        }
                    ]
                },
            },
            ["x", "statefulset.apps/s", 4, "60m"],
        ),
        (kinds.POD_TEMPLATE, {"template": TEMPLATE}, ["x", "a,b", "i:1,j", "app=web"]),
        (
            kinds.JOB,
            {
                "spec": {"completions": 2, "template": TEMPLATE},
                "status": {"succeeded": 1, "startTime": "2024-05-01T11:59:30Z"},
            },
            ["x", "Running", "1/2", "30s", "60m", "a,b", "i:1,j", "<none>"],
        ),
        (
            kinds.JOB,
            {
                "spec": {"parallelism": 3, "template": TEMPLATE},
                "status": {
                    "startTime": "2024-05-01T11:00:00Z",
                    "completionTime": "2024-05-01T11:20:00Z",
                    "conditions": [{"type": "Complete", "status": "True"}],
                },
            },
            ["x", "Complete", "0/1 of 3", "20m", "60m", "a,b", "i:1,j", "<none>"],
        ),
        (
            kinds.CRON_JOB,
            {
                "spec": {
                    "schedule": "*/5 * * * *",
                    "suspend": False,
                    "jobTemplate": {"spec": {"template": TEMPLATE}},
                },
                "status": {"lastScheduleTime": "2024-05-01T11:58:00Z", "active": [{}]},
            },
            ["x", "*/5 * * * *", "<none>", "False", 1, "2m", "60m", "a,b", "i:1,j", "<none>"],
        ),
        (
            kinds.POD_DISRUPTION_BUDGET,
            {
                "spec": {"minAvailable": "50%"},
                "status": {
                    "disruptionsAllowed": 1,
                    "currentHealthy": 2,
                    "desiredHealthy": 1,
                    "expectedPods": 2,
                },
            },
            ["x", "50%", "N/A", 1, "60m"],
        ),
        (kinds.NAMESPACE, {"status": {"phase": "Active"}}, ["x", "Active", "60m"]),
        (kinds.CONFIG_MAP, {"data": {"a": "1"}, "binaryData": {"b": "AA=="}}, ["x", 2, "60m"]),
        (kinds.SECRET, {"type": "Opaque", "data": {"a": "AA=="}}, ["x", "Opaque", 1, "60m"]),
        (kinds.SERVICE_ACCOUNT, {}, ["x", 0, "60m"]),
        (
            kinds.RESOURCE_QUOTA,
            {
                "status": {
                    "hard": {"limits.cpu": "2", "requests.cpu": "1", "pods": "5"},
                    "used": {"pods": "3"},
                }
            },
            ["x", "pods: 3/5, requests.cpu: 0/1", "limits.cpu: 0/2", "60m"],
        ),
        (
            kinds.NODE,
            {
                "metadata": {
                    "labels": {
                        "node-role.kubernetes.io/worker": "",
                        "node-role.kubernetes.io/control-plane": "",
                        "kubernetes.io/role": "etcd",
                    }
                },
                "spec": {"unschedulable": True},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [
                        {"type": "Hostname", "address": "h"},
                        {"type": "InternalIP", "address": "10.0.0.1"},
                    ],
                    "nodeInfo": {
                        "kubeletVersion": "v1.37.0",
                        "osImage": "Debian",
                        "kernelVersion": "6.1",
                        "containerRuntimeVersion": "",
                    },
                },
            },
            [
                "x",
                "Ready,SchedulingDisabled",
                "control-plane,etcd,worker",
                "60m",
                "v1.37.0",
                "10.0.0.1",
                "<none>",
                "Debian",
                "6.1",
                "<unknown>",
            ],
        ),
        (
            kinds.NODE,
            {},
            ["x", "Unknown", "<none>", "60m", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"],
        ),
        (
            kinds.EVENT,
            {
                "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"},
                "type": "Normal",
                "reason": "Started",
                "message": "Started container a\n",
                "firstTimestamp": "2024-05-01T11:50:00Z",
                "lastTimestamp": "2024-05-01T11:59:00Z",
                "count": 6,
                "source": {"component": "kubelet", "host": "n1"},
            },
            [
                "60s",
                "Normal",
                "Started",
                "pod/web",
                "spec.containers{a}",
                "kubelet, n1",
                "Started container a",
                "10m",
                6,
                "x",
            ],
        ),
        (
            kinds.EVENT,
            {
                "involvedObject": {"kind": "Node"},
                "eventTime": "2024-05-01T11:59:50.000000Z",
                "reportingComponent": "sched",
            },
            ["10s", "", "", "node", "", "sched", "", "10s", 1, "x"],
        ),
        (
            kinds.EVENT_EVENTS_V1,
            {
                "regarding": {"kind": "Pod", "name": "web"},
                "eventTime": "2024-05-01T11:59:00.000000Z",
                "note": "hello",
                "series": {"count": 3, "lastObservedTime": "2024-05-01T11:59:55.000000Z"},
            },
            ["5s", "", "", "pod/web", "", "", "hello", "60s", 3, "x"],
        ),
        (
            kinds.SERVICE,
            {
                "spec": {
                    "type": "NodePort",
                    "clusterIPs": ["10.0.0.9"],
                    "ports": [
                        {"port": 80, "nodePort": 30080, "protocol": "TCP"},
                        {"port": 53, "protocol": "UDP"},
                    ],
                    "selector": {"app": "web"},
                }
            },
            ["x", "NodePort", "10.0.0.9", "<none>", "80:30080/TCP,53/UDP", "60m", "app=web"],
        ),
        (
            kinds.SERVICE,
            {
                "spec": {"type": "LoadBalancer"},
                "status": {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}, {"hostname": "lb"}]}},
            },
            ["x", "LoadBalancer", "<none>", "9.9.9.9,lb", "<none>", "60m", "<none>"],
        ),
        (
            kinds.SERVICE,
            {"spec": {"type": "LoadBalancer"}},
            ["x", "LoadBalancer", "<none>", "<pending>", "<none>", "60m", "<none>"],
        ),
        (
            kinds.SERVICE,
            {"spec": {"type": "ExternalName", "externalName": "a.b"}},
            ["x", "ExternalName", "<none>", "a.b", "<none>", "60m", "<none>"],
        ),
        (
            kinds.ENDPOINTS,
            {
                "subsets": [
                    {
                        "addresses": [{"ip": "1.1.1.1"}, {"ip": "2.2.2.2"}],
                        "ports": [{"port": 80}, {"port": 90}],
                    }
                ]
            },
            ["x", "1.1.1.1:80,2.2.2.2:80,1.1.1.1:90 + 1 more...", "60m"],
        ),
        (kinds.ENDPOINTS, {}, ["x", "<none>", "60m"]),
        (
            kinds.ENDPOINT_SLICE,
            {
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": 80}, {"name": "web"}],
                "endpoints": [{"addresses": ["1.1.1.1", "2.2.2.2"]}],
            },
            ["x", "IPv4", "80,web", "1.1.1.1,2.2.2.2", "60m"],
        ),
        (
            kinds.ENDPOINT_SLICE,
            {"addressType": "IPv4", "endpoints": []},
            ["x", "IPv4", "<unset>", "<unset>", "60m"],
        ),
        (
            kinds.INGRESS,
            {
                "spec": {
                    "ingressClassName": "nginx",
                    "rules": [{"host": "a"}, {}, {"host": "b"}],
                    "tls": [{}],
                },
                "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
            },
            ["x", "nginx", "a,b", "1.2.3.4", "80, 443", "60m"],
        ),
        (kinds.INGRESS, {"spec": {}}, ["x", "<none>", "*", "", "80", "60m"]),
        (
            kinds.INGRESS_CLASS,
            {"spec": {"controller": "c", "parameters": {"apiGroup": "g.io", "kind": "Params", "name": "p"}}},
            ["x", "c", "Params.g.io/p", "60m"],
        ),
        (kinds.NETWORK_POLICY, {"spec": {"podSelector": {}}}, ["x", "<none>", "60m"]),
        (
            kinds.IP_ADDRESS,
            {"spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}}},
            ["x", "services/default/kubernetes"],
        ),
        (kinds.SERVICE_CIDR, {"spec": {"cidrs": ["10.43.0.0/16"]}}, ["x", "10.43.0.0/16", "60m"]),
        (
            kinds.PERSISTENT_VOLUME,
            {
                "spec": {
                    "capacity": {"storage": "4Gi"},
                    "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"namespace": "d", "name": "c"},
                    "storageClassName": "fast",
                    "volumeMode": "Filesystem",
                },
                "status": {"phase": "Bound"},
            },
            ["x", "4Gi", "RWO,RWX", "Retain", "Bound", "d/c", "fast", "<unset>", "", "60m", "Filesystem"],
        ),
        (
            kinds.PERSISTENT_VOLUME_CLAIM,
            {
                "spec": {"volumeName": "v"},
                "status": {
                    "phase": "Bound",
                    "capacity": {"storage": "4Gi"},
                    "accessModes": ["ReadWriteOnce"],
                },
            },
            ["x", "Bound", "v", "4Gi", "RWO", "", "<unset>", "60m", "<unset>"],
        ),
        (
            kinds.PERSISTENT_VOLUME_CLAIM,
            {"status": {"phase": "Pending"}, "spec": {"storageClassName": "s"}},
            ["x", "Pending", "", "", "", "s", "<unset>", "60m", "<unset>"],
        ),
        (
            kinds.STORAGE_CLASS,
            {
                "provisioner": "p",
                "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            },
            ["x (default)", "p", "Delete", "Immediate", False, "60m"],
        ),
        (
            kinds.CSI_DRIVER,
            {"spec": {"attachRequired": False, "volumeLifecycleModes": ["Persistent", "Ephemeral"]}},
            ["x", False, False, False, "<unset>", False, "Persistent,Ephemeral", "60m"],
        ),
        (
            kinds.VOLUME_ATTACHMENT,
            {
                "spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "p"}},
                "status": {"attached": True},
            },
            ["x", "a", "p", "n", True, "60m"],
        ),
        (
            kinds.ROLE_BINDING,
            {
                "roleRef": {"apiGroup": "g", "kind": "Role", "name": "r"},
                "subjects": [
                    {"kind": "User", "name": "u"},
                    {"kind": "User", "name": "v"},
                    {"kind": "Group", "name": "g"},
                    {"kind": "ServiceAccount", "namespace": "d", "name": "s"},
                ],
            },
            ["x", "Role/r", "60m", "u, v", "g", "d/s"],
        ),
        (
            kinds.CERTIFICATE_SIGNING_REQUEST,
            {
                "spec": {"request": "AA==", "signerName": "s/n", "username": "u", "expirationSeconds": 7200},
                "status": {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "AA=="},
            },
            ["x", "60m", "s/n", "u", "120m", "Approved,Issued"],
        ),
        (kinds.VALIDATING_WEBHOOK_CONFIGURATION, {"webhooks": []}, ["x", 0, "60m"]),
        (
            kinds.API_SERVICE,
            {
                "spec": {"groupPriorityMinimum": 1, "versionPriority": 1},
                "status": {"conditions": [{"type": "Available", "status": "False", "reason": "Gone"}]},
            },
            ["x", "Local", "False (Gone)", "60m"],
        ),
        (
            kinds.FLOW_SCHEMA,
            {"spec": {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": 5}},
            ["x", "p", 5, "<none>", "60m", "?"],
        ),
        (
            kinds.PRIORITY_LEVEL_CONFIGURATION,
            {"spec": {"type": "Exempt"}},
            ["x", "Exempt", "<none>", "<none>", "<none>", "<none>", "60m"],
        ),
        (kinds.LEASE, {"spec": {"holderIdentity": "me"}}, ["x", "me", "60m"]),
        (kinds.PRIORITY_CLASS, {"value": 7, "preemptionPolicy": "Never"}, ["x", 7, False, "60m", "Never"]),
        (kinds.RUNTIME_CLASS, {"handler": "crun"}, ["x", "crun", "60m"]),
        (
            kinds.RESOURCE_CLAIM,
            {"status": {"allocation": {}, "reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}},
            ["x", "allocated,reserved", "60m"],
        ),
        (kinds.RESOURCE_CLAIM, {}, ["x", "pending", "60m"]),
        (kinds.ROLE, {}, ["x", HOUR_AGO]),
        (kinds.LIMIT_RANGE, {}, ["x", HOUR_AGO]),
    ],
    ids=lambda value: value.kind if isinstance(value, Kind) else "",
)
def test_cells(kind: Kind, document: dict[str, Any], row: list[Any]) -> None:
    assert cells(kind, **document) == row


CPU_METRIC = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


@pytest.mark.parametrize(
    ("metrics", "current", "targets"),
    [
        ([], [], "<none>"),
        ([CPU_METRIC], [], "cpu: <unknown>/80%"),
        (
            [CPU_METRIC],
            [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageUtilization": 50, "averageValue": "40m"}},
                }
            ],
            "cpu: 50%/80%",
        ),
        (
            [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": "m"},
                        "target": {"type": "AverageValue", "averageValue": "100m"},
                    },
                }
            ],
            [{"type": "Pods", "pods": {"metric": {"name": "m"}, "current": {"averageValue": "50m"}}}],
            "50m/100m",
        ),
        (
            [
                {
                    "type": "External",
                    "external": {
                        "metric": {"name": "m"},
                        "target": {"type": "AverageValue", "averageValue": "100m"},
                    },
                }
            ],
            [{"type": "External", "external": {"metric": {"name": "m"}, "current": {"averageValue": "50m"}}}],
            "50m/100m (avg)",
        ),
        ([CPU_METRIC, CPU_METRIC, CPU_METRIC], [], "cpu: <unknown>/80%, cpu: <unknown>/80% + 1 more..."),
    ],
)
def test_an_autoscalers_targets(metrics: list[Any], current: list[Any], targets: str) -> None:
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "w"},
        "maxReplicas": 5,
        "minReplicas": 2,
        "metrics": metrics,
    }
    row = cells(
        kinds.HORIZONTAL_POD_AUTOSCALER,
        spec=spec,
        status={"currentReplicas": 4, "desiredReplicas": 4, "currentMetrics": current},
    )
    assert row == ["x", "Deployment/w", targets, "2", 5, 4, "60m"]


def test_an_old_autoscaler_shows_as_a_new_one() -> None:
    spec = {
        "scaleTargetRef": {"kind": "D", "name": "w"},
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 70,
    }
    assert cells(kinds.HORIZONTAL_POD_AUTOSCALER_V1, spec=spec)[2] == "cpu: <unknown>/70%"


def test_kinds_without_columns_of_their_own_show_when_they_were_created() -> None:
    found = table(kinds.ROLE, {"metadata": {"name": "r", "creationTimestamp": HOUR_AGO}})
    assert [(column["name"], column["type"], column["format"]) for column in found["columnDefinitions"]] == [
        ("Name", "string", "name"),
        ("Created At", "date", ""),
    ]


def test_custom_resources_show_too() -> None:
    widget = Kind("example.com", "v1", "Widget", "widgets", "widget", True, prefix="example.com/widgets")
    assert table(widget, {"metadata": {"name": "w", "creationTimestamp": HOUR_AGO}, "spec": {"a": 1}})[
        "rows"
    ][0]["cells"] == ["w", HOUR_AGO]


POD = {"metadata": {"name": "p", "resourceVersion": "7"}, "spec": {"containers": []}}


def test_a_row_holds_as_much_of_the_object_as_is_asked_for() -> None:
    assert table(kinds.POD, POD, include="None")["rows"][0]["object"] is None
    assert table(kinds.POD, POD, include="Object")["rows"][0]["object"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        **POD,
    }
    assert table(kinds.POD, POD)["rows"][0]["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": POD["metadata"],
    }


def test_the_table_says_what_it_is_and_carries_the_lists_metadata() -> None:
    found = table(kinds.POD, list_meta=b'{"resourceVersion":"9"}', version="v1beta1")
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1beta1")
    assert found["metadata"] == {"resourceVersion": "9"}
    assert found["rows"] == []
    assert len(found["columnDefinitions"]) == 9
    assert table(kinds.POD, headers=False)["columnDefinitions"] == []


def test_wide_columns_have_a_priority() -> None:
    columns = table(kinds.POD)["columnDefinitions"]
    assert [column["name"] for column in columns if column["priority"] == 0] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]


@pytest.mark.parametrize("kind", list(LAYOUTS), ids=repr)
def test_every_layout_can_show_an_empty_object(kind: Kind) -> None:
    assert cells(kind)
