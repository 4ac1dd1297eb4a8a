"""A claim's whole life with a driver that brings no sidecars: made, attached, mounted, detached, deleted, over the driver's real socket."""

from __future__ import annotations

import asyncio
from typing import Any

from csi_driver import NAME, Driver
from real_world import PATIENCE, SLEEP, RealWorld, sh
from test_csi_real import attaching, until

from podling.agent.paths import Paths
from podling.api.storage import marks, sidecars
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.controllers import (
    attachdetach,
    persistentvolume,
    persistentvolumeclaimprotection,
    persistentvolumeprotection,
)

CONTROLS = ("CREATE_DELETE_VOLUME", "PUBLISH_UNPUBLISH_VOLUME", "EXPAND_VOLUME")
CLAIM = core_v1.PersistentVolumeClaim


async def driver_and_class(world: RealWorld, **parameters: str) -> None:
    meta = meta_v1.ObjectMeta(name=NAME, annotations={sidecars.SWITCH: sidecars.BUILT_IN})
    drivers = world.client.resource(storage_v1.CSIDriver)
    await drivers.create(storage_v1.CSIDriver(metadata=meta))
    classes = world.client.resource(storage_v1.StorageClass)
    await classes.create(
        storage_v1.StorageClass(
            metadata=meta_v1.ObjectMeta(name="fast"),
            provisioner=NAME,
            parameters=parameters,
            reclaim_policy="Delete",
            volume_binding_mode="Immediate",
            allow_volume_expansion=True,
        )
    )


async def ask(world: RealWorld, name: str = "c") -> None:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "1Mi"}},
    }
    await world.make(CLAIM, name, spec=spec)


async def bound(world: RealWorld, name: str = "c") -> core_v1.PersistentVolume:
    claims = world.client.resource(CLAIM)
    async with asyncio.timeout(PATIENCE):
        while (found := await claims.get(name, namespace="default")).status.phase != "Bound":
            pass
    volume: Any = await world.client.resource(core_v1.PersistentVolume).get(found.spec.volume_name)
    return volume


async def grows(world: RealWorld, driver: Driver) -> None:
    """The claim, which a Pod uses, asks for more and gets it."""
    claims = world.client.resource(CLAIM)
    more = {"storage": "2Mi"}
    await claims.patch("c", {"spec": {"resources": {"requests": more}}}, namespace="default")
    async with asyncio.timeout(PATIENCE):
        while (found := await claims.get("c", namespace="default")).status.capacity != more:
            pass
    assert not found.status.conditions
    expanded, grown = driver.of("ControllerExpandVolume")[0], driver.of("NodeExpandVolume")[0]
    assert (
        expanded["capacity_range"]["required_bytes"] == grown["capacity_range"]["required_bytes"] == 2 << 20
    )
    assert grown["volume_path"] == driver.of("NodePublishVolume")[0]["target_path"]
    volume = await bound(world)
    assert volume.spec is not None
    assert volume.spec.capacity == more


async def test_a_claim_is_made_attached_mounted_and_all_of_it_undone(world: RealWorld):
    await driver_and_class(world, colour="blue")
    driver = Driver(stages=True, controls=CONTROLS)
    rows = (
        attachdetach,
        persistentvolume,
        persistentvolumeclaimprotection,
        persistentvolumeprotection,
    )
    async with driver.serving(Paths(world.host.state_dir).plugins_registry), attaching(world, *rows):
        await ask(world)
        volume = await bound(world)
        created = driver.of("CreateVolume")[0]
        assert created["name"] == volume.metadata.name
        assert created["capacity_range"]["required_bytes"] == 1 << 20
        assert volume.metadata.annotations[marks.PROVISIONED_BY] == NAME
        assert volume.spec.csi.volume_attributes == {"colour": "blue"}
        (term,) = volume.spec.node_affinity.required.node_selector_terms
        assert [(e.key, e.values) for e in term.match_expressions] == [(f"topology.{NAME}/zone", ["here"])]
        container = sh(SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        use = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
        await world.create("web", container, volumes=use)
        await world.until_ready("web")
        handle = volume.spec.csi.volume_handle
        assert await world.run("web", "cat", "/v/colour") == "blue"
        attached = driver.of("ControllerPublishVolume")[0]
        assert (attached["volume_id"], attached["node_id"]) == (handle, "machine-7")
        published = driver.of("NodePublishVolume")[0]
        assert published["publish_context"] == {"device": "/dev/machine-7"}
        await grows(world, driver)
        await world.client.resource(CLAIM).delete("c", namespace="default")
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        await until(lambda: driver.of("DeleteVolume"))
        order = dict.fromkeys(name for name, fields in driver.calls if fields.get("volume_id") == handle)
        assert [*order][-4:] == [  # each may be asked twice
            "NodeUnpublishVolume",
            "NodeUnstageVolume",
            "ControllerUnpublishVolume",
            "DeleteVolume",
        ]
        volumes = world.client.resource(core_v1.PersistentVolume)
        async with asyncio.timeout(PATIENCE):
            while (await volumes.list()).items:
                pass


async def test_what_a_driver_says_against_a_volume_is_told_at_the_claim(world: RealWorld):
    await driver_and_class(world, fail="no room in this house")
    driver = Driver(controls=CONTROLS)
    async with (
        driver.serving(Paths(world.host.state_dir).plugins_registry),
        attaching(world, persistentvolume),
    ):
        await ask(world)
        why = 'failed to provision volume with StorageClass "fast": '
        why += "rpc error: code = NotFound desc = no room in this house"
        async with asyncio.timeout(PATIENCE):
            while ("ProvisioningFailed", why) not in await world.events("c"):
                pass
