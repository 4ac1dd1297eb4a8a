"""Static Pods: files run as Pods of the node, the API only shows them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agent_world import NODE, AgentWorld, container, is_ready, phase

from podling.api.errors import NotFound
from podling.api.types import core_v1
from podling.runtime.interface import ContainerState
from podling.testing.virtualtime import virtual

SIMULATED = "simulated.podling.dev"
MIRROR = "kubernetes.io/config.mirror"
NAME = f"web-{NODE}"
CHECK = 20
"""Seconds after which a changed file is found at the latest, the kernel's word aside."""


def write(folder: Path, file: str = "web.yaml", *, image: str = "busybox:1", **spec: Any) -> None:
    """A manifest of the Pod that the file is named after; JSON is YAML."""
    folder.mkdir(exist_ok=True)
    name = file.partition(".")[0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": {f"{SIMULATED}/term-seconds": "3"}},
        "spec": {"containers": [{"name": "main", "image": image}], **spec},
    }
    (folder / file).write_bytes(msgspec.json.encode(pod))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "manifests"


def running(world: AgentWorld) -> list[str]:
    """The images of the containers that run now."""
    alive = [life for life in world.machine.lives.values() if life.status.state is ContainerState.RUNNING]
    return [life.status.image.rpartition("/")[2] for life in alive]


async def shown(world: AgentWorld, condition: Callable[[core_v1.Pod], Any] = is_ready) -> core_v1.Pod:
    """The mirror of `web`, once it is there and so."""
    selector = f"metadata.name={NAME}"
    page = await world.pods.list(namespace="default", field_selector=selector)
    for pod in page.items:
        if condition(pod):
            return pod
    async with asyncio.timeout(3600):
        async for event in world.pods.watch(
            namespace="default", field_selector=selector, resource_version=page.resource_version
        ):
            if event.type != "DELETED" and condition(event.object):
                return event.object
    raise AssertionError("the watch ended")


def other_than(pod: core_v1.Pod) -> Callable[[core_v1.Pod], Any]:
    return lambda found: found.metadata.uid != pod.metadata.uid and is_ready(found)


@virtual
async def test_file_runs_as_a_pod_that_the_api_shows(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        pod = await shown(world)
        notes = pod.metadata.annotations
        assert notes["kubernetes.io/config.source"] == "file"
        assert notes[MIRROR] == notes["kubernetes.io/config.hash"] != pod.metadata.uid
        (owner,) = pod.metadata.owner_references
        assert (owner.kind, owner.name, owner.controller) == ("Node", NODE, True)
        assert pod.spec.node_name == NODE
        assert pod.spec.restart_policy == "Always", "the API's defaults hold for files, too"
        assert pod.status.pod_ip == "10.42.0.2"
        assert {"operator": "Exists", "effect": "NoExecute"} in msgspec.to_builtins(pod.spec.tolerations)
        assert running(world) == ["busybox:1"]
        assert [reason for _, reason, _ in await world.events(NAME)] == ["Pulled", "Created", "Started"]


@virtual
async def test_deleted_mirror_comes_back_and_its_pod_runs_on(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        first = await shown(world)
        for grace in (30, 0):
            await world.pods.delete(NAME, namespace="default", grace_period_seconds=grace)
            await asyncio.sleep(0.5)
            with pytest.raises(NotFound):  # long enough for `kubectl delete` to see it
                await world.pods.get(NAME, namespace="default")
            second = await shown(world, other_than(first))
            assert container(second).container_id == container(first).container_id
            assert container(second).restart_count == 0
            assert second.status.start_time == first.status.start_time
            first = second
        assert len(world.machine.lives) == 1


@virtual
async def test_changed_file_is_another_pod_that_begins_when_the_first_has_ended(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        first = await shown(world)
        write(folder, image="busybox:2")
        second = await shown(world, other_than(first))
        assert 3 <= await world.now() <= CHECK + 3.5, "the first had its time to end"
        assert second.metadata.annotations[MIRROR] != first.metadata.annotations[MIRROR]
        assert running(world) == ["busybox:2"]
        assert len(world.machine.sandboxes) == 1


@virtual
async def test_file_written_anew_with_the_same_content_changes_nothing(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        first = await shown(world)
        write(folder)
        await asyncio.sleep(3 * CHECK)
        assert (await world.get(NAME)).metadata.resource_version == first.metadata.resource_version
        assert len(world.machine.lives) == 1


@virtual
async def test_removed_file_ends_its_pod_within_its_grace(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        await shown(world)
        (folder / "web.yaml").unlink()
        pod = await shown(world, phase("Failed"))
        assert container(pod).state.terminated.exit_code == 143, "it was asked, not killed"
        await world.until_gone(NAME)
        assert not world.machine.sandboxes
        assert not [*(tmp_path / "pods").iterdir()]


@virtual
async def test_file_that_comes_later_is_found(tmp_path: Path, folder: Path):
    async with AgentWorld(tmp_path, manifests=folder) as world:
        assert not (await world.pods.list()).items
        write(folder)
        await shown(world)
        assert await world.now() <= CHECK


@virtual
async def test_broken_file_is_told_once_and_its_last_good_pod_runs_on(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        await shown(world)
        with caplog.at_level(logging.WARNING):
            for file in ("web.yaml", "other.yaml"):
                (folder / file).write_text("kind: Pod\napiVersion: v1\n  spec: {")
            await asyncio.sleep(3 * CHECK)
        told = [r.getMessage() for r in caplog.records if r.name.startswith("podling.agent.staticpods")]
        why = "line 3: mapping values are not allowed in this context"
        assert told == [f"cannot use manifest {folder / file}: {why}" for file in ("other.yaml", "web.yaml")]
        assert running(world) == ["busybox:1"]
        assert len((await world.pods.list()).items) == 1


@virtual
async def test_next_agent_adopts_a_static_pod(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        before = await shown(world)
        await world.agent.stop()
        await world.start_agent()
        await world.agent.pods.find("default", NAME).wait_idle()
        after = await world.get(NAME)
        assert after.metadata.resource_version == before.metadata.resource_version, "nothing to tell"
        assert len(world.machine.lives) == 1


@virtual
async def test_what_changed_while_no_agent_was_there_is_caught_up(tmp_path: Path, folder: Path):
    write(folder)
    async with AgentWorld(tmp_path, manifests=folder) as world:
        first = await shown(world)
        await world.agent.stop()
        write(folder, image="busybox:2")
        await world.start_agent()
        await shown(world, other_than(first))
        assert running(world) == ["busybox:2"]
        await world.agent.stop()
        (folder / "web.yaml").unlink()
        await world.start_agent()
        await world.until_gone(NAME)
        for worker in [*world.agent.pods.workers()]:
            await worker.wait_gone()
        assert running(world) == []


@virtual
async def test_pod_of_the_api_in_the_mirrors_place_is_left_alone(tmp_path: Path, folder: Path):
    async with AgentWorld(tmp_path, manifests=folder) as world:
        theirs = await world.create(NAME)
        write(folder, image="busybox:2")
        await world.until_ready(NAME)
        await asyncio.sleep(3 * CHECK)
        assert (await world.get(NAME)).metadata.uid == theirs.metadata.uid
        assert sorted(running(world)) == ["busybox:1", "busybox:2"], "both run"
        await world.pods.delete(NAME, namespace="default")
        pod = await shown(world, other_than(theirs))
        assert MIRROR in pod.metadata.annotations


@virtual
async def test_mirror_of_nothing_is_removed(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        spec = {"nodeName": NODE, "containers": [{"name": "main", "image": "busybox:1"}]}
        metadata = {"name": "ghost", "namespace": "default", "annotations": {MIRROR: "0"}}
        await world.pods.create(msgspec.convert({"metadata": metadata, "spec": spec}, core_v1.Pod))
        await world.until_gone("ghost")
        assert not world.machine.lives


@virtual
async def test_run_once_pod_of_a_file_ends_and_stays_ended(tmp_path: Path, folder: Path):
    folder.mkdir()
    (folder / "once.yaml").write_text(
        f"""
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations: {{{SIMULATED}/exit-codes: "3", {SIMULATED}/lasts: "5"}}
spec:
  restartPolicy: Never
  containers: [{{name: main, image: "busybox:1"}}]
"""
    )
    async with AgentWorld(tmp_path, manifests=folder) as world:
        pod = await shown(world, phase("Failed"))
        assert container(pod).state.terminated.exit_code == 3
        await world.agent.pods.find("default", NAME).wait_idle()
        pod = await world.get(NAME)
        await world.agent.stop()
        await world.start_agent()
        await world.agent.pods.find("default", NAME).wait_idle()
        assert (await world.get(NAME)).metadata.resource_version == pod.metadata.resource_version
        assert len(world.machine.lives) == 1
