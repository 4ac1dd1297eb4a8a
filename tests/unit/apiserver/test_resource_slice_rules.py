"""What the server refuses of ResourceSlices (pkg/apis/resource/validation)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api.types import resource_v1
from podling.apiserver.validation import resource_slice

POOL = {"name": "n1", "generation": 1, "resourceSliceCount": 1}
ONE_PLACE = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
AT = "spec.devices[0]"


def said(faults):
    return [str(fault) for fault in faults]


def offered(*devices, **spec):
    spec = {"driver": "d.io", "pool": POOL, "nodeName": "n1", "devices": [*devices]} | spec
    return msgspec.convert({"metadata": {"name": "s"}, "spec": spec}, resource_v1.ResourceSlice)


def device(name="gpu-0", **fields):
    return {"name": name, **fields}


def counters(name="set", **values):
    return {"name": name, "counters": {key: {"value": value} for key, value in values.items()}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (offered(), []),
        (
            offered(
                device(attributes={"model": {"string": "A"}, "e.io/driver": {"version": "1.2.3-rc.1+x"}}),
                device("gpu-1", capacity={"memory": {"value": "1Gi"}}),
            ),
            [],
        ),
        (offered(devices=None, sharedCounters=[counters(memory="1Gi")]), []),
        (offered(device(allNodes=True), nodeName=None, perDeviceNodeSelection=True), []),
        (
            offered(driver="", pool={"name": "", "generation": -1, "resourceSliceCount": 0}),
            [
                "spec.driver: Required value",
                "spec.pool.name: Required value",
                "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
                "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero",
            ],
        ),
        (offered(nodeName=None), [f"spec: Required value: {ONE_PLACE}"]),
        (
            offered(allNodes=True),
            [f'spec: Invalid value: "{{`nodeName`, `allNodes`}}": {ONE_PLACE}, but multiple fields are set'],
        ),
        (
            offered(nodeName="", allNodes=False, perDeviceNodeSelection=True),
            [
                'spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string',
                "spec.allNodes: Invalid value: false: must be either unset or set to true",
            ],
        ),
        (
            offered(sharedCounters=[{"name": "", "counters": {}}]),
            [
                'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
                "spec.sharedCounters[0].name: Required value",
                "spec.sharedCounters[0].counters: Required value",
            ],
        ),
        (offered(device(), device()), ['spec.devices[1]: Duplicate value: "gpu-0"']),
        (
            offered(*(device(f"d{index}") for index in range(129))),
            ["spec.devices: Too many: 129: must have at most 128 items"],
        ),
        (
            offered(device(nodeName="n1")),
            [
                f"{AT}: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if "
                "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
            ],
        ),
        (
            offered(
                device(
                    attributes={
                        "a": {},
                        "b": {"string": "x" * 65},
                        "c": {"version": "1.0"},
                        "d": {"int": 1, "ints": []},
                    }
                )
            ),
            [
                f'{AT}.attributes[a]: Invalid value: "": exactly one value must be specified',
                f"{AT}.attributes[b].string: Too long: may not be more than 64 bytes",
                f'{AT}.attributes[c].version: Invalid value: "1.0": '
                "must be a string compatible with semver.org spec 2.0.0",
                f"{AT}.attributes[d].ints: Invalid value: []: must not be empty if specified",
                f'{AT}.attributes[d]: Invalid value: {{"int":1,"ints":[]}}: exactly one value must be specified',
            ],
        ),
        (
            offered(
                device(
                    capacity={"memory": {"value": "1", "requestPolicy": {}}},
                    consumesCounters=[{"counterSet": "s", "counters": {}}],
                    bindingConditions=["ready"],
                )
            ),
            [
                f"{AT}.capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true",
                f"{AT}.consumesCounters[0].counters: Required value",
                f"{AT}.bindingFailureConditions: Invalid value: null: "
                "bindingFailureConditions are required to use bindingConditions",
            ],
        ),
        (
            offered(device(taints=[{"key": "a.io/b", "effect": ""}])),
            [f"{AT}.taints[0].effect: Required value"],
        ),
    ],
)
def test_slices(given, expected):
    assert said(resource_slice.create(given)) == expected


def test_whose_a_slice_is_never_changes():
    new = offered(driver="e.io", nodeName="n2", pool=POOL | {"name": "n2"})
    assert said(resource_slice.update(new, offered())) == [
        'spec.pool.name: Invalid value: "n2": field is immutable',
        'spec.driver: Invalid value: "e.io": field is immutable',
        'spec.nodeName: Invalid value: "n2": field is immutable',
    ]


def test_what_a_device_had_is_not_judged_again():
    old = offered(device(taints=[{"key": "a.io/b", "effect": ""}]))
    assert said(resource_slice.update(old, old)) == []
