"""What the server refuses of what CSI drivers and whoever attaches their volumes write (pkg/apis/storage/validation)."""

from __future__ import annotations

import copy

import msgspec
import pytest

from podling.api.types import storage_v1
from podling.apiserver.defaults import storage_v1 as storage_defaults
from podling.apiserver.validation import (
    csi_driver,
    csi_node,
    csi_storage_capacity,
    volume_attachment,
    volume_attributes_class,
)

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
INLINE = "in the context of inline volumes"


def said(faults):
    return [str(fault) for fault in faults]


def driver(**spec):
    made = msgspec.convert({"metadata": {"name": "d.io"}, "spec": spec}, storage_v1.CSIDriver)
    storage_defaults.csi_driver(made)
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (driver(), []),
        (driver(volumeLifecycleModes=["Ephemeral", "Persistent"], fsGroupPolicy="File"), []),
        (
            driver(tokenRequests=[{"audience": ""}, {"audience": "a", "expirationSeconds": 600}]),
            [],
        ),
        (
            driver(fsGroupPolicy="Always", volumeLifecycleModes=["Forever"]),
            [
                'spec.fsGroupPolicy: Unsupported value: "Always": supported values: "File", "None", '
                '"ReadWriteOnceWithFSType"',
                'spec.volumeLifecycleModes: Unsupported value: "Forever": supported values: "Persistent", "Ephemeral"',
            ],
        ),
        (
            driver(
                tokenRequests=[
                    {"audience": "a", "expirationSeconds": 599},
                    {"audience": "a"},
                    {"audience": "b", "expirationSeconds": 2**32 + 1},
                ]
            ),
            [
                "spec.tokenRequests[0].expirationSeconds: Invalid value: 599: "
                "may not specify a duration less than 10 minutes",
                'spec.tokenRequests[1].audience: Duplicate value: "a"',
                "spec.tokenRequests[2].expirationSeconds: Invalid value: 4294967297: "
                "may not specify a duration larger than 2^32 seconds",
            ],
        ),
        (
            driver(nodeAllocatableUpdatePeriodSeconds=9),
            [
                "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: "
                "must be greater than or equal to 10 seconds"
            ],
        ),
    ],
)
def test_drivers(given, expected):
    assert said(csi_driver.create(given)) == expected
    assert said(csi_driver.update(given, given)) == expected


def test_how_a_driver_attaches_and_how_long_its_volumes_live_never_changes():
    new = driver(attachRequired=False, volumeLifecycleModes=["Ephemeral"], podInfoOnMount=True)
    assert said(csi_driver.update(new, driver())) == [
        "spec.attachedRequired: Invalid value: false: field is immutable",
        'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
    ]


def test_a_driver_without_its_defaults_lacks_what_upstream_says_it_lacks():
    bare = msgspec.convert({"metadata": {"name": "d.io"}, "spec": {}}, storage_v1.CSIDriver)
    assert said(csi_driver.create(bare)) == [
        f"spec.{name}: Required value"
        for name in ("attachedRequired", "podInfoOnMount", "storageCapacity", "seLinuxMount")
    ]


def node(*drivers):
    return msgspec.convert({"metadata": {"name": "n"}, "spec": {"drivers": [*drivers]}}, storage_v1.CSINode)


def on(name="d.io", **more):
    return {"name": name, "nodeID": "n1", **more}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (node(), []),
        (node(on(topologyKeys=["zone", "a.io/rack"], allocatable={"count": 0}), on("E.io")), []),
        (
            node({"name": "", "nodeID": ""}),
            ["spec.drivers[0].name: Required value", "spec.drivers[0].nodeID: Required value"],
        ),
        (
            node(on("a" * 64, nodeID="x" * 257)),
            [
                "spec.drivers[0].name: Too long: may not be more than 63 bytes",
                f'spec.drivers[0].nodeID: Invalid value: "{"x" * 257}": must be 256 characters or less',
            ],
        ),
        (node(on("d_io")), [f'spec.drivers[0].name: Invalid value: "d_io": {SUBDOMAIN}']),
        (
            node(on(allocatable={"count": -1}), on(topologyKeys=["zone", "zone"])),
            [
                "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
                'spec.drivers[1].name: Duplicate value: "d.io"',
                'spec.drivers[1]: Duplicate value: "zone"',
            ],
        ),
    ],
)
def test_what_nodes_know_of_drivers(given, expected):
    assert said(csi_node.create(given)) == expected


def test_only_the_room_that_a_driver_has_on_a_node_changes():
    old = node(on(allocatable={"count": 1}))
    assert said(csi_node.update(node(on(allocatable={"count": 2}), on("e.io")), old)) == []
    assert said(csi_node.update(node(), old)) == []
    assert said(csi_node.update(node(on(nodeID="n2")), old)) == [
        'spec.drivers: Invalid value: {"name":"d.io","nodeID":"n2"}: field is immutable'
    ]


def capacity(sort="fast", **fields):
    body = {"metadata": {"name": "c"}, "storageClassName": sort, **fields}
    return msgspec.convert(body, storage_v1.CSIStorageCapacity)


def test_how_much_room_there_is():
    assert said(csi_storage_capacity.create(capacity(capacity="0", nodeTopology={}))) == []
    bad = capacity("_", capacity="-1Gi", nodeTopology={"matchExpressions": [{"key": "a", "operator": "Gt"}]})
    assert said(csi_storage_capacity.create(bad)) == [
        'nodeTopology.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator',
        f'storageClassName: Invalid value: "_": {SUBDOMAIN}',
        'capacity: Invalid value: "-1Gi": must be greater than or equal to 0',
    ]


def test_where_room_is_counted_never_changes():
    old = capacity(nodeTopology={"matchLabels": {"zone": "a"}}, capacity="1Gi")
    assert said(csi_storage_capacity.update(capacity(nodeTopology={"matchLabels": {"zone": "a"}}), old)) == []
    assert said(csi_storage_capacity.update(capacity("slow"), old)) == [
        "nodeTopology: Invalid value: null: field is immutable",
        'storageClassName: Invalid value: "slow": field is immutable',
    ]


def attachment(source=None, status=None, **spec):
    spec = {
        "attacher": "d.io",
        "nodeName": "n1",
        "source": {"persistentVolumeName": "v"} if source is None else source,
    } | spec
    body = {"metadata": {"name": "a"}, "spec": spec, "status": status}
    return msgspec.convert(body, storage_v1.VolumeAttachment)


CSI = {"csi": {"driver": "d.io", "volumeHandle": "h"}, "accessModes": ["ReadWriteOnce"]}
ONE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (attachment(), []),
        (attachment({"inlineVolumeSpec": CSI | {"volumeMode": "Filesystem"}}), []),
        (
            attachment(attacher="", nodeName="_"),
            [
                "spec.attacher: Required value",
                f'spec.nodeName: Invalid value: "_": {SUBDOMAIN}',
                "spec.attacher: Required value",
            ],
        ),
        (attachment({}), [f"spec.source: Required value: {ONE}"]),
        (
            attachment({"inlineVolumeSpec": CSI, "persistentVolumeName": "v"}),
            [f"spec.source: Forbidden: {ONE}"],
        ),
        (
            attachment({"persistentVolumeName": ""}),
            [
                "spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName",
                f'spec.source.persistentVolumeName: Invalid value: "": {SUBDOMAIN}',
            ],
        ),
        (
            attachment(
                {
                    "inlineVolumeSpec": {
                        "capacity": {"storage": "1Gi"},
                        "claimRef": {"name": "c"},
                        "hostPath": {"path": "/tmp"},
                        "nodeAffinity": {},
                        "persistentVolumeReclaimPolicy": "Delete",
                        "storageClassName": "fast",
                        "volumeMode": "Block",
                    }
                }
            ),
            [
                f"spec.source.inlineVolumeSpec.{text} {INLINE}"
                if text
                else "spec.source.inlineVolumeSpec.accessModes: Required value"
                for text in (
                    "claimRef: Forbidden: may not be specified",
                    "capacity: Forbidden: may not be specified",
                    "csi: Required value: has to be specified",
                    "",
                    "persistentVolumeReclaimPolicy: Forbidden: may only be Retain",
                    "nodeAffinity: Forbidden: may not be specified",
                    "storageClassName: Forbidden: may not be specified",
                    "volumeMode: Forbidden: may not specify volumeMode other than Filesystem",
                )
            ],
        ),
    ],
)
def test_attachments(given, expected):
    assert said(volume_attachment.create(given)) == expected


def test_what_is_attached_never_changes_and_the_state_is_judged_with_every_write():
    bad = attachment(
        nodeName="n2",
        status={
            "attached": False,
            "attachmentMetadata": {"a": "x" * 256 * 1024},
            "attachError": {"message": "x" * 1025, "errorCode": -1},
        },
    )
    shown = '{"attacher":"d.io","nodeName":"n2","source":{"persistentVolumeName":"v"}}'
    expected = [
        "status.attachmentMetadata: Too long: may not be more than 262144 bytes",
        "status.attachError.message: Too long: may not be more than 262144 bytes",
        "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        f"spec: Invalid value: {shown}: field is immutable",
    ]
    for rule in (volume_attachment.update, volume_attachment.update_status):
        assert said(rule(bad, attachment())) == expected
        assert said(rule(attachment(status={"attached": True}), attachment())) == []


def attributes(by="d.io", **parameters):
    body = {"metadata": {"name": "gold"}, "driverName": by, "parameters": parameters}
    return msgspec.convert(body, storage_v1.VolumeAttributesClass)


def test_classes_of_attributes():
    assert said(volume_attributes_class.create(attributes(iops="100"))) == []
    assert said(volume_attributes_class.create(attributes(""))) == [
        "driverName: Required value",
        "parameters: Required value: must contain at least one key/value pair",
    ]
    assert said(volume_attributes_class.create(attributes("_", iops="1"))) == [
        f'driverName: Invalid value: "_": {NAME_PART}'
    ]


def test_a_class_of_attributes_never_changes():
    old = attributes(iops="100")
    assert said(volume_attributes_class.update(copy.deepcopy(old), old)) == []
    assert said(volume_attributes_class.update(attributes("e.io", iops="200"), old)) == [
        "driverName: Forbidden: updates to driverName are forbidden.",
        "parameters: Forbidden: updates to parameters are forbidden.",
    ]
