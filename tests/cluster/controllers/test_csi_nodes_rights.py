"""What a node's agent may write for CSI drivers whose controller service it calls: nothing of others, and no Secrets but the class's."""

import pytest
from controllers_world import NODE, ControllersWorld
from test_storage_protection import ASKED, CLAIM, VOLUME

from podling.api import errors
from podling.api.storage import sidecars
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.cluster import users
from podling.testing.virtualtime import virtual

DRIVER, ATTACHMENT = "disks.example.com", storage_v1.VolumeAttachment


async def told(world, *, built_in=True):
    """A driver on the node, a class of it, and a claim."""
    notes = {sidecars.SWITCH: sidecars.BUILT_IN} if built_in else {}
    await world.create(storage_v1.CSIDriver, DRIVER, namespace="", annotations=notes, spec={})
    await world.create(storage_v1.StorageClass, "fast", namespace="", provisioner=DRIVER)
    drivers = [{"name": DRIVER, "nodeID": NODE}]
    await world.create(storage_v1.CSINode, NODE, namespace="", spec={"drivers": drivers})
    return await world.create(CLAIM, "c", spec=ASKED | {"storageClassName": "fast"})


def volume(claim, driver=DRIVER, **source):
    ref = core_v1.ObjectReference(
        kind="PersistentVolumeClaim", namespace="default", name="c", uid=claim.metadata.uid
    )
    return core_v1.PersistentVolume(
        metadata=meta_v1.ObjectMeta(name="v"),
        spec=core_v1.PersistentVolumeSpec(
            access_modes=["ReadWriteOnce"],
            capacity={"storage": "1Gi"},
            claim_ref=ref,
            storage_class_name="fast",
            csi=core_v1.CSIPersistentVolumeSource(driver=driver, volume_handle="h", **source),
        ),
    )


@virtual
async def test_a_node_makes_volumes_of_its_drivers_for_claims_that_ask(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        claim = await told(world)
        writes = world.client_of(users.node(NODE)).resource(VOLUME)
        secret = core_v1.SecretReference(namespace="kube-system", name="token")
        with pytest.raises(errors.Forbidden, match="only refer to Secrets that the StorageClass names"):
            await writes.create(volume(claim, node_stage_secret_ref=secret))
        with pytest.raises(errors.Forbidden, match="local volumes of its own"):
            await writes.create(volume(claim, driver="other.example.com"))
        with pytest.raises(errors.Forbidden, match="claims that were placed on it"):
            await writes.create(volume(core_v1.PersistentVolumeClaim(metadata=meta_v1.ObjectMeta(uid="x"))))
        await writes.create(volume(claim))
        with pytest.raises(errors.Forbidden, match=r"fields other than spec\.capacity"):
            await writes.patch("v", {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})


@virtual
async def test_a_driver_with_sidecars_of_its_own_is_none_of_the_nodes_business(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        claim = await told(world, built_in=False)
        with pytest.raises(errors.Forbidden, match="local volumes of its own"):
            await world.client_of(users.node(NODE)).resource(VOLUME).create(volume(claim))


@virtual
async def test_a_node_tells_of_attachments_to_itself_alone(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await told(world)
        for node in (NODE, "node-2"):
            source = {"persistentVolumeName": "v"}
            spec = {"attacher": DRIVER, "nodeName": node, "source": source}
            await world.create(ATTACHMENT, f"to-{node}", namespace="", spec=spec)
        writes = world.client_of(users.node(NODE)).resource(ATTACHMENT)
        status = {"status": {"attached": True}}
        await writes.patch(f"to-{NODE}", status, subresource="status")
        with pytest.raises(errors.Forbidden, match="of its own drivers to itself"):
            await writes.patch("to-node-2", status, subresource="status")
