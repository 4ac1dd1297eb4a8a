"""Ephemeral containers on real containers: somebody who looks into a Pod that runs. (Rows of sig-node ephemeral_containers.)"""

from __future__ import annotations

from typing import Any

import msgspec
from real_world import SLEEP, RealWorld, sh

from podling.api.types import core_v1


async def add(world: RealWorld, pod: str, name: str, script: str, **fields: Any) -> None:
    """As `kubectl debug` does."""
    found = await world.get(pod)
    debug = {"name": name, "image": "busybox", "imagePullPolicy": "Never", "command": ["sh", "-c", script]}
    known = found.spec.ephemeral_containers or []
    found.spec.ephemeral_containers = [*known, msgspec.convert(debug | fields, core_v1.EphemeralContainer)]
    await world.pods.update(found, subresource="ephemeralcontainers")


def debugger(pod: core_v1.Pod, name: str) -> core_v1.ContainerState:
    found = next((s for s in pod.status.ephemeral_container_statuses or [] if s.name == name), None)
    return (found.state if found is not None else None) or core_v1.ContainerState()


async def test_debuggers_see_the_pods_network_and_the_processes_of_their_target(world: RealWorld):
    await world.create("seen", sh(f"echo web > /tmp/index.html; httpd -p 80 -h /tmp; {SLEEP}"))
    before = await world.until_ready("seen")
    await add(world, "seen", "alone", SLEEP)
    await world.until("seen", lambda pod: debugger(pod, "alone").running)
    await add(world, "seen", "beside", SLEEP, targetContainerName="main")
    after = await world.until("seen", lambda pod: debugger(pod, "beside").running)
    assert "httpd" in await world.run("seen", "ps", container="beside")
    assert "httpd" not in await world.run("seen", "ps", container="alone")
    fetch = ("wget", "-qO-", "http://localhost/index.html")
    assert await world.run("seen", *fetch, container="alone") == "web\n"
    assert await world.run("seen", "cat", "/proc/1/root/tmp/index.html", container="beside") == "web\n"
    assert after.status.container_statuses == before.status.container_statuses


async def test_one_that_ends_stays_ended_and_leaves_its_target_alone(world: RealWorld):
    await world.create("left", sh(SLEEP))
    before = await world.until_ready("left")
    await add(world, "left", "short", "exit 3", targetContainerName="main")
    after = await world.until("left", lambda pod: debugger(pod, "short").terminated)
    assert debugger(after, "short").terminated.exit_code == 3
    assert after.status.phase == "Running"
    assert after.status.container_statuses == before.status.container_statuses
    assert ("Started", "Container started") in await world.events("left")


async def test_one_whose_target_does_not_run_says_so(world: RealWorld):
    await world.create("lost", sh("exit 0"), sh(SLEEP) | {"name": "other"}, restartPolicy="Never")
    await world.until("lost", lambda pod: len(pod.status.container_statuses or []) == 2 and _ended(pod))
    await add(world, "lost", "late", SLEEP, targetContainerName="main")
    after = await world.until("lost", lambda pod: _waits(pod, "late", "CreateContainerConfigError"))
    assert debugger(after, "late").waiting.message == "unable to find target container main"


def _ended(pod: core_v1.Pod) -> bool:
    return any(s.name == "main" and s.state.terminated for s in pod.status.container_statuses)


def _waits(pod: core_v1.Pod, name: str, reason: str) -> bool:
    waiting = debugger(pod, name).waiting
    return waiting is not None and waiting.reason == reason
