"""Volumes of a CSI driver that answers over a real socket: registered, published into real containers, unpublished whatever happens."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from csi_driver import NAME, Driver
from real_world import PATIENCE, SLEEP, RealWorld, sh

from podling.agent.csi.csinode import NODE_IDS
from podling.agent.paths import Paths
from podling.aio.clock import SystemClock
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.client.informers import Informers
from podling.controllers import attachdetach
from podling.controllers.loop import Controllers
from podling.controllers.reconcile import Context
from podling.controllers.settings import ControllerSettings
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


async def claim(world: RealWorld, name: str, handle: str, *, secret: bool = False, **fields: Any) -> None:
    """A claim that is bound to a volume of the driver, for Pods of any node."""
    capacity = {"storage": "1Mi"}
    key = {"namespace": "storage", "name": "key"}
    source = {"driver": NAME, "volumeHandle": handle, "volumeAttributes": {"share": "docs"}}
    source |= {"nodeStageSecretRef": key, "nodePublishSecretRef": key} if secret else {}
    spec = {"capacity": capacity, "accessModes": ["ReadWriteMany"], "csi": source, **fields}
    ref = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": name}
    volumes, claims = (
        world.client.resource(core_v1.PersistentVolume),
        world.client.resource(core_v1.PersistentVolumeClaim),
    )
    wanted = {"accessModes": ["ReadWriteMany"], "resources": {"requests": capacity}, "volumeName": handle}
    made = await world.make(
        core_v1.PersistentVolumeClaim, name, spec=wanted | {"storageClassName": ""} | fields
    )
    body = {"metadata": {"name": handle}, "spec": spec | {"claimRef": ref | {"uid": made.metadata.uid}}}
    await volumes.create(msgspec.convert(body, core_v1.PersistentVolume))
    bound = {"status": {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": capacity}}
    await claims.patch(name, bound, namespace="default", subresource="status")


async def test_volume_behind_a_claim_is_staged_once_for_all_pods_of_the_node(world: RealWorld):
    drivers = world.client.resource(storage_v1.CSIDriver)
    spec = storage_v1.CSIDriverSpec(attach_required=False)
    await drivers.create(storage_v1.CSIDriver(metadata=meta_v1.ObjectMeta(name=NAME), spec=spec))
    await claim(world, "shared", "share-7", secret=True)
    meta = meta_v1.ObjectMeta(name="key", namespace="storage")
    word = base64.b64encode(b"sesame").decode()
    await world.client.resource(core_v1.Namespace).create(
        core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="storage"))
    )
    await world.client.resource(core_v1.Secret).create(core_v1.Secret(metadata=meta, data={"word": word}))
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
        for call in published + driver.of("NodeStageVolume"):
            assert call["secrets"] == {"word": "sesame"}
        (staging,) = {each["staging_target_path"] for each in published}
        for name, unstaged in (("one", []), ("two", [staging])):
            await world.pods.delete(name, namespace="default", grace_period_seconds=0)
            await world.until_gone(name)
            for worker in [*world.agent.pods.workers()]:
                if worker.memory.name == name:
                    await worker.wait_gone()
            assert [each["staging_target_path"] for each in driver.of("NodeUnstageVolume")] == unstaged
        assert not linux.mounts_below(staging)


@asynccontextmanager
async def attaching(world: RealWorld, *rows: Any) -> AsyncIterator[None]:
    """Controllers at work: the one that says what is to be attached, unless others are named."""
    client, chance = world.client, Random()
    async with AsyncExitStack() as stack:
        informers = Informers(client, random=chance)
        stack.push_async_callback(informers.stop)
        await informers.start()
        context = Context(
            clients=lambda _: client,
            informers=informers,
            clock=SystemClock(),
            random=chance,
            settings=ControllerSettings(root_ca=""),
        )
        controllers = Controllers(context, {row.NAME: row.controller for row in rows or (attachdetach,)})
        stack.push_async_callback(controllers.stop)
        await controllers.start()
        yield


async def attachment(world: RealWorld, *, gone: bool = False) -> storage_v1.VolumeAttachment | None:
    """The one that there is, or None once there is none."""
    found = world.client.resource(storage_v1.VolumeAttachment)
    async with asyncio.timeout(PATIENCE):
        while bool(items := (await found.list()).items) is gone:
            pass
    return items[0] if items else None


async def test_volume_that_must_be_attached_waits_for_its_attacher_and_is_detached_in_the_end(
    world: RealWorld,
):
    await claim(world, "attached", "disk-7")
    driver = Driver(stages=True)
    async with driver.serving(Paths(world.host.state_dir).plugins_registry), attaching(world):
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "attached"}}]
        container = sh(SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        await world.create("web", container, volumes=volumes)
        made = await attachment(world)
        assert made is not None
        assert (made.spec.attacher, made.spec.node_name) == (NAME, "node-1")
        assert not driver.of("NodeStageVolume")
        status = {"attached": True, "attachmentMetadata": {"device": "/dev/disk7"}}
        writes = world.client.resource(storage_v1.VolumeAttachment)
        await writes.patch(made.metadata.name or "", {"status": status}, subresource="status")
        await world.until_ready("web")
        for call in driver.of("NodeStageVolume") + driver.of("NodePublishVolume"):
            assert call["publish_context"] == {"device": "/dev/disk7"}
        nodes = world.client.resource(core_v1.Node)
        told = (await nodes.get("node-1")).status
        unique = f"kubernetes.io/csi/{NAME}^disk-7"
        assert ([each.name for each in told.volumes_attached], told.volumes_in_use) == ([unique], [unique])
        assert not any("according to node status" in message for _, message in await world.events("web"))
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        await attachment(world, gone=True)
        assert driver.of("NodeUnstageVolume"), "nothing is detached before it is unmounted"


async def test_raw_block_of_a_driver_is_a_device_in_the_container(world: RealWorld, tmp_path: Path):
    drivers = world.client.resource(storage_v1.CSIDriver)
    spec = storage_v1.CSIDriverSpec(attach_required=False)
    await drivers.create(storage_v1.CSIDriver(metadata=meta_v1.ObjectMeta(name=NAME), spec=spec))
    await claim(world, "raw", "raw-7", volumeMode="Block")
    driver = Driver(stages=True, blocks=tmp_path)
    async with driver.serving(Paths(world.host.state_dir).plugins_registry):
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "raw"}}]
        container = sh(SLEEP, volumeDevices=[{"name": "v", "devicePath": "/dev/raw"}])
        await world.create("web", container, volumes=volumes)
        uid = (await world.until_ready("web")).metadata.uid
        await world.run("web", "sh", "-c", "test -b /dev/raw && echo hello > /dev/raw && sync")
        assert (tmp_path / "raw-7").read_bytes().startswith(b"hello")
        (published,) = driver.of("NodePublishVolume")
        assert "block" in published["volume_capability"]
        assert published["target_path"].endswith(f"/volumeDevices/publish/raw-7/{uid}")
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        await world.until_gone("web")
        await until(lambda: driver.of("NodeUnstageVolume"))
        assert not linux.mounts_below(published["target_path"])


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
