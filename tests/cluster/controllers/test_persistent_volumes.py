"""Claims and volumes find each other on a whole cluster in memory. Rows: conformance test/e2e/storage/persistent_volumes.go."""

from controllers_world import ControllersWorld
from test_storage_protection import ASKED, CLAIM, HOST, VOLUME, seen

from podling.api.types import core_v1, storage_v1
from podling.testing.virtualtime import virtual

CLASS = storage_v1.StorageClass
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


async def provide(world, name, **spec):
    await world.create(VOLUME, name, namespace="", spec=HOST | spec)


def volume(world, name):
    return world.seen.get(VOLUME).get("", name)


def phases(world, claim="c", name="v"):
    found, v = world.one(CLAIM, claim), volume(world, name)
    return found and found.status.phase, v and v.status.phase


@virtual
async def test_a_claim_and_a_volume_are_bound_and_part_again(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await world.create(CLAIM, "c", spec=ASKED)
        await world.idle()
        assert phases(world) == ("Pending", None)
        assert await world.events("c") == [
            (
                "Normal",
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
            )
        ]
        await provide(world, "v", capacity={"storage": "3Gi"})
        await world.until(lambda: phases(world) == ("Bound", "Bound"), seconds=1)
        bound = world.one(CLAIM, "c")
        assert (bound.spec.volume_name, bound.status.capacity) == ("v", {"storage": "3Gi"})
        assert volume(world, "v").spec.claim_ref.uid == bound.metadata.uid
        await world.client.resource(VOLUME).delete("v")
        await world.idle()
        assert volume(world, "v").metadata.deletion_timestamp
        await world.delete(CLAIM, "c")
        await world.until(lambda: phases(world) == (None, None), seconds=1)


@virtual
async def test_what_is_retained_stays_released_until_its_owner_frees_it(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await provide(world, "v")
        await world.create(CLAIM, "c", spec=ASKED)
        await world.until(lambda: phases(world) == ("Bound", "Bound"), seconds=1)
        await world.delete(CLAIM, "c")
        await world.until(lambda: phases(world) == (None, "Released"), seconds=1)
        await world.create(CLAIM, "d", spec=ASKED)
        await world.idle()
        assert phases(world, "d") == ("Pending", "Released")
        await world.client.resource(VOLUME).patch("v", {"spec": {"claimRef": None}})
        await world.until(lambda: phases(world, "d") == ("Bound", "Bound"), seconds=1)


@virtual
async def test_many_claims_at_once_get_a_volume_each(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        for number in range(12):
            await provide(world, f"v{number}")
        for number in range(12):
            await world.create(CLAIM, f"c{number}", spec=ASKED)
        await world.until(lambda: [c.status.phase for c in world.all(CLAIM)] == ["Bound"] * 12, seconds=60)
        assert len({claim.spec.volume_name for claim in world.all(CLAIM)}) == 12
        await world.idle()
        assert {v.status.phase for v in world.seen.get(VOLUME).list()} == {"Bound"}


@virtual
async def test_a_claim_is_lost_with_its_volume(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await provide(world, "v")
        await world.create(CLAIM, "c", spec=ASKED)
        await world.until(lambda: phases(world) == ("Bound", "Bound"), seconds=1)
        await world.client.resource(VOLUME).delete("v")
        await world.client.resource(VOLUME).patch("v", {"metadata": {"finalizers": None}})
        await world.until(lambda: phases(world) == ("Lost", None), seconds=1)
        assert (
            "Warning",
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        ) in await world.events("c")


@virtual
async def test_volumes_and_claims_can_be_reserved_for_each_other(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await provide(world, "small")
        await provide(world, "mine", claimRef={"namespace": "default", "name": "c"})
        await world.create(CLAIM, "c", spec=ASKED)
        await world.until(lambda: phases(world, name="mine") == ("Bound", "Bound"), seconds=1)
        assert "pv.kubernetes.io/bound-by-controller" not in (
            volume(world, "mine").metadata.annotations or {}
        )
        await world.create(CLAIM, "d", spec=ASKED | {"volumeName": "small"})
        await world.until(lambda: phases(world, "d", "small") == ("Bound", "Bound"), seconds=1)


@virtual
async def test_a_volume_that_cannot_be_reclaimed_fails_and_says_why(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await provide(world, "v", persistentVolumeReclaimPolicy="Recycle")
        await world.create(CLAIM, "c", spec=ASKED)
        await world.until(lambda: phases(world) == ("Bound", "Bound"), seconds=1)
        await world.delete(CLAIM, "c")
        await world.until(lambda: phases(world) == (None, "Failed"), seconds=1)
        message = "No recycler plugin found for the volume!"
        assert volume(world, "v").status.message == message
        await world.idle()
        assert ("Warning", "VolumeFailedRecycle", message) in await world.events("v")


@virtual
async def test_a_later_default_class_takes_claims_that_named_none(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM)
        silent = {key: value for key, value in ASKED.items() if key != "storageClassName"}
        await world.create(CLAIM, "c", spec=silent)
        await world.create(CLAIM, "none", spec=ASKED)
        await world.create(CLASS, "usual", namespace="", annotations=DEFAULT, provisioner="p.io/disk")
        await world.until(lambda: world.one(CLAIM, "c").spec.storage_class_name == "usual", seconds=1)
        await world.until(lambda: world.one(CLAIM, "c").metadata.annotations, seconds=1)
        assert world.one(CLAIM, "c").metadata.annotations == {
            "volume.kubernetes.io/storage-provisioner": "p.io/disk",
            "volume.beta.kubernetes.io/storage-provisioner": "p.io/disk",
        }
        await world.idle()
        assert "ExternalProvisioning" in {reason for _, reason, _ in await world.events("c")}
        assert world.one(CLAIM, "none").spec.storage_class_name == ""


@virtual
async def test_what_was_bound_half_way_is_completed_by_the_next_controller(tmp_path):
    """A volume that refers to a claim is that claim's, though nobody lived to tell the claim."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        made = await world.create(CLAIM, "c", spec=ASKED | {"volumeName": "v"})
        ref = {"namespace": "default", "name": "c", "uid": made.metadata.uid}
        await provide(world, "v", claimRef=ref, accessModes=["ReadWriteOnce", "ReadOnlyMany"])
        await world.until(lambda: phases(world) == ("Bound", "Bound"), seconds=1)
        assert world.one(CLAIM, "c").status.access_modes == ["ReadWriteOnce", "ReadOnlyMany"]
        assert isinstance(world.one(CLAIM, "c"), core_v1.PersistentVolumeClaim)


@virtual
async def test_who_is_to_enlarge_a_volume_is_said_once_for_each_wish(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await seen(world, CLAIM, VOLUME)
        await world.create(CLASS, "grows", namespace="", provisioner="p.io/disk", allowVolumeExpansion=True)
        await provide(world, "v", storageClassName="grows")
        await world.create(CLAIM, "c", spec=ASKED | {"storageClassName": "grows"})
        await world.until(lambda: phases(world) == ("Bound", "Bound"), seconds=1)
        await world.patch(CLAIM, "c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
        await world.patch(CLAIM, "c", {"metadata": {"labels": {"a": "b"}}})
        await world.idle()
        told = [message for _, reason, message in await world.events("c") if reason == "ExternalExpanding"]
        assert told == [
            "Ignoring the PVC: didn't find a plugin capable of expanding the volume; waiting for an external controller "
            "to process this PVC."
        ]
