"""What a Pod that is being resized takes from its node: the most of what it wants, was granted and has (KEP-1287)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api.types import core_v1
from podling.scheduler.snapshot import Snapshot, demand_of


def pod(wanted: str, *, granted: str = "", actual: str = "", pending: str = "") -> core_v1.Pod:
    status: dict[str, Any] = {}
    if granted:
        told = {
            "name": "c",
            "allocatedResources": {"cpu": granted},
            "resources": {"requests": {"cpu": actual}},
        }
        status["containerStatuses"] = [told]
    if pending:
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": pending}]
    body = {
        "metadata": {"name": "p", "generation": 2},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": wanted}}}]},
        "status": status,
    }
    return msgspec.convert(body, core_v1.Pod)


@pytest.mark.parametrize(
    ("made", "cpu"),
    [
        (pod("1"), 1000),
        (pod("2", granted="1", actual="1"), 2000),
        (pod("1", granted="1", actual="2"), 2000),
        (pod("1", granted="3", actual="2"), 3000),
        (pod("9", granted="1", actual="1", pending="Deferred"), 9000),
        (pod("9", granted="1", actual="1", pending="Infeasible"), 1000),
    ],
)
def test_the_most_counts_unless_it_can_never_be(made: core_v1.Pod, cpu: float):
    assert demand_of(made).amounts["cpu"] == cpu


def test_a_pod_that_takes_less_makes_room():
    columns = Snapshot()
    offered = {"cpu": "4", "pods": "10"}
    node = {"metadata": {"name": "n"}, "status": {"allocatable": offered}}
    columns.set_node(msgspec.convert(node, core_v1.Node))
    assert not columns.place("u", "n", demand_of(pod("2")))
    assert not columns.place("u", "n", demand_of(pod("2")))
    assert not columns.place("u", "n", demand_of(pod("3")))
    assert columns.place("u", "n", demand_of(pod("1")))
