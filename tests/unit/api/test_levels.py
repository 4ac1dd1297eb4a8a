"""What each level of Kubernetes knows, and what becomes of what it does not know."""

from __future__ import annotations

import importlib

import pytest

from podling.api import features, kinds, schema
from podling.api.levels import NEWEST, OLDEST, Level
from podling.api.types import core_v1, resource_v1


def test_only_levels_with_schemas_can_be_served() -> None:
    assert (OLDEST, NEWEST) == (25, 37)
    for minor in (24, 38):
        with pytest.raises(ValueError, match=f"cannot serve Kubernetes 1.{minor}: known are 1.25 to 1.37"):
            Level(minor)


def test_types_and_fields_come_and_go() -> None:
    assert Level(25).knows_type("autoscaling_v2beta2.HorizontalPodAutoscaler")
    assert not Level(26).knows_type("autoscaling_v2beta2.HorizontalPodAutoscaler")
    assert not Level(33).knows_type("resource_v1.ResourceClaim")
    assert Level(34).knows_type("resource_v1.ResourceClaim")
    assert Level(30).knows("core_v1.PodResourceClaim", "source")
    assert not Level(31).knows("core_v1.PodResourceClaim", "source")
    assert not Level(25).knows("core_v1.PodSpec", "schedulingGates")
    assert Level(37).knows("core_v1.PodSpec", "schedulingGates")
    assert Level().knows("core_v1.PodSpec", "containers")


def pod() -> core_v1.Pod:
    claim = core_v1.PodResourceClaim(name="a", source=core_v1.ClaimSource(resource_claim_name="b"))
    gates = [core_v1.PodSchedulingGate(name="c")]
    return core_v1.Pod(spec=core_v1.PodSpec(resource_claims=[claim], scheduling_gates=gates))


def test_what_the_level_does_not_know_is_dropped_wherever_it_is() -> None:
    newest, oldest, middle = pod(), pod(), pod()
    assert Level(37).drop_unknown(newest)
    assert newest.spec
    assert newest.spec.resource_claims
    assert newest.spec.resource_claims[0].source is None
    assert newest.spec.scheduling_gates
    assert Level(25).drop_unknown(oldest)
    assert oldest.spec == core_v1.PodSpec()
    assert Level(28).drop_unknown(middle)
    assert middle.spec == core_v1.PodSpec(scheduling_gates=[core_v1.PodSchedulingGate(name="c")])


def test_what_the_level_has_not_switched_on_is_dropped_as_well() -> None:
    """`schedulingGates` came behind a gate with 1.26, which was on from 1.27."""
    assert Level(26).knows("core_v1.PodSpec", "schedulingGates")
    assert not Level(26).honours("core_v1.PodSpec", "schedulingGates")
    assert Level(27).honours("core_v1.PodSpec", "schedulingGates")
    assert "resize" not in Level(32).subresources(kinds.POD)
    assert "resize" in Level(33).subresources(kinds.POD)


def test_every_item_of_a_list_is_looked_at() -> None:
    conditions = [core_v1.PodCondition(type=kind, status="True", observed_generation=1) for kind in "ab"]
    found = core_v1.Pod(status=core_v1.PodStatus(conditions=conditions))
    assert Level(25).drop_unknown(found)
    assert found.status
    assert [one.observed_generation for one in found.status.conditions or ()] == [None, None]


def test_features_name_fields_that_there_are() -> None:
    """A field that is spelt wrongly would be honoured by every level."""
    for record, fields in features.HONOURED.items():
        module, name = record.split(".")
        struct = getattr(importlib.import_module(f"podling.api.types.{module}"), name)
        known = schema.of(struct).fields
        for each, minor in fields.items():
            assert each in known, f"{record}.{each}"
            assert Level(NEWEST).knows(record, each)
            assert OLDEST < minor <= NEWEST


def test_maps_of_records_are_searched_too() -> None:
    device = resource_v1.Device(
        name="d", node_allocatable_resource_mappings={"cpu": resource_v1.NodeAllocatableResourceMapping()}
    )
    slice_ = resource_v1.ResourceSlice(spec=resource_v1.ResourceSliceSpec(devices=[device]))
    assert Level(37).drop_unknown(slice_)
    assert slice_.spec.devices
    assert slice_.spec.devices[0].node_allocatable_resource_mappings is None
    assert not Level(37).drop_unknown(slice_)
