"""Claims and volumes that are deleted stay while they are needed."""

import asyncio

from controllers_world import NODE, ControllersWorld

from podling.api.types import core_v1
from podling.client.informer import Handler
from podling.testing.virtualtime import virtual

CLAIM, VOLUME, POD = core_v1.PersistentVolumeClaim, core_v1.PersistentVolume, core_v1.Pod
SIZE = {"requests": {"storage": "1Gi"}}
ASKED = {"accessModes": ["ReadWriteOnce"], "resources": SIZE, "storageClassName": ""}
HOST = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}}


async def seen(world, *kinds):
    """Have the world look at these kinds, too."""
    for kind in kinds:
        informer = world.seen.get(kind)
        informer.add_handler(Handler(on_add=world._tell, on_update=world._tell, on_delete=world._tell))
        await informer.wait_synced()


def user(claim="c", **spec):
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"containers": [{"name": "main", "image": "busybox:1"}], "volumes": volumes, **spec}


@virtual
async def test_a_claim_stays_until_no_pod_that_has_a_node_uses_it(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM)
        await world.create(CLAIM, "c", spec=ASKED)
        await world.create(POD, "p", spec=user(nodeName=NODE))
        await world.create(POD, "waiting", spec=user(schedulerName="none"))
        await world.delete(CLAIM, "c")
        await asyncio.sleep(5)  # in virtual time; later the Pod would be given up, as its node is not there
        held = world.one(CLAIM, "c")
        assert held.metadata.deletion_timestamp
        assert held.metadata.finalizers == ["kubernetes.io/pvc-protection"]
        await world.delete(POD, "p", grace_period_seconds=0)
        await world.until(lambda: world.one(CLAIM, "c") is None, seconds=1)
        assert world.one(POD, "waiting")


@virtual
async def test_protection_that_was_taken_off_comes_back(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await world.create(CLAIM, "c", spec=ASKED)
        await world.create(VOLUME, "v", namespace="", spec=HOST)
        await world.patch(CLAIM, "c", {"metadata": {"finalizers": None}})
        await world.until(lambda: world.one(CLAIM, "c").metadata.finalizers, seconds=1)
        await world.client.resource(VOLUME).patch("v", {"metadata": {"finalizers": None}})
        await world.until(lambda: world.seen.get(VOLUME).get("", "v").metadata.finalizers, seconds=1)
