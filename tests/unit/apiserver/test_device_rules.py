"""What the server refuses of claims to devices, their classes and taints, and what it fills in (pkg/apis/resource)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api.field import Path
from podling.api.types import resource_v1, resource_v1beta1
from podling.apiserver.defaults import resource_v1 as defaults
from podling.apiserver.defaults import resource_v1beta1 as older
from podling.apiserver.validation import (
    device_class,
    device_taint_rule,
    devices,
    resource_claim,
    resource_claim_template,
)

NO_REQUEST = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)
ONE = "exactly one of `exactly` or `firstAvailable` is required"
AT = "spec.devices.requests[0]"
OPAQUE = {"opaque": {"driver": "d.io", "parameters": {"a": 1}}}


def said(faults):
    return [str(fault) for fault in faults]


def made(kind, body, default=None):
    found = msgspec.json.decode(msgspec.json.encode({"metadata": {"name": "x"}, **body}), type=kind)
    if default is not None:
        default(found)
    return found


def claim(*requests, status=None, **more):
    body = {"spec": {"devices": {"requests": [*requests], **more}}, "status": status}
    return made(resource_v1.ResourceClaim, body, defaults.claim)


def exactly(name="r", **fields):
    return {"name": name, "exactly": {"deviceClassName": "gpu"} | fields}


def either(*names, name="r"):
    return {"name": name, "firstAvailable": [{"name": one, "deviceClassName": "gpu"} for one in names]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (claim(), []),
        (claim(exactly(), exactly("s", allocationMode="All")), []),
        (
            claim(
                either("a", "b"),
                constraints=[{"requests": ["r/a"], "matchAttribute": "d.io/numa"}],
                config=[{"requests": ["r"], **OPAQUE}],
            ),
            [],
        ),
        (claim({"name": "r"}), [f"{AT}: Required value: {ONE}"]),
        (
            claim(exactly() | either("a")),
            [f"{AT}: Invalid value: null: {ONE}, but multiple fields are set"],
        ),
        (claim(exactly(), exactly()), ['spec.devices.requests[1]: Duplicate value: "r"']),
        (
            claim(exactly(deviceClassName="", allocationMode="Some", selectors=[{}])),
            [
                f"{AT}.exactly.deviceClassName: Required value",
                f"{AT}.exactly.selectors[0].cel: Required value",
                f'{AT}.exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
            ],
        ),
        (
            claim(exactly(allocationMode="All", count=2), exactly("s", count=-1)),
            [
                f"{AT}.exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
                "spec.devices.requests[1].exactly.count: Invalid value: -1: must be greater than zero",
            ],
        ),
        (
            claim(
                exactly(
                    tolerations=[
                        {"operator": "Exists", "value": "x", "effect": "Never"},
                        {"operator": "Like"},
                    ]
                )
            ),
            [
                f'{AT}.exactly.tolerations[0].value: Invalid value: "x": must be empty for operator `Exists`',
                f'{AT}.exactly.tolerations[0].effect: Unsupported value: "Never": supported values: "NoExecute", '
                '"NoSchedule", "None"',
                f'{AT}.exactly.tolerations[1].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
            ],
        ),
        (
            claim(*(exactly(f"r{index}") for index in range(33))),
            ["spec.devices.requests: Too many: 33: must have at most 32 items"],
        ),
        (
            claim(exactly(), constraints=[{"requests": ["s", "r/a/b"]}, {"matchAttribute": "numa"}]),
            [
                f'spec.devices.constraints[0].requests[0]: Invalid value: "s": {NO_REQUEST}',
                f'spec.devices.constraints[0].requests[1]: Invalid value: "r/a/b": {NO_REQUEST}',
                'spec.devices.constraints[0]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is '
                "required, but multiple fields are set",
                'spec.devices.constraints[1].matchAttribute: Invalid value: "numa": '
                "a fully qualified name must be a domain and a name separated by a slash",
            ],
        ),
        (
            claim(exactly(), config=[{}, {"opaque": {"driver": "", "parameters": [1]}}]),
            [
                "spec.devices.config[0].opaque: Required value",
                "spec.devices.config[1].opaque.driver: Required value",
                'spec.devices.config[1].opaque.parameters: Invalid value: "<value omitted>": '
                "must be a valid JSON object",
            ],
        ),
    ],
)
def test_claims(given, expected):
    assert said(resource_claim.create(given)) == expected


def test_what_a_claim_asks_for_never_changes():
    (fault,) = resource_claim.update(claim(exactly("s")), claim(exactly()))
    assert (fault.field, fault.detail) == ("spec", "field is immutable")
    assert said(resource_claim.update(claim(exactly()), claim(exactly()))) == []


POD = {"resource": "pods", "name": "web", "uid": "1"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"allocation": {}, "reservedFor": [POD]}, []),
        (
            {"reservedFor": [POD, POD, {}]},
            [
                "status.reservedFor[2].resource: Required value",
                "status.reservedFor[2].name: Required value",
                "status.reservedFor[2].uid: Required value",
                'status.reservedFor[1]: Duplicate value: "1"',
                "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
            ],
        ),
    ],
)
def test_who_a_claim_is_reserved_for(status, expected):
    assert said(resource_claim.update_status(claim(status=status), claim())) == expected


def test_what_was_allocated_never_changes_but_may_be_given_back():
    old = claim(status={"allocation": {"allocationTimestamp": "2024-05-01T12:00:00Z"}})
    (fault,) = resource_claim.update_status(claim(status={"allocation": {}}), old)
    assert (fault.field, fault.detail) == ("status.allocation", "field is immutable")
    assert said(resource_claim.update_status(claim(status={}), old)) == []


def test_nobody_new_is_let_in_when_a_claim_is_being_deleted():
    leaving = claim(status={"allocation": {}, "reservedFor": [POD]})
    leaving.metadata.deletion_timestamp = "2024-05-01T12:00:00Z"
    why = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
    assert said(resource_claim.update_status(leaving, claim())) == [f"status.reservedFor: Forbidden: {why}"]
    assert said(resource_claim.update_status(leaving, leaving)) == []


def test_templates_of_claims():
    def template(**spec):
        return made(resource_v1.ResourceClaimTemplate, {"spec": spec}, defaults.claim_template)

    good = template(spec={"devices": {"requests": [exactly()]}})
    bad = template(metadata={"labels": {"a": "b c"}}, spec={"devices": {"requests": [{"name": "r"}]}})
    assert said(resource_claim_template.create(good)) == []
    first, second = said(resource_claim_template.create(bad))
    assert first.startswith('spec.metadata.labels: Invalid value: "b c"')
    assert second == f"spec.{AT}: Required value: {ONE}"
    assert [fault.field for fault in resource_claim_template.update(bad, good)] == ["spec"]


def test_one_device_is_meant_unless_more_are_asked_for():
    asked = claim(exactly(tolerations=[{"key": "a"}]), either("a", name="s")).spec.devices.requests
    assert (asked[0].exactly.allocation_mode, asked[0].exactly.count) == ("ExactCount", 1)
    assert asked[0].exactly.tolerations[0].operator == "Equal"
    assert (asked[1].first_available[0].allocation_mode, asked[1].first_available[0].count) == (
        "ExactCount",
        1,
    )
    every = claim(exactly(allocationMode="All")).spec.devices.requests[0].exactly
    assert (every.allocation_mode, every.count) == ("All", None)


def test_the_older_version_means_one_device_too():
    requests = [{"name": "r", "deviceClassName": "gpu"}, either("a", name="s")]
    body = {"spec": {"devices": {"requests": requests}}}
    flat, parts = made(resource_v1beta1.ResourceClaim, body, older.claim).spec.devices.requests
    assert (flat.allocation_mode, flat.count) == ("ExactCount", 1)
    assert (parts.allocation_mode, parts.first_available[0].count) == (None, 1)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"selectors": [{"cel": {"expression": "true"}}], "config": [OPAQUE]}, []),
        ({"extendedResourceName": "example.com/gpu"}, []),
        (
            {
                "selectors": [{"cel": {"expression": "x" * 10241}}],
                "config": [{}],
                "extendedResourceName": "cpu",
            },
            [
                "spec.selectors[0].cel.expression: Too long: may not be more than 10240 bytes",
                "spec.config[0].opaque: Required value",
                'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
            ],
        ),
    ],
)
def test_classes_of_devices(spec, expected):
    given = made(resource_v1.DeviceClass, {"spec": spec})
    assert said(device_class.create(given)) == expected
    assert said(device_class.update(given, given)) == expected


def tainting(effect="NoSchedule", key="a.io/b", **chosen):
    spec = {"deviceSelector": chosen, "taint": {"key": key, "effect": effect}}
    return made(resource_v1.DeviceTaintRule, {"spec": spec})


def test_taints_of_devices():
    assert said(device_taint_rule.create(tainting(driver="d.io", pool="n1/a", device="gpu-0"))) == []
    bad = tainting("Never", driver="", pool="")
    unsupported = (
        'spec.taint.effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"'
    )
    names = ["spec.deviceSelector.driver: Required value", "spec.deviceSelector.pool: Required value"]
    assert said(device_taint_rule.create(bad)) == [*names, unsupported]
    assert said(device_taint_rule.update(bad, bad)) == names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("numa", []),
        ("d.io/numa", []),
        ("/numa", ["the domain must not be empty"]),
        ("d.io/", ["the name must not be empty"]),
        ("a/b/c", ["must not contain more than one slash"]),
    ],
)
def test_names_of_attributes(name, expected):
    assert [fault.detail for fault in devices.qualified_name(name, Path("n"))] == expected
