"""Pods whose volumes are claims, given their node by hand: what the agent makes of every state a claim can be in."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from agent_world import NODE, AgentWorld, is_ready

from podling.agent import mounts
from podling.api.types import core_v1
from podling.testing.virtualtime import virtual

CLAIM, VOLUME = core_v1.PersistentVolumeClaim, core_v1.PersistentVolume
ONCE = "ReadWriteOnce"
USES = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}


async def claim(world, *, phase="Bound", mode=ONCE, volume="v", **spec):
    asked = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": ""}
    made = await world.make(CLAIM, "c", spec=asked | {"volumeName": volume} | spec)
    await world.client.resource(CLAIM).patch(
        "c", {"status": {"phase": phase}}, namespace="default", subresource="status"
    )
    return made


async def volume(world, claim, folder, *, uid="", mode=ONCE, **spec):
    source = {"hostPath": {"path": str(folder)}} if not {"local", "nfs"} & spec.keys() else {}
    ref = {"namespace": "default", "name": "c", "uid": uid or claim.metadata.uid}
    body = {"accessModes": [mode], "capacity": {"storage": "1Gi"}, "claimRef": ref} | source | spec
    await world.client.resource(VOLUME).create(
        msgspec.convert({"metadata": {"name": "v"}, "spec": body}, VOLUME)
    )


def on(zone):
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [zone]}]}
    return {"required": {"nodeSelectorTerms": [term]}}


async def told(world, name="p"):
    """The first thing that the agent says against the Pod's volumes."""
    for _ in range(50):
        for _, reason, message in await world.events(name):
            if reason == "FailedMount":
                return message
        await asyncio.sleep(0.1)
    raise AssertionError("nothing was told")


@virtual
async def test_a_bound_claim_is_mounted_and_its_files_are_not_the_pods(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").write_text("precious")
    async with AgentWorld(tmp_path / "node") as world:
        await volume(world, await claim(world), data)
        await world.create("p", volumes=[USES])
        pod = await world.until_ready("p")
        assert world.agent.kit.volumes.of(pod.metadata.uid)["data"] == data
        await world.pods.delete("p", namespace="default", grace_period_seconds=0)
        await world.until_gone("p")
        assert (data / "file").read_text() == "precious"


@virtual
@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"phase": "Pending", "volume": None},
            'error processing PVC default/c: PVC has non-bound phase ("Pending") or empty pvc.Spec.VolumeName ("")',
        ),
        (
            {"uid": "x"},
            "found PV object v but its pv.Spec.ClaimRef.UID x does not point to claim.UID",
        ),
        ({"nodeAffinity": on("elsewhere")}, "no matching NodeSelectorTerms"),
        ({"nfs": {"server": "s", "path": "/"}}, "no volume plugin matched name: nfs"),
        ({"local": {"path": "/nowhere"}, "nodeAffinity": on(NODE)}, 'path "/nowhere" does not exist'),
    ],
    ids=["pending", "another's", "on another node", "of another sort", "missing"],
)
async def test_what_cannot_be_mounted_is_told_in_the_kubelets_words(tmp_path, given, why):
    asked = {key: given[key] for key in ("phase", "volume") if key in given}
    async with AgentWorld(tmp_path / "node") as world:
        made = await claim(world, **asked)
        await volume(
            world, made, tmp_path, **{key: value for key, value in given.items() if key not in asked}
        )
        await world.create("p", volumes=[USES])
        message = await told(world)
        assert message.startswith(f'MountVolume.SetUp failed for volume "data" : {why}')


@virtual
async def test_a_claim_that_is_missing_at_first_is_waited_for(tmp_path):
    async with AgentWorld(tmp_path / "node") as world:
        await world.create("p", volumes=[USES])
        lead = 'MountVolume.SetUp failed for volume "data" : error processing PVC default/c: '
        assert (await told(world)).startswith(f"{lead}failed to fetch PVC from API server: ")
        await volume(world, await claim(world), tmp_path)
        await world.until("p", is_ready, seconds=300)


@virtual
async def test_a_claim_for_one_pod_at_a_time_waits_for_the_first_to_go(tmp_path):
    alone = "ReadWriteOncePod"
    async with AgentWorld(tmp_path / "node") as world:
        await volume(world, await claim(world, mode=alone), tmp_path, mode=alone)
        await world.create("p", volumes=[USES])
        await world.until_ready("p")
        await world.create("q", volumes=[USES])
        why = "volume uses the ReadWriteOncePod access mode and is already in use by another pod"
        assert await told(world, "q") == f'MountVolume.SetUp failed for volume "data" : {why}'
        await world.agent.stop()
        await world.start_agent()
        await asyncio.sleep(5)
        assert not is_ready(await world.get("q"))
        await world.pods.delete("p", namespace="default", grace_period_seconds=0)
        await world.until("q", is_ready, seconds=300)


@virtual
async def test_devices_and_file_systems_are_not_taken_for_each_other(tmp_path):
    async with AgentWorld(tmp_path / "node") as world:
        await volume(world, await claim(world), tmp_path)
        device = {"name": "main", "image": "busybox:1"}
        device |= {"volumeDevices": [{"name": "data", "devicePath": "/dev/x"}]}
        await world.create("p", device, volumes=[USES])
        why = "volume data has volumeMode Filesystem, but is specified in volumeDevices"
        assert await told(world) == f'MountVolume.SetUp failed for volume "data" : {why}'


def test_what_a_pod_promises_not_to_write_is_read_only_whatever_its_containers_say(tmp_path):
    def made(readonly):
        return core_v1.Pod(
            spec=core_v1.PodSpec(
                containers=[],
                volumes=[
                    core_v1.Volume(
                        name="raw",
                        persistent_volume_claim=core_v1.PersistentVolumeClaimVolumeSource(
                            claim_name="c", read_only=readonly
                        ),
                    )
                ],
            )
        )

    uses = core_v1.Container(
        name="c", volume_devices=[core_v1.VolumeDevice(name="raw", device_path="/dev/x")]
    )
    (device,) = mounts.devices(made(readonly=False), uses, volumes={"raw": tmp_path})
    assert (device.container_path, device.host_path, device.permissions) == ("/dev/x", str(tmp_path), "mrw")
    (device,) = mounts.devices(made(readonly=True), uses, volumes={"raw": tmp_path})
    assert device.permissions == "r"
