"""What the server refuses of claims, volumes and storage classes, in upstream's words."""

import copy

import msgspec
import pytest

from podling.api import kinds
from podling.api.types import apps_v1, core_v1, storage_v1
from podling.apiserver import defaults
from podling.apiserver.validation import (
    persistent_volume,
    persistent_volume_claim,
    stateful_set,
    storage_class,
)

SIZE = {"requests": {"storage": "1Gi"}}
HOST = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}}
ON_NODE = {
    "required": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
    }
}
IMMUTABLE = (
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)


def claim(*, phase="Pending", capacity=None, annotations=None, **spec):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": SIZE} | spec
    status = {"phase": phase, "capacity": capacity}
    meta = {"name": "c", "annotations": annotations}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status}, core_v1.PersistentVolumeClaim)


def volume(**spec):
    made = {key: value for key, value in (HOST | spec).items() if value is not None}
    return msgspec.convert({"metadata": {"name": "v"}, "spec": made}, core_v1.PersistentVolume)


def sc(**fields):
    fields = {"provisioner": "example.com/disk", "volumeBindingMode": "Immediate"} | fields
    return msgspec.convert({"metadata": {"name": "s"}, **fields}, storage_v1.StorageClass)


def said(faults):
    return [str(each) for each in faults]


def test_claims_that_are_fine():
    for spec in (
        {},
        {"accessModes": ["ReadWriteOncePod"], "storageClassName": "", "volumeMode": "Block"},
        {"dataSource": {"kind": "PersistentVolumeClaim", "name": "other"}},
        {"selector": {"matchLabels": {"disk": "fast"}}, "volumeName": "v"},
    ):
        assert said(persistent_volume_claim.create(claim(**spec))) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"accessModes": []}, ["spec.accessModes: Required value: at least 1 access mode is required"]),
        (
            {"accessModes": ["ReadWrite"]},
            [
                'spec.accessModes: Unsupported value: "ReadWrite": supported values: "ReadOnlyMany", "ReadWriteMany", '
                '"ReadWriteOnce", "ReadWriteOncePod"'
            ],
        ),
        (
            {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]},
            ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        ),
        ({"resources": {}}, ["spec.resources[storage]: Required value"]),
        (
            {"resources": {"requests": {"storage": "0"}}},
            ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
        ),
        (
            {"volumeMode": "Tape"},
            ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
        ),
        (
            {"dataSource": {"kind": "Snapshot", "name": "s"}},
            [
                "spec.dataSource: Invalid value: \"Snapshot\": must be 'PersistentVolumeClaim' when referencing "
                "the default apiGroup"
            ],
        ),
        (
            {"dataSource": {"kind": "PersistentVolumeClaim", "name": "a"}}
            | {"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "b"}},
            ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
        ),
    ],
)
def test_claims_that_are_not(spec, expected):
    assert said(persistent_volume_claim.create(claim(**spec))) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (claim(), claim(volumeName="v")),
        (claim(), claim(storageClassName="standard")),
        (claim(phase="Bound"), claim(phase="Bound", resources={"requests": {"storage": "2Gi"}})),
        (claim(volumeAttributesClassName="slow"), claim(volumeAttributesClassName="fast")),
        (
            claim(annotations={"volume.beta.kubernetes.io/storage-class": "gold"}),
            claim(storageClassName="gold"),
        ),
    ],
    ids=["bound", "given a class", "grown", "other attributes", "class in its field"],
)
def test_what_may_change_about_a_claim(old, new):
    assert said(persistent_volume_claim.update(new, old)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (claim(volumeName="v"), claim(volumeName="w"), [IMMUTABLE]),
        (claim(storageClassName="a"), claim(storageClassName="b"), [IMMUTABLE]),
        (claim(), claim(accessModes=["ReadWriteMany"]), [IMMUTABLE]),
        (claim(), claim(resources={"requests": {"storage": "2Gi"}}), [IMMUTABLE]),
        (
            claim(phase="Bound", capacity={"storage": "1Gi"}),
            claim(phase="Bound", resources={"requests": {"storage": "1Mi"}}),
            ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
        ),
        (
            claim(volumeMode="Block"),
            claim(volumeMode="Filesystem"),
            [IMMUTABLE, 'volumeMode: Invalid value: "Filesystem": field is immutable'],
        ),
    ],
    ids=["other volume", "other class", "other modes", "grown while pending", "shrunk", "other mode"],
)
def test_what_may_not(old, new, expected):
    assert said(persistent_volume_claim.update(new, old)) == expected


def test_volumes_that_are_fine():
    for spec in (
        {},
        {"hostPath": None, "local": {"path": "/mnt/a"}, "nodeAffinity": ON_NODE, "volumeMode": "Block"},
        {"hostPath": None, "nfs": {"server": "s", "path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
    ):
        assert said(persistent_volume.create(volume(**spec))) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"hostPath": None}, ["spec: Required value: must specify a volume type"]),
        (
            {"local": {"path": "/mnt/a"}, "nodeAffinity": ON_NODE},
            ["spec.local: Forbidden: may not specify more than 1 volume type"],
        ),
        (
            {"hostPath": None, "local": {"path": "/mnt/../a"}},
            [
                "spec.local.path: Invalid value: \"/mnt/../a\": must not contain '..'",
                "spec.nodeAffinity: Required value: Local volume requires node affinity",
            ],
        ),
        (
            {"capacity": {}},
            [
                "spec.capacity: Required value",
                'spec.capacity: Unsupported value: {}: supported values: "storage"',
            ],
        ),
        (
            {"capacity": {"storage": "-1"}},
            [
                'spec.capacity[storage]: Invalid value: "-1": must be a valid resource quantity',
                'spec.capacity[storage]: Invalid value: "-1": must be greater than zero',
            ],
        ),
        ({"accessModes": []}, ["spec.accessModes: Required value"]),
        (
            {"persistentVolumeReclaimPolicy": "Keep"},
            [
                'spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle", '
                '"Retain"'
            ],
        ),
        (
            {"hostPath": {"path": "/tmp/.//"}, "nodeAffinity": {}},
            ["spec.nodeAffinity.required: Required value: must specify required node constraints"],
        ),
        (
            {"hostPath": {"path": "//"}, "persistentVolumeReclaimPolicy": "Recycle"},
            [
                "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"
            ],
        ),
        (
            {"volumeAttributesClassName": "fast"},
            ["spec.csi: Required value: has to be specified when using volumeAttributesClassName"],
        ),
    ],
)
def test_volumes_that_are_not(spec, expected):
    assert said(persistent_volume.create(volume(**spec))) == expected


def test_a_volume_may_grow_be_claimed_and_kept_but_not_moved():
    old = volume(nodeAffinity=ON_NODE)
    grown = volume(
        nodeAffinity=ON_NODE,
        capacity={"storage": "2Gi"},
        persistentVolumeReclaimPolicy="Delete",
        claimRef={"name": "c", "namespace": "default"},
    )
    assert said(persistent_volume.update(grown, old)) == []
    moved = volume(hostPath={"path": "/elsewhere"}, nodeAffinity=ON_NODE)
    assert said(persistent_volume.update(moved, old)) == [
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
    ]
    elsewhere = copy.deepcopy(ON_NODE)
    elsewhere["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] = ["b"]
    (fault,) = said(persistent_volume.update(volume(nodeAffinity=elsewhere), old))
    assert fault.endswith("field is immutable, except for updating from beta label to GA")
    assert said(persistent_volume.update(volume(nodeAffinity=ON_NODE), volume())) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"provisioner": ""}, ["provisioner: Required value"]),
        ({"volumeBindingMode": None}, ["volumeBindingMode: Required value"]),
        (
            {"volumeBindingMode": "Later"},
            [
                'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"'
            ],
        ),
        (
            {"reclaimPolicy": "Recycle"},
            ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
        ),
        ({"parameters": {"": "x"}}, ['parameters: Invalid value: "": field can not be empty.']),
        (
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": []}]}]},
            ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"],
        ),
    ],
)
def test_storage_classes(fields, expected):
    assert said(storage_class.create(sc(**fields))) == expected


def test_what_a_storage_class_has_said_of_volumes_stays():
    old = sc(parameters={"a": "b"}, reclaimPolicy="Delete")
    new = sc(provisioner="p.io/q", reclaimPolicy="Retain", volumeBindingMode="WaitForFirstConsumer")
    assert said(storage_class.update(new, old)) == [
        "parameters: Forbidden: updates to parameters are forbidden.",
        "provisioner: Forbidden: updates to provisioner are forbidden.",
        "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ]
    grows = sc(parameters={"a": "b"}, reclaimPolicy="Delete", allowVolumeExpansion=True)
    assert said(storage_class.update(grows, old)) == []


def test_a_stateful_set_may_mount_the_claims_that_its_pods_get():
    def stateful(mounted):
        mounts = [{"name": mounted, "mountPath": "/data"}]
        template = {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "c", "image": "i", "volumeMounts": mounts}]},
        }
        spec = {
            "selector": {"matchLabels": {"app": "db"}},
            "serviceName": "db",
            "template": template,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        }
        made = msgspec.convert({"metadata": {"name": "db"}, "spec": spec}, apps_v1.StatefulSet)
        defaults.of(kinds.of(apps_v1.StatefulSet))(made)
        return said(stateful_set.create(made))

    assert stateful("data") == []
    assert stateful("other") == ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "other"']
