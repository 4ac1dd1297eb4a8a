"""A capped node evicts the Pod that eats its memory, and Pods that write more than they may: on real containers."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real_netns import make_netns, remove_netns
from real_world import NODE, SLEEP, RealWorld, sh

from podling.agent.eviction.settings import EvictionSettings
from podling.agent.eviction.thresholds import parse
from podling.api.types import core_v1
from podling.runtime import cgroups
from podling.runtime.interface import Resources

MIB = 1 << 20
CAP = 300 * MIB
EVICTION = EvictionSettings(thresholds=parse("memory.available<100Mi"), period_seconds=0.2)
STORAGE = {"limits": {"ephemeral-storage": "1Mi"}}


def asking(memory: str) -> dict[str, Any]:
    return {"requests": {"memory": memory}}


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "cache", "emptyDir": source}]}


CACHE = [{"name": "cache", "mountPath": "/cache"}]
WRITE = "dd if=/dev/zero of={} bs=1M count={} 2>/dev/null; sync; " + SLEEP


@dataclass(frozen=True)
class Seen:
    pods: dict[str, core_v1.Pod]
    node: core_v1.Node
    events: dict[str, list[tuple[str, str]]]


async def play(world: RealWorld) -> Seen:
    tree = cgroups.CgroupTree(cgroups.detect(), world.host.cgroup)
    tree.make("", Resources(memory_limit=CAP))
    await world.create("modest", sh(SLEEP, resources=asking("20Mi")))
    await world.until_ready("modest")
    writers = {
        "volume": (sh(WRITE.format("/cache/file", 3), volumeMounts=CACHE), volume(sizeLimit="1Mi")),
        "layer": (sh(WRITE.format("/file", 3), resources=STORAGE), {}),
        "logs": (sh(f"yes {'x' * 200} | head -c 3000000; {SLEEP}", resources=STORAGE), {}),
        "careful": (
            sh(WRITE.format("/cache/file", 3), volumeMounts=CACHE, resources=STORAGE | asking("20Mi")),
            volume(medium="Memory", sizeLimit="8Mi"),
        ),
    }
    for name, (container, spec) in writers.items():
        await world.create(name, container, **spec)
    found = {name: await world.until(name, has_failed) for name in writers if name != "careful"}
    hog = sh(WRITE.format("/cache/file", 230), volumeMounts=CACHE, resources=asking("10Mi"))
    await world.create("hog", hog, **volume(medium="Memory"))
    found["hog"] = await world.until("hog", has_failed)
    node = await until_pressed(world)
    await world.pods.delete("hog", namespace="default")
    await world.until_gone("hog")
    found |= {name: await world.until_ready(name) for name in ("modest", "careful")}
    return Seen(found, node, {name: await world.events(name) for name in (*found, NODE)})


async def until_pressed(world: RealWorld) -> core_v1.Node:
    nodes = world.client.resource(core_v1.Node)
    node = await nodes.get(NODE)
    if is_pressed(node):
        return node
    watch = nodes.watch(resource_version=node.metadata.resource_version)
    async with asyncio.timeout(60), aclosing(watch) as events:
        async for event in events:
            if is_pressed(event.object):
                return event.object
    raise AssertionError("the watch ended")


def is_pressed(node: core_v1.Node) -> bool:
    return any(one.type == "MemoryPressure" and one.status == "True" for one in node.status.conditions or ())


def has_failed(pod: core_v1.Pod) -> bool:
    return pod.status.phase == "Failed"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Seen:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups")
    folder = tmp_path_factory.mktemp("evictions")
    netns = folder / f"netns-{secrets.token_hex(4)}"

    async def run() -> Seen:
        settings = {"memory": CAP, "eviction": EVICTION}
        async with RealWorld(folder, netns=str(netns), images=image_folder, **settings) as world:
            return await play(world)

    make_netns(netns)
    try:
        return asyncio.run(run())
    finally:
        remove_netns(netns)


def test_the_pod_that_eats_the_nodes_memory_is_evicted(seen: Seen):
    status = seen.pods["hog"].status
    assert (status.phase, status.reason) == ("Failed", "Evicted")
    lead = "The node was low on resource: memory. Threshold quantity: 100Mi, available: "
    assert status.message.startswith(lead)
    assert "Container main was using 2" in status.message
    assert status.message.endswith("Ki, request is 10Mi, has larger consumption of memory. ")
    (told,) = (one for one in status.conditions if one.type == "DisruptionTarget")
    assert told.reason == "TerminationByKubelet"
    assert ("Evicted", status.message) in seen.events["hog"]


def test_the_node_is_under_memory_pressure(seen: Seen):
    (told,) = (one for one in seen.node.status.conditions if one.type == "MemoryPressure")
    assert (told.status, told.reason) == ("True", "KubeletHasInsufficientMemory")
    assert seen.node.status.capacity["memory"] == "300Mi"
    assert ("EvictionThresholdMet", "Attempting to reclaim memory") in seen.events[NODE]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("volume", 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '),
        ("layer", "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "),
        ("logs", "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "),
    ],
)
def test_a_pod_that_writes_more_than_it_may_is_evicted(name: str, message: str, seen: Seen):
    status = seen.pods[name].status
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", message)
    assert "DisruptionTarget" not in {one.type for one in status.conditions}
    assert ("Evicted", message) in seen.events[name]


def test_who_stays_within_its_bounds_lives_on_and_memory_is_no_storage(seen: Seen):
    for name in ("modest", "careful"):
        assert seen.pods[name].status.phase == "Running"
        assert all(one.restart_count == 0 for one in seen.pods[name].status.container_statuses)
