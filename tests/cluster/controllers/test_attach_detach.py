"""Volumes of CSI drivers are attached where their Pods go, and detached when nobody uses them, on a whole cluster in memory."""

import asyncio

from controllers_world import NODE, ControllersWorld
from test_storage_protection import CLAIM, POD, VOLUME, seen, user

from podling.api.storage import attachments
from podling.api.types import core_v1, storage_v1
from podling.testing.virtualtime import virtual

ATTACHMENT, NODES, DRIVERS = storage_v1.VolumeAttachment, core_v1.Node, storage_v1.CSIDriver
SIZE = {"storage": "1Gi"}
SOURCE = core_v1.CSIPersistentVolumeSource(driver="disks.example.com", volume_handle="disk-7")
UNIQUE = attachments.unique_name(SOURCE)


async def disk(world, name="v", modes=("ReadWriteOnce",)):
    """A claim with its volume."""
    await seen(world, CLAIM, VOLUME, ATTACHMENT, NODES)
    spec = {"accessModes": [*modes], "storageClassName": "", "resources": {"requests": SIZE}}
    await world.create(CLAIM, "c", spec=spec | {"volumeName": name})
    csi = {"driver": SOURCE.driver, "volumeHandle": SOURCE.volume_handle}
    body = {"accessModes": [*modes], "capacity": SIZE, "csi": csi}
    await world.create(VOLUME, name, namespace="", spec=body)
    await world.until(lambda: world.one(CLAIM, "c").status.phase == "Bound", seconds=5)


def attached_to(world):
    return sorted(each.spec.node_name for each in world.seen.get(ATTACHMENT).list())


def shown(world, node=NODE):
    status = world.seen.get(NODES).get("", node).status
    return [each.name for each in status.volumes_attached or ()], status.volumes_in_use or []


async def attacher_says(world, node=NODE, **status):
    name = attachments.name_of(SOURCE, node)
    await world.client.resource(ATTACHMENT).patch(name, {"status": status}, subresource="status")


@virtual
async def test_a_volume_is_attached_for_its_pod_and_detached_after_it(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await disk(world)
        await world.create(POD, "p", spec=user())
        await world.until(lambda: attached_to(world) == [NODE], seconds=5)
        (made,) = world.seen.get(ATTACHMENT).list()
        assert made.metadata.name == attachments.name_of(SOURCE, NODE)
        assert (made.spec.attacher, made.spec.source.persistent_volume_name) == (SOURCE.driver, "v")
        await world.until(lambda: shown(world) == ([], [UNIQUE]), seconds=5)
        await world.idle()  # Events of one instant would have one name
        await attacher_says(world, attached=False, attachError={"message": "rpc error: no such disk"})
        failed = 'AttachVolume.Attach failed for volume "v" : rpc error: no such disk'
        await world.idle()
        assert ("Warning", "FailedAttachVolume", failed) in await world.events("p")
        await attacher_says(world, attached=True, attachError=None)
        await world.until(lambda: shown(world) == ([UNIQUE], [UNIQUE]), seconds=5)
        succeeded = 'AttachVolume.Attach succeeded for volume "v" '
        assert ("Normal", "SuccessfulAttachVolume", succeeded) in await world.events("p")
        await asyncio.sleep(300)
        told = await world.events("p")
        assert not any("according to node status" in message for _, _, message in told)
        missing = f"driver name {SOURCE.driver} not found in the list of registered CSI drivers"
        assert any(missing in message for _, _, message in told), "it went on to mount the volume"
        await world.delete(POD, "p")
        await world.until(lambda: shown(world) == ([], []) and not attached_to(world), seconds=60)


@virtual
async def test_a_driver_whose_volumes_need_no_attaching_has_none_attached(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(DRIVERS, SOURCE.driver, namespace="", spec={"attachRequired": False})
        await disk(world)
        await world.create(POD, "p", spec=user())
        await world.idle()
        assert (attached_to(world), shown(world)) == ([], ([], []))


@virtual
async def test_a_volume_for_one_node_goes_to_the_next_when_the_first_has_let_go(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await disk(world)
        await world.create(POD, "first", spec=user(nodeName="node-1"))
        await world.until(lambda: attached_to(world) == ["node-1"], seconds=5)
        await world.create(POD, "second", spec=user(nodeName="node-2"))
        await world.idle()
        why = 'Multi-Attach error for volume "v" Volume is already used by pod(s) first'
        assert [each for each in await world.events("second") if each[1] == "FailedAttachVolume"] == [
            ("Warning", "FailedAttachVolume", why)
        ]
        await world.delete(POD, "first")
        await world.until(lambda: attached_to(world) == ["node-2"], seconds=60)
        await attacher_says(world, "node-2", attached=True)
        await world.until(lambda: shown(world, "node-2")[0] == [UNIQUE], seconds=5)


@virtual
async def test_a_volume_for_many_is_attached_to_all(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await disk(world, modes=("ReadWriteMany",))
        for node in ("node-1", "node-2"):
            await world.create(POD, f"on-{node}", spec=user(nodeName=node))
        await world.until(lambda: attached_to(world) == ["node-1", "node-2"], seconds=5)
