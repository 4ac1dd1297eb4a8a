"""What each level of Kubernetes knows, and what becomes of what it does not know."""

from __future__ import annotations

import pytest

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
    assert not Level(28).drop_unknown(middle)
    assert middle == pod()


def test_maps_of_records_are_searched_too() -> None:
    device = resource_v1.Device(
        name="d", node_allocatable_resource_mappings={"cpu": resource_v1.NodeAllocatableResourceMapping()}
    )
    slice_ = resource_v1.ResourceSlice(spec=resource_v1.ResourceSliceSpec(devices=[device]))
    assert Level(37).drop_unknown(slice_)
    assert slice_.spec.devices
    assert slice_.spec.devices[0].node_allocatable_resource_mappings is None
    assert not Level(37).drop_unknown(slice_)
