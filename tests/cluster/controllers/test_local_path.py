"""Claims get volumes made on the node that their Pod goes to, and lose them again: binder, scheduler and provisioner together."""

import asyncio
import stat
from pathlib import Path

import pytest
from controllers_world import ControllersWorld
from test_persistent_volumes import CLASS, phases
from test_storage_protection import ASKED, CLAIM, POD, VOLUME, seen, user
from test_volume_scheduling import node_of

from podling.api import errors
from podling.api.storage import localpath
from podling.api.types import core_v1, storage_v1
from podling.cluster import users
from podling.testing.virtualtime import virtual

ASKS = ASKED | {"storageClassName": "standard"}


async def standard(world, **fields):
    made = localpath.default_class()
    for name, value in fields.items():
        setattr(made, name, value)
    await world.client.resource(storage_v1.StorageClass).create(made)


def volume_of(world, claim="c"):
    found = world.one(CLAIM, claim)
    return found and world.seen.get(VOLUME).get("", found.spec.volume_name or "")


def folder(world, node="node-1"):
    return sorted(path.name for path in (world.folder / node / "local-path").iterdir())


@virtual
async def test_a_claim_gets_a_folder_where_its_pod_goes_and_gives_it_back(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await seen(world, CLAIM, VOLUME, CLASS)
        await standard(world)
        await world.create(CLAIM, "c", spec=ASKS)
        await world.create(POD, "p", spec=user())
        await world.until(lambda: world.one(POD, "p").status.phase == "Running", seconds=5)
        volume, node = volume_of(world), node_of(world)
        claimed = world.one(CLAIM, "c")
        assert claimed.status.phase == volume.status.phase == "Bound"
        assert claimed.status.capacity == {"storage": "1Gi"}
        assert volume.metadata.name == f"pvc-{claimed.metadata.uid}"
        assert volume.spec.persistent_volume_reclaim_policy == "Delete"
        path = Path(volume.spec.local.path)
        assert path.parent == world.folder / node / "local-path"
        assert stat.S_IMODE(path.stat().st_mode) == 0o777
        (path / "data").write_text("kept")
        await world.delete(CLAIM, "c")
        await world.delete(POD, "p")
        await world.until(lambda: world.seen.get(VOLUME).list() == [], seconds=10)
        assert world.one(CLAIM, "c") is None
        assert folder(world, node) == []
        reasons = [reason for _, reason, _ in await world.events("c")]
        assert "WaitForFirstConsumer" in reasons or "WaitForPodScheduled" in reasons
        assert "ExternalProvisioning" in reasons


@virtual
async def test_what_is_retained_is_left_alone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, reclaim_policy="Retain")
        await world.create(CLAIM, "c", spec=ASKS)
        await world.create(POD, "p", spec=user())
        await world.until(
            lambda: (
                phases(world, name=(volume_of(world) or core_v1.PersistentVolume()).metadata.name or "")[0]
                == "Bound"
            ),
            seconds=5,
        )
        name = volume_of(world).metadata.name
        await world.delete(POD, "p", grace_period_seconds=0)
        await world.delete(CLAIM, "c")
        await world.until(lambda: phases(world, name=name) == (None, "Released"), seconds=5)
        await world.idle()
        assert len(folder(world)) == 1
        await world.client.resource(VOLUME).delete(name)
        await world.until(lambda: world.seen.get(VOLUME).list() == [], seconds=5)
        assert len(folder(world)) == 1


@virtual
async def test_a_class_that_binds_at_once_has_one_node_make_the_volume(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        await world.create(CLAIM, "c", spec=ASKS)
        await world.until(lambda: world.one(CLAIM, "c").status.phase == "Bound", seconds=5)
        await world.idle()
        assert len(folder(world, "node-1") + folder(world, "node-2")) == 1
        await world.create(POD, "p", spec=user())
        await world.until(lambda: node_of(world), seconds=5)
        assert localpath.is_on(volume_of(world), node_of(world))


@virtual
async def test_a_claim_that_grows_is_given_more(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        await world.create(CLAIM, "c", spec=ASKS)
        await world.until(lambda: world.one(CLAIM, "c").status.phase == "Bound", seconds=5)
        await world.patch(CLAIM, "c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
        await world.until(lambda: world.one(CLAIM, "c").status.capacity == {"storage": "2Gi"}, seconds=5)
        assert volume_of(world).spec.capacity == {"storage": "2Gi"}


@virtual
async def test_a_claim_may_have_the_longest_of_names(tmp_path):
    name = ".".join(["c" * 63] * 3 + ["c" * 61])
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        await world.create(CLAIM, name, spec=ASKS)
        await world.until(lambda: world.one(CLAIM, name).status.phase == "Bound", seconds=5)
        (path,) = folder(world)
        assert len(path) == 255


@virtual
async def test_files_outside_are_never_removed_whatever_a_volume_says(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        claim = await world.create(CLAIM, "c", spec=ASKS | {"volumeName": "forged"})
        forged = localpath.volume_of(claim, localpath.default_class(), hostname="node-1", path=str(outside))
        forged.metadata.name = "forged"
        await world.client.resource(VOLUME).create(forged)
        await world.until(lambda: world.one(CLAIM, "c").status.phase == "Bound", seconds=5)
        await world.delete(CLAIM, "c")
        await world.until(lambda: world.seen.get(VOLUME).list() == [], seconds=5)
        assert outside.exists()


@virtual
async def test_what_was_interrupted_is_taken_up_by_the_next_agent(tmp_path):
    """A folder without a volume, and a volume whose folder is gone already."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        claim = await world.create(CLAIM, "c", spec=ASKS)
        half = tmp_path / "node-1" / "local-path" / f"pvc-{claim.metadata.uid}_default_c"
        gone = localpath.volume_of(claim, localpath.default_class(), hostname="node-1", path=f"{half}-gone")
        gone.metadata.name, gone.spec.claim_ref.uid = "gone", "of an earlier claim"
        await world.client.resource(VOLUME).create(gone)
        await world.until(
            lambda: world.seen.get(VOLUME).get("", "gone").status.phase == "Released", seconds=5
        )
        await world.start_agent("node-1")
        half.mkdir(parents=True, exist_ok=True)
        await world.until(lambda: world.one(CLAIM, "c").status.phase == "Bound", seconds=5)
        await world.until(lambda: len(world.seen.get(VOLUME).list()) == 1, seconds=5)
        assert folder(world) == [half.name]


@virtual
async def test_what_cannot_be_had_is_said(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        await world.create(CLAIM, "c", spec=ASKS | {"accessModes": ["ReadWriteMany"]})
        huge = {"requests": {"storage": "1Ei"}}
        await world.create(CLAIM, "huge", spec=ASKS | {"resources": huge})
        await world.idle()  # Events of one moment would have one name
        await world.start_agent("node-1")
        await world.idle()
        lead = 'failed to provision volume with StorageClass "standard": '
        why = "access modes can be ReadWriteOnce or ReadWriteOncePod"
        assert (
            "Warning",
            "ProvisioningFailed",
            f"{lead}podling.dev/local-path has volumes on one node only: {why}",
        ) in await world.events("c")
        assert (
            "Warning",
            "ProvisioningFailed",
            f"{lead}the node's disk is smaller than 1Ei",
        ) in await world.events("huge")
        assert world.seen.get(VOLUME).list() == []


@virtual
async def test_volumes_of_a_node_that_is_gone_for_good_are_let_go_when_nobody_claims_them(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world, volume_binding_mode="Immediate")
        for name in ("kept", "left"):
            claim = await world.create(CLAIM, name, spec=ASKS)
            made = localpath.volume_of(
                claim, localpath.default_class(), hostname="gone", path=f"/gone/{name}"
            )
            await world.client.resource(VOLUME).create(made)
        await world.until(lambda: {claim.status.phase for claim in world.all(CLAIM)} == {"Bound"}, seconds=5)
        await world.delete(CLAIM, "left")
        await asyncio.sleep(30)  # in virtual time; the node may just be registered anew
        assert len(world.seen.get(VOLUME).list()) == 2
        await world.until(lambda: len(world.seen.get(VOLUME).list()) == 1, seconds=30)
        await world.idle()
        assert volume_of(world, "kept").status.phase == "Bound"


@virtual
async def test_a_node_touches_no_volumes_and_claims_but_its_own(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world)
        await world.create(CLAIM, "c", spec=ASKS)
        await world.create(POD, "p", spec=user())
        await world.until(lambda: node_of(world) and volume_of(world), seconds=5)
        volume = volume_of(world)
        (other,) = {"node-1", "node-2"} - {node_of(world)}
        stranger = world.client_of(users.node(other))
        volumes, claims = stranger.resource(VOLUME), stranger.resource(CLAIM)
        for forbidden in (
            volumes.delete(volume.metadata.name),
            volumes.patch(volume.metadata.name, {"spec": {"capacity": {"storage": "9Gi"}}}),
            claims.patch("c", {"metadata": {"labels": {"a": "b"}}}, namespace="default"),
            claims.update(world.one(CLAIM, "c")),
        ):
            with pytest.raises(errors.Forbidden):
                await forbidden
        claim = world.one(CLAIM, "c")
        mine = localpath.volume_of(claim, localpath.default_class(), hostname=other, path="/")
        mine.metadata.name = "mine"
        with pytest.raises(
            errors.Forbidden, match="can only create volumes for claims that were placed on it"
        ):
            await volumes.create(mine)
        mine.spec.local, mine.spec.host_path = None, core_v1.HostPathVolumeSource(path="/")
        with pytest.raises(errors.Forbidden, match="can only write local volumes of its own"):
            await volumes.create(mine)
