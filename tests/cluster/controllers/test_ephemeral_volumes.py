"""Generic ephemeral volumes: a claim for each, that comes and goes with its Pod."""

from controllers_world import ControllersWorld
from test_local_path import folder, standard
from test_storage_protection import ASKED, CLAIM, POD, VOLUME, seen
from test_volume_scheduling import node_of, why

from podling.testing.virtualtime import virtual


def spec(*names):
    template = {"metadata": {"labels": {"for": "scratch"}}, "spec": ASKED | {"storageClassName": "standard"}}
    volumes = [{"name": name, "ephemeral": {"volumeClaimTemplate": template}} for name in names]
    return {"containers": [{"name": "main", "image": "busybox:1"}], "volumes": volumes}


@virtual
async def test_a_claim_is_made_for_the_pod_and_goes_with_it(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await standard(world)
        pod = await world.create(POD, "p", spec=spec("one", "two"))
        await world.until(lambda: world.one(POD, "p").status.phase == "Running", seconds=15)
        assert [claim.metadata.name for claim in world.all(CLAIM)] == ["p-one", "p-two"]
        (owner,) = world.one(CLAIM, "p-one").metadata.owner_references
        assert (owner.kind, owner.uid, owner.controller) == ("Pod", pod.metadata.uid, True)
        assert world.one(CLAIM, "p-one").metadata.labels == {"for": "scratch"}
        assert len(folder(world)) == 2
        await world.delete(POD, "p")
        await world.until(lambda: not world.all(CLAIM) and not world.seen.get(VOLUME).list(), seconds=60)
        assert folder(world) == []


@virtual
async def test_somebody_elses_claim_of_that_name_is_not_taken(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM)
        await standard(world)
        await world.create(CLAIM, "p-data", spec=ASKED | {"storageClassName": "standard"})
        await world.create(POD, "p", spec=spec("data"))
        told = "PVC default/p-data was not created for pod default/p (pod is not owner)"
        await world.until(lambda: why(world) == f"0/1 nodes are available: {told}.", seconds=5)
        await world.idle()
        assert ("Warning", "FailedBinding", f"ephemeral volume data: {told}") in await world.events("p")
        await world.delete(CLAIM, "p-data")
        await world.until(lambda: node_of(world), seconds=30)
