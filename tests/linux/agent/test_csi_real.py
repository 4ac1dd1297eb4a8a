"""Volumes of a CSI driver that answers over a real socket: registered, published into real containers, unpublished whatever happens."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
from csi_driver import NAME, Driver
from real_world import PATIENCE, SLEEP, RealWorld, sh

from podling.agent.csi.csinode import NODE_IDS
from podling.agent.paths import Paths
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.runtime import linux


def inline(**attributes: str) -> dict[str, Any]:
    secret = {"name": "for-driver"}
    return {
        "name": "v",
        "csi": {"driver": NAME, "volumeAttributes": attributes, "nodePublishSecretRef": secret},
    }


async def allow(world: RealWorld) -> None:
    """The cluster knows the driver, and what it wants to be told."""
    spec = storage_v1.CSIDriverSpec(
        volume_lifecycle_modes=["Ephemeral"],
        pod_info_on_mount=True,
        fs_group_policy="File",
        token_requests=[storage_v1.TokenRequest(audience="vault")],
    )
    drivers = world.client.resource(storage_v1.CSIDriver)
    await drivers.create(storage_v1.CSIDriver(metadata=meta_v1.ObjectMeta(name=NAME), spec=spec))
    password = base64.b64encode(b"sesame").decode()
    await world.make(core_v1.Secret, "for-driver", data={"password": password})


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- the driver's own record tells nobody
            await asyncio.sleep(0.01)


async def told(world: RealWorld, words: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not any(words in message for _, message in await world.events("web")):
            await world.agent.kit.recorder.wait_written()


async def shown(world: RealWorld) -> list[tuple[str, str]]:
    node = await world.client.resource(storage_v1.CSINode).get("node-1")
    return [(driver.name, driver.node_id) for driver in node.spec.drivers]


async def test_volume_waits_for_its_driver_and_holds_what_it_published(world: RealWorld):
    container = sh(SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}])
    volumes = [inline(colour="blue")]
    await world.create("web", container, volumes=volumes, securityContext={"fsGroup": 1234})
    lacking = f'volume mode "Ephemeral" not supported by driver {NAME} (no CSIDriver object)'
    await told(world, f'MountVolume.NewMounter initialization failed for volume "v" : {lacking}')
    await allow(world)
    missing = f"driver name {NAME} not found in the list of registered CSI drivers"
    await told(world, f"kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: {missing}")
    driver = Driver()
    async with driver.serving(Paths(world.host.state_dir).plugins_registry):
        pod = await world.until_ready("web")
        assert driver.of("NotifyRegistrationStatus") == [{"plugin_registered": True, "error": ""}]
        text = await world.run("web", "sh", "-c", "cd /v; cat colour password pod.name pod.uid ephemeral")
        assert text == f"bluesesameweb{pod.metadata.uid}true"
        tokens = json.loads(await world.run("web", "cat", "/v/serviceAccount.tokens"))
        assert tokens["vault"]["token"].count(".") == 2
        assert (await world.run("web", "stat", "-c", "%g %a", "/v")).split() == ["1234", "2775"]
        assert await shown(world) == [(NAME, "machine-7")]
        node = await world.client.resource(core_v1.Node).get("node-1")
        assert json.loads(node.metadata.annotations[NODE_IDS]) == {NAME: "machine-7"}
        assert node.metadata.labels[f"topology.{NAME}/zone"] == "here"
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        await until(lambda: driver.of("NodeUnpublishVolume"))
        (published,), (unpublished, *_) = driver.of("NodePublishVolume"), driver.of("NodeUnpublishVolume")
        assert {key: published[key] for key in ("volume_id", "target_path")} == unpublished
    async with asyncio.timeout(PATIENCE):
        while await shown(world):
            pass


async def test_what_a_driver_refuses_is_told_in_its_words(world: RealWorld):
    await allow(world)
    async with Driver().serving(Paths(world.host.state_dir).plugins_registry):
        container = sh(SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        await world.create("web", container, volumes=[inline(fail="no such safe")])
        await told(world, "rpc error: code = NotFound desc = no such safe")
        assert not [*Paths(world.host.state_dir).pods.glob("*/volumes/kubernetes.io~csi/*/vol_data.json")]


async def claim(world: RealWorld, name: str, handle: str) -> None:
    """A claim that is bound to a volume of the driver, for Pods of any node."""
    capacity = {"storage": "1Mi"}
    source = {"driver": NAME, "volumeHandle": handle, "volumeAttributes": {"share": "docs"}}
    spec = {"capacity": capacity, "accessModes": ["ReadWriteMany"], "csi": source}
    ref = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": name}
    volumes, claims = (
        world.client.resource(core_v1.PersistentVolume),
        world.client.resource(core_v1.PersistentVolumeClaim),
    )
    wanted = {"accessModes": ["ReadWriteMany"], "resources": {"requests": capacity}, "volumeName": handle}
    made = await world.make(core_v1.PersistentVolumeClaim, name, spec=wanted | {"storageClassName": ""})
    body = {"metadata": {"name": handle}, "spec": spec | {"claimRef": ref | {"uid": made.metadata.uid}}}
    await volumes.create(msgspec.convert(body, core_v1.PersistentVolume))
    bound = {"status": {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": capacity}}
    await claims.patch(name, bound, namespace="default", subresource="status")


async def test_volume_behind_a_claim_is_staged_once_for_all_pods_of_the_node(world: RealWorld):
    drivers = world.client.resource(storage_v1.CSIDriver)
    spec = storage_v1.CSIDriverSpec(attach_required=False)
    await drivers.create(storage_v1.CSIDriver(metadata=meta_v1.ObjectMeta(name=NAME), spec=spec))
    await claim(world, "shared", "share-7")
    driver = Driver(stages=True)
    async with driver.serving(Paths(world.host.state_dir).plugins_registry):
        container = sh(SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "shared"}}]
        for name in ("one", "two"):
            await world.create(name, container, volumes=volumes)
            await world.until_ready(name)
        await world.run("one", "sh", "-c", "echo hello > /v/greeting")
        assert await world.run("two", "cat", "/v/greeting") == "hello\n"
        published = driver.of("NodePublishVolume")
        assert {each["volume_id"] for each in published} == {"share-7"}
        assert {each["volume_capability"]["access_mode"]["mode"] for each in published} == {
            "MULTI_NODE_MULTI_WRITER"
        }
        assert {each["volume_context"]["share"] for each in published} == {"docs"}
        (staging,) = {each["staging_target_path"] for each in published}
        for name, unstaged in (("one", []), ("two", [staging])):
            await world.pods.delete(name, namespace="default", grace_period_seconds=0)
            await world.until_gone(name)
            for worker in [*world.agent.pods.workers()]:
                if worker.memory.name == name:
                    await worker.wait_gone()
            assert [each["staging_target_path"] for each in driver.of("NodeUnstageVolume")] == unstaged
        assert not linux.mounts_below(staging)


async def test_volume_that_must_be_attached_is_refused_by_name(world: RealWorld):
    drivers = world.client.resource(storage_v1.CSIDriver)
    await drivers.create(storage_v1.CSIDriver(metadata=meta_v1.ObjectMeta(name=NAME)))
    await claim(world, "attached", "disk-7")
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "attached"}}]
    await world.create("web", sh(SLEEP), volumes=volumes)
    await told(world, f"CSI driver {NAME}: volumes of it must be attached (attachRequired)")


async def test_plugins_that_are_no_drivers_of_this_kind_are_told_so(world: RealWorld):
    registry = Paths(world.host.state_dir).plugins_registry
    for driver, why in (
        (Driver(kind="DevicePlugin"), "no handler registered for plugin type: DevicePlugin at socket"),
        (Driver(versions=("0.3.0",)), "supports none of the versions of CSI that this node speaks"),
    ):
        async with driver.serving(registry):
            await until(lambda driver=driver: driver.of("NotifyRegistrationStatus"))
            (status,) = driver.of("NotifyRegistrationStatus")
            assert not status["plugin_registered"]
            assert why in status["error"]


async def test_pod_that_went_while_the_agent_was_dead_is_unpublished_when_its_driver_is_back(
    world: RealWorld,
):
    await allow(world)
    registry = Paths(world.host.state_dir).plugins_registry
    driver = Driver()
    async with driver.serving(registry):
        container = sh(SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        await world.create("web", container, volumes=[inline()])
        uid = (await world.until_ready("web")).metadata.uid
        await world.agent.stop()
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        agent = await world.start_agent()
        for worker in [*agent.pods.workers()]:
            await worker.wait_gone()
        assert driver.of("NodeUnpublishVolume")
        assert not linux.mounts_below(str(Paths(world.host.state_dir).pod(uid)))
