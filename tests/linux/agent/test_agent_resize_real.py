"""Rows of sig-node on resizes, on real containers: the kernel has what the status says, and nothing was restarted.

All Pods run at once in one world, are resized at once, and each row is then a test of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real_netns import make_netns, remove_netns
from real_world import SLEEP, RealWorld, sh

from podling.api import quantity
from podling.api.types import core_v1
from podling.client.resource import PatchType
from podling.runtime import cgroups

MIB = 1 << 20
RESTART = {"resourceName": "memory", "restartPolicy": "RestartContainer"}


def exact(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


def bounds(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {name: given for name, given in (("requests", requests), ("limits", limits)) if given}


@dataclass(frozen=True)
class Row:
    """Resources by container before and after; ``restarted`` names those that start anew."""

    about: str
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    restarted: tuple[str, ...] = ()
    policies: tuple[dict[str, str], ...] = ()
    whole: dict[str, Any] | None = None


THREE = {"c1": exact("20m", "20Mi"), "c2": exact("22m", "22Mi"), "c3": exact("24m", "24Mi")}
ROWS = [
    Row(
        "guaranteed net increase",
        THREE,
        {"c1": exact("25m", "25Mi"), "c2": exact("17m", "17Mi"), "c3": exact("29m", "29Mi")},
    ),
    Row(
        "guaranteed net decrease",
        THREE,
        {"c1": exact("15m", "15Mi"), "c2": exact("27m", "27Mi"), "c3": exact("19m", "19Mi")},
    ),
    Row(
        "guaranteed mixed",
        THREE,
        {"c1": exact("25m", "15Mi"), "c2": exact("17m", "27Mi"), "c3": exact("29m", "19Mi")},
    ),
    Row(
        "burstable six containers",
        {
            "c1": {},
            "c2": bounds({"cpu": "20m"}),
            "c3": bounds({"memory": "20Mi"}, {"memory": "30Mi"}),
            "c4": bounds({"cpu": "20m", "memory": "20Mi"}, {"cpu": "30m", "memory": "30Mi"}),
            "c5": bounds({"cpu": "20m", "memory": "20Mi"}),
            "c6": bounds({"cpu": "20m"}, {"cpu": "40m"}),
        },
        {
            "c1": bounds({"cpu": "25m", "memory": "25Mi"}, {"cpu": "35m", "memory": "35Mi"}),
            "c2": bounds({"cpu": "15m"}, {"cpu": "25m"}),
            "c3": bounds({"memory": "25Mi"}, {"memory": "35Mi"}),
            "c4": bounds({"cpu": "25m", "memory": "15Mi"}, {"cpu": "35m", "memory": "25Mi"}),
            "c5": bounds({"cpu": "20m", "memory": "25Mi"}, {"memory": "40Mi"}),
            "c6": bounds({"cpu": "20m", "memory": "10Mi"}, {"cpu": "30m", "memory": "20Mi"}),
        },
    ),
    Row(
        "equivalent cpu values",
        {"c1": bounds({"cpu": "2m", "memory": "20Mi"}, {"cpu": "10m"})},
        {"c1": bounds({"cpu": "1m", "memory": "20Mi"}, {"cpu": "5m"})},
    ),
    Row(
        "restart for memory",
        {"c1": exact("20m", "20Mi"), "c2": exact("20m", "20Mi")},
        {"c1": exact("20m", "40Mi"), "c2": exact("10m", "20Mi")},
        restarted=("c1",),
        policies=(RESTART,),
    ),
    Row(
        "resources of the whole pod",
        {"c1": {}, "c2": bounds({"cpu": "10m"})},
        {"c1": {}, "c2": bounds({"cpu": "20m"})},
        whole={
            "before": bounds({"cpu": "50m", "memory": "40Mi"}, {"cpu": "100m", "memory": "60Mi"}),
            "after": bounds({"cpu": "60m", "memory": "40Mi"}, {"cpu": "80m", "memory": "90Mi"}),
        },
    ),
]


@dataclass(frozen=True)
class Outcome:
    before: core_v1.Pod
    after: core_v1.Pod
    kernel: dict[str, dict[str, int]]
    """What the groups have, by container name; "" is the Pod's own."""
    events: list[str]


def spell(given: dict[str, Any]) -> core_v1.ResourceRequirements:
    return core_v1.ResourceRequirements(requests=given.get("requests"), limits=given.get("limits"))


def is_settled(pod: core_v1.Pod) -> bool:
    wanted = {one.name: one.resources for one in pod.spec.containers}
    passing = [one.type for one in pod.status.conditions or () if one.type.startswith("PodResize")]
    statuses = pod.status.container_statuses or ()
    return (
        pod.metadata.generation == pod.status.observed_generation == 2
        and not passing
        and all(one.resources == wanted[one.name] and one.ready for one in statuses)
    )


def read(folder: Path) -> dict[str, int]:
    """The limits of a version 1 group, by the names of their files."""
    base = Path("/sys/fs/cgroup")
    files = {
        "shares": base / "cpu" / folder / "cpu.shares",
        "quota": base / "cpu" / folder / "cpu.cfs_quota_us",
        "memory": base / "memory" / folder / "memory.limit_in_bytes",
    }
    return {name: int(file.read_text()) for name, file in files.items()}


async def play(world: RealWorld, row: Row) -> Outcome:
    name = row.about.replace(" ", "-")
    containers = [
        sh(SLEEP, name=one, resources=given, resizePolicy=[*row.policies])
        for one, given in row.before.items()
    ]
    spec = {"resources": row.whole["before"]} if row.whole else {}
    await world.create(name, *containers, **spec)
    before = await world.until_ready(name)
    wanted: dict[str, Any] = {
        "containers": [{"name": one, "resources": given} for one, given in row.after.items()]
    }
    if row.whole:
        wanted["resources"] = row.whole["after"]
    body = json.dumps({"spec": wanted}).encode()
    await world.pods.patch(name, body, namespace="default", type=PatchType.STRATEGIC, subresource="resize")
    after = await world.until(name, is_settled)
    qos = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}[after.status.qos_class]
    group = Path(world.host.cgroup, qos, f"pod{after.metadata.uid}")
    kernel = {"": read(group)}
    for one in after.status.container_statuses:
        kernel[one.name] = read(group / one.container_id.partition("://")[2])
    return Outcome(before, after, kernel, [reason for reason, _ in await world.events(name)])


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> dict[str, Outcome]:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups")
    if cgroups.detect().mode is cgroups.Mode.V2:
        pytest.skip("reads the files of version 1; those of version 2 are shown by the unit tests")
    folder = tmp_path_factory.mktemp("resizes")
    netns = folder / f"netns-{secrets.token_hex(4)}"

    async def all_rows() -> dict[str, Outcome]:
        async with RealWorld(folder, netns=str(netns), images=image_folder) as world:
            played = await asyncio.gather(*(play(world, row) for row in ROWS))
            return {row.about: outcome for row, outcome in zip(ROWS, played, strict=True)}

    make_netns(netns)
    try:
        return asyncio.run(all_rows())
    finally:
        remove_netns(netns)


def amounts(given: dict[str, Any], kind: str) -> dict[str, int]:
    return {name: quantity.parse(text).milli_value() for name, text in given.get(kind, {}).items()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_status_and_kernel_have_what_was_asked_for(row: Row, outcomes: dict[str, Outcome]):
    outcome = outcomes[row.about]
    for status in outcome.after.status.container_statuses:
        given = row.after[status.name]
        assert status.resources == spell(given)
        assert status.allocated_resources == given.get("requests")
        if row.whole is None:
            check(given, outcome.kernel[status.name])


def check(given: dict[str, Any], kernel: dict[str, int]) -> None:
    requests, limits = amounts(given, "requests"), amounts(given, "limits")
    cpu = requests.get("cpu", limits.get("cpu", 0))
    assert kernel["shares"] == max(cpu * 1024 // 1000, 2)
    assert kernel["quota"] == (max(limits["cpu"] * 100, 1000) if "cpu" in limits else -1)
    if "memory" in limits:
        assert kernel["memory"] == limits["memory"] // 1000
    else:
        assert kernel["memory"] > 1 << 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_only_containers_that_ask_for_it_are_restarted(row: Row, outcomes: dict[str, Outcome]):
    outcome = outcomes[row.about]
    before = {one.name: one.container_id for one in outcome.before.status.container_statuses}
    for status in outcome.after.status.container_statuses:
        assert status.restart_count == (status.name in row.restarted)
        assert (status.container_id == before[status.name]) == (status.name not in row.restarted)
    if (
        len(row.after) <= 3
    ):  # more containers tell more Events at once than one Pod may (upstream's filter: 25)
        told = [reason for reason in outcome.events if reason.startswith("Resize")]
        assert told == ["ResizeStarted", "ResizeCompleted"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_the_pods_group_holds_its_containers(row: Row, outcomes: dict[str, Outcome]):
    whole = outcomes[row.about].kernel[""]
    after = [*row.after.values()]
    if row.whole:
        check(row.whole["after"], whole)
        return
    asked = sum(amounts(one, "requests").get("cpu", 0) for one in after)
    assert whole["shares"] == max(asked * 1024 // 1000, 2)
    for name, file, unit in (("cpu", "quota", 100), ("memory", "memory", 1 / 1000)):
        limits = [amounts(one, "limits").get(name) for one in after]
        if all(limits):
            least = 1000 if name == "cpu" else 0
            assert whole[file] == max(int(sum(limit or 0 for limit in limits) * unit), least)
        else:
            assert whole[file] == -1 or whole[file] > 1 << 60
