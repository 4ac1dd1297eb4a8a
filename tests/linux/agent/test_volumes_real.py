"""Volumes on real containers: what hostile ones try, what is mounted in them, and what is left when they go."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from real_world import SLEEP, RealWorld, is_ready, sh

from podling.agent.paths import Paths
from podling.api.types import core_v1
from podling.runtime import linux

SCRATCH = [{"name": "v", "emptyDir": {}}]
PREPARE = 'failed to prepare subPath for volumeMount "v" of container "main"'


def mounted(at: str = "/v", **fields: Any) -> dict[str, Any]:
    return {"name": "v", "mountPath": at, **fields}


def status(pod: core_v1.Pod, name: str = "main") -> core_v1.ContainerStatus:
    return next(one for one in pod.status.container_statuses if one.name == name)


def waiting(pod: core_v1.Pod) -> core_v1.ContainerStateWaiting | None:
    known = pod.status.container_statuses
    return status(pod).state.waiting if known else None


def is_refused(pod: core_v1.Pod) -> bool:
    found = waiting(pod)
    return found is not None and found.reason == "CreateContainerConfigError"


async def succeeds(world: RealWorld, pod: str, command: str, container: str = "main") -> bool:
    found = await world.run(
        pod, "sh", "-c", f"if {command} 2>/dev/null; then echo yes; fi", container=container
    )
    return found.strip() == "yes"


REFUSED = {
    "link-to-root": ("ln -s / /v/d", {"subPath": "d"}, PREPARE),
    "link-to-file": ("ln -s /etc/passwd /v/d", {"subPath": "d"}, PREPARE),
    "link-in-the-way": ("ln -s / /v/d", {"subPath": "d/tmp/made"}, PREPARE),
    "link-upwards": ("mkdir /v/in; ln -s ../../../.. /v/in/d", {"subPath": "in/d"}, PREPARE),
    "file-in-the-way": ("touch /v/d", {"subPath": "d/made"}, PREPARE),
    "dangling-link": (
        "ln -s nowhere /v/d",
        {"subPath": "d"},
        'failed to create subPath directory for volumeMount "v" of container "main"',
    ),
    "backstep": (
        "true",
        {"subPathExpr": "$(UP)"},
        "unable to provision SubPath `..`: must not contain '..'",
    ),
    "absolute": (
        "true",
        {"subPathExpr": "$(TMP)"},
        "error SubPath `/tmp` must not be an absolute path",
    ),
    "unset": ("true", {"subPathExpr": "$(EMPTY)"}, "missing value for EMPTY"),
}


async def test_subpaths_that_lead_elsewhere_are_refused_in_upstreams_words(world: RealWorld):
    env = [{"name": "UP", "value": ".."}, {"name": "TMP", "value": "/tmp"}, {"name": "EMPTY", "value": ""}]
    for name, (script, part, _) in REFUSED.items():
        first = sh(script, volumeMounts=[mounted()]) | {"name": "first"}
        main = sh(SLEEP, env=env, volumeMounts=[mounted(**part)])
        await world.create(name, main, initContainers=[first], volumes=SCRATCH)
    pods = await asyncio.gather(*(world.until(name, is_refused) for name in REFUSED))
    told = {pod.metadata.name: waiting(pod).message for pod in pods}
    assert told == {name: why for name, (_, _, why) in REFUSED.items()}


async def test_what_was_bound_stays_though_a_container_puts_a_link_in_its_place(world: RealWorld):
    evil = sh(SLEEP, volumeMounts=[mounted()]) | {"name": "evil"}
    await world.create("victim", sh(SLEEP, volumeMounts=[mounted(subPath="d")]), evil, volumes=SCRATCH)
    before = await world.until_ready("victim")
    await world.run("victim", "sh", "-c", "mv /v/d /v/old; ln -s / /v/d; touch /v/old/mark", container="evil")
    assert (await world.run("victim", "ls", "/v")).split() == ["mark"]
    await world.agent.runtime.signal_container(status(before).container_id.partition("://")[2], 9)
    after = await world.until("victim", is_refused)
    assert waiting(after).message == PREPARE


async def test_part_of_a_config_map_stays_as_it_was_until_the_container_starts_again(world: RealWorld):
    await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
    mounts = [mounted(), mounted("/part", subPath="a")]
    volumes = [{"name": "v", "configMap": {"name": "conf"}}]
    await world.create("part", sh(SLEEP, volumeMounts=mounts), volumes=volumes)
    pod = await world.until_ready("part")
    maps = world.client.resource(core_v1.ConfigMap)
    await maps.patch("conf", {"data": {"a": "2"}}, namespace="default")
    wait = "until grep -q 2 /v/a; do usleep 20000; done; cat /part"
    assert await world.run("part", "sh", "-c", wait) == "1"
    await world.agent.runtime.signal_container(status(pod).container_id.partition("://")[2], 9)
    await world.until("part", lambda pod: status(pod).restart_count == 1 and is_ready(pod))
    assert await world.run("part", "cat", "/part") == "2"


@asynccontextmanager
async def treasure(folder: Path) -> AsyncIterator[Path]:
    """A folder of the node that must survive whatever happens, with a file system mounted inside."""
    top = folder / "treasure"
    (top / "inner").mkdir(parents=True)
    (top / "gold").write_text("gold")
    linux.mount("none", str(top / "inner"), "tmpfs")
    try:
        yield top
    finally:
        assert (top / "gold").read_text() == "gold"
        assert linux.unmount(str(top / "inner"))


async def test_mounts_propagate_as_asked_and_what_they_hold_outlives_the_pod(
    world: RealWorld, tmp_path: Path
):
    async with treasure(tmp_path) as gold:
        maker = sh(
            SLEEP,
            securityContext={"privileged": True},
            volumeMounts=[
                mounted(mountPropagation="Bidirectional"),
                {"name": "gold", "mountPath": "/gold"},
            ],
        )
        sees = sh(SLEEP, volumeMounts=[mounted(mountPropagation="HostToContainer")]) | {"name": "sees"}
        blind = sh(SLEEP, volumeMounts=[mounted()]) | {"name": "blind"}
        volumes = [*SCRATCH, {"name": "gold", "hostPath": {"path": str(gold)}}]
        await world.create("spread", maker, sees, blind, volumes=volumes)
        pod = await world.until_ready("spread")
        made = "mkdir /v/t /v/gold; mount -t tmpfs none /v/t; touch /v/t/mark; mount --bind /gold /v/gold"
        await world.run("spread", "sh", "-c", made)
        volume = world.agent.kit.volumes.of(pod.metadata.uid)["v"]
        assert (volume / "t" / "mark").exists(), "the node sees what was mounted"
        assert await succeeds(world, "spread", "test -e /v/t/mark", "sees")
        assert await succeeds(world, "spread", "test -e /v/gold/gold", "sees")
        assert not await succeeds(world, "spread", "test -e /v/t/mark", "blind")
        await world.pods.delete("spread", namespace="default", grace_period_seconds=0)
        await world.until_gone("spread")
        for worker in [*world.agent.pods.workers()]:
            await worker.wait_gone()
        assert not linux.mounts_below(str(volume))
        assert not volume.exists()


async def test_recursive_read_only_takes_in_what_is_mounted_inside(world: RealWorld, tmp_path: Path):
    async with treasure(tmp_path) as gold:
        modes = {"enabled": "Enabled", "possible": "IfPossible", "disabled": "Disabled"}
        containers = [
            sh(SLEEP, volumeMounts=[mounted(readOnly=True, recursiveReadOnly=mode)]) | {"name": name}
            for name, mode in modes.items()
        ]
        await world.create(
            "solid",
            *containers,
            volumes=[{"name": "v", "hostPath": {"path": str(gold), "type": "Directory"}}],
        )
        pod = await world.until_ready("solid")
        shown, outer, inner = {}, {}, {}
        for name in modes:
            own = next(one for one in status(pod, name).volume_mounts if one.name == "v")
            shown[name] = own.recursive_read_only
            outer[name] = await succeeds(world, "solid", "touch /v/x", name)
            inner[name] = await succeeds(world, "solid", "touch /v/inner/x", name)
        assert shown == {"enabled": "Enabled", "possible": "Enabled", "disabled": "Disabled"}
        assert outer == {"enabled": False, "possible": False, "disabled": False}
        assert inner == {"enabled": False, "possible": False, "disabled": True}
    node = await world.client.resource(core_v1.Node).get("node-1")
    assert all(each.features.recursive_read_only_mounts for each in node.status.runtime_handlers)


async def test_host_path_of_another_type_is_told_and_taken_when_it_comes(world: RealWorld, tmp_path: Path):
    path = tmp_path / "late"
    await world.create(
        "late",
        sh(SLEEP, volumeMounts=[mounted()]),
        volumes=[{"name": "v", "hostPath": {"path": str(path), "type": "File"}}],
    )
    await world.until("late", lambda pod: pod.status.container_statuses)
    while not (told := [text for why, text in await world.events("late") if why == "FailedMount"]):
        await world.agent.kit.recorder.wait_written()
    assert told == [f'MountVolume.SetUp failed for volume "v" : hostPath {path} doesn\'t exist']
    path.write_text("here")
    await world.until_ready("late")
    assert await world.run("late", "cat", "/v") == "here"


async def test_full_disk_is_told_and_the_pod_starts_when_there_is_room(world: RealWorld):
    memory = str(Paths(world.host.state_dir).memory)
    linux.mount("", memory, "tmpfs", linux.MS_REMOUNT, "size=64k")
    await world.make(core_v1.Secret, "large", data={"a": base64.b64encode(bytes(200_000)).decode()})
    volumes = [{"name": "v", "secret": {"secretName": "large"}}]
    await world.create(
        "full", sh(SLEEP, volumeMounts=[mounted()]), volumes=volumes, automountServiceAccountToken=False
    )
    while not (told := [text for why, text in await world.events("full") if why == "FailedMount"]):
        await world.agent.kit.recorder.wait_written()
    assert told[0] == 'MountVolume.SetUp failed for volume "v" : no space left on device'
    linux.mount("", memory, "tmpfs", linux.MS_REMOUNT, "size=1m")
    await world.until_ready("full")
    assert (await world.run("full", "stat", "-Lc", "%s", "/v/a")).strip() == "200000"


async def test_five_pods_mount_fifty_config_maps_each_at_once(world: RealWorld):
    numbers = range(50)
    await asyncio.gather(
        *(world.make(core_v1.ConfigMap, f"conf-{n}", data={"data-1": "value-1"}) for n in numbers)
    )
    volumes = [{"name": f"v{n}", "configMap": {"name": f"conf-{n}"}} for n in numbers]
    mounts = [{"name": f"v{n}", "mountPath": f"/etc/config-{n}"} for n in numbers]
    look = 'test "$(cat /etc/config-*/data-1 | grep -o value-1 | wc -l)" = 50'
    for pod in range(5):
        await world.create(
            f"pod-{pod}", sh(look, volumeMounts=mounts), volumes=volumes, restartPolicy="Never"
        )
    for pod in range(5):
        await world.until(f"pod-{pod}", lambda pod: pod.status.phase == "Succeeded")


async def test_volumes_of_a_pod_that_went_while_the_agent_was_dead_are_taken_down(world: RealWorld):
    """Both of a Pod that ran and of one that was still waiting for a volume."""
    kinds = [
        {"name": "m", "emptyDir": {"medium": "Memory"}},
        {"name": "s", "secret": {"secretName": "hidden"}},
        *SCRATCH,
    ]
    await world.make(core_v1.Secret, "hidden", data={"a": base64.b64encode(b"x").decode()})
    await world.create("ran", sh(SLEEP, volumeMounts=[mounted(subPath="d")]), volumes=kinds)
    missing = {"name": "c", "configMap": {"name": "missing"}}
    await world.create("waits", sh(SLEEP, volumeMounts=[mounted(subPath="d")]), volumes=[*kinds, missing])
    ran = (await world.until_ready("ran")).metadata.uid
    waits = (await world.get("waits")).metadata.uid
    while len(world.agent.kit.volumes.of(waits)) < 4:  # all but the missing one
        await world.agent.kit.recorder.wait_written()
    await world.agent.stop()
    paths = Paths(world.host.state_dir)
    (paths.volumes(waits) / "kubernetes.io~configmap" / "c" / "..half-made").mkdir(parents=True)
    for name in ("ran", "waits"):
        await world.pods.delete(name, namespace="default", grace_period_seconds=0)
    agent = await world.start_agent()
    for worker in [*agent.pods.workers()]:
        await worker.wait_gone()
    for uid in (ran, waits):
        assert not paths.pod(uid).exists()
        assert not (paths.memory / uid).exists()
        assert not linux.mounts_below(str(paths.pod(uid)))
