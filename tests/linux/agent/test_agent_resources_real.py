"""What Pods may have of a real node: their groups and weights, bounds on processes, reservations and devices."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real_netns import make_netns, remove_netns
from real_world import NODE, SLEEP, RealWorld, sh

from podling.api import quantity
from podling.api.types import core_v1
from podling.client.resource import PatchType
from podling.runtime import cgroups

EXACT = {"cpu": "100m", "memory": "32Mi"}
DONGLE = "example.com/dongle"
PIDS = 20
FORKS = "for i in $(seq 60); do sleep 100 & done; echo started; " + SLEEP
CLASSES = {
    "guaranteed": sh(SLEEP, resources={"requests": EXACT, "limits": EXACT}),
    "burstable": sh(SLEEP, resources={"requests": {"cpu": "200m"}}),
    "burstable-too": sh(SLEEP, resources={"requests": {"cpu": "300m"}, "limits": {"memory": "32Mi"}}),
    "besteffort": sh(SLEEP),
    "forks": sh(FORKS),
}


@dataclass(frozen=True)
class Seen:
    pods: dict[str, core_v1.Pod]
    groups: dict[str, str]
    """Where below the node's group each Pod's lies."""
    shares: dict[str, int]
    scores: dict[str, int]
    processes: int
    node: core_v1.Node


def dongle() -> dict[str, Any]:
    return sh(SLEEP, resources={"limits": {DONGLE: "1"}})


async def play(world: RealWorld) -> Seen:
    for name, container in CLASSES.items():
        await world.create(name, container)
    found = {name: await world.until(name, is_running) for name in CLASSES}
    node = await give_dongles(world, 2)
    for name in ("first", "second"):
        await world.create(name, dongle())
        found[name] = await world.until_ready(name)
    await world.create("third", dongle())
    found["third"] = await world.until("third", lambda pod: pod.status.phase == "Failed")
    cpu = Path("/sys/fs/cgroup/cpu", world.host.cgroup)
    groups = {
        name: str(path.parent.relative_to(cpu))
        for name in CLASSES
        for path in cpu.glob(f"**/pod{found[name].metadata.uid}")
    }
    shares = {name: number(cpu / name / "cpu.shares") for name in ("burstable", "besteffort")}
    scores = {}
    for name in ("guaranteed", "burstable-too", "besteffort"):
        scores[name] = int(await world.run(name, "cat", "/proc/1/oom_score_adj"))
    pids = Path(
        "/sys/fs/cgroup/pids", world.host.cgroup, groups["forks"], f"pod{found['forks'].metadata.uid}"
    )
    return Seen(found, groups, shares, scores, number(pids / "pids.max"), node)


async def give_dongles(world: RealWorld, count: int) -> core_v1.Node:
    """As an administrator does it: in the Node's status."""
    nodes = world.client.resource(core_v1.Node)
    body = json.dumps({"status": {"capacity": {DONGLE: str(count)}}}).encode()
    node = await nodes.patch(NODE, body, type=PatchType.STRATEGIC, subresource="status")
    async with (
        asyncio.timeout(60),
        aclosing(nodes.watch(resource_version=node.metadata.resource_version)) as events,
    ):
        async for event in events:
            if DONGLE in (event.object.status.allocatable or {}):
                return event.object
    raise AssertionError("the watch ended")


def is_running(pod: core_v1.Pod) -> bool:
    return pod.status.phase == "Running"


def number(file: Path) -> int:
    return int(file.read_text())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Seen:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups")
    if cgroups.detect().mode is cgroups.Mode.V2:
        pytest.skip("reads the files of version 1; those of version 2 are shown by the unit tests")
    folder = tmp_path_factory.mktemp("resources")
    netns = folder / f"netns-{secrets.token_hex(4)}"

    async def run() -> Seen:
        settings = {"pod_pids": PIDS, "reserved": ({"memory": "64Mi"}, {"cpu": "100m"})}
        async with RealWorld(folder, netns=str(netns), images=image_folder, **settings) as world:
            return await play(world)

    make_netns(netns)
    try:
        return asyncio.run(run())
    finally:
        remove_netns(netns)


def test_each_class_of_service_has_its_place(seen: Seen):
    assert seen.groups == {
        "guaranteed": ".",
        "burstable": "burstable",
        "burstable-too": "burstable",
        "besteffort": "besteffort",
        "forks": "besteffort",
    }


def test_classes_weigh_what_their_pods_ask_for(seen: Seen):
    assert seen.shares == {"burstable": 512, "besteffort": 2}


def test_who_asks_for_least_is_killed_first(seen: Seen):
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert seen.scores["besteffort"] == 1000
    assert 900 < seen.scores["burstable-too"] < 1000
    assert seen.scores["guaranteed"] in (-997, own), "where the kernel does not permit less, it is our own"


def test_a_pod_has_no_more_processes_than_it_may(seen: Seen):
    assert seen.processes == PIDS


def test_devices_that_an_administrator_announced_are_offered_and_counted(seen: Seen):
    assert seen.node.status.allocatable[DONGLE] == "2"
    third = seen.pods["third"].status
    assert (third.reason, third.message) == (
        f"OutOf{DONGLE}",
        f"Pod was rejected: Node didn't have enough resource: {DONGLE}, requested: 1, used: 2, capacity: 2",
    )


def test_what_is_reserved_is_not_offered(seen: Seen):
    status = seen.node.status
    capacity, offered = (
        {name: quantity.parse(text).milli_value() for name, text in given.items()}
        for given in (status.capacity, status.allocatable)
    )
    assert capacity["cpu"] - offered["cpu"] == 100
    assert (capacity["memory"] - offered["memory"]) // 1000 == (64 + 100) << 20
