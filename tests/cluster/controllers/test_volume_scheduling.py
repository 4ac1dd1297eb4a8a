"""Pods with claims are placed and bound on a whole cluster in memory: static volumes, with the binder at work."""

from controllers_world import ControllersWorld
from test_persistent_volumes import CLASS, phases, provide, volume
from test_storage_protection import ASKED, CLAIM, POD, VOLUME, seen, user

from podling.testing.virtualtime import virtual

LAZY = ASKED | {"storageClassName": "lazy"}


async def lazy(world, **fields):
    fields = {
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    } | fields
    await world.create(CLASS, "lazy", namespace="", **fields)


def on(name):
    """The volume is on this node."""
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}
    return {"required": {"nodeSelectorTerms": [term]}}


def node_of(world, name="p"):
    found = world.one(POD, name)
    return found.spec.node_name if found else None


def why(world, name="p"):
    conditions = world.one(POD, name).status.conditions or ()
    return next((c.message for c in conditions if c.type == "PodScheduled" and c.status == "False"), None)


@virtual
async def test_a_lazy_claim_takes_a_volume_where_its_pod_goes(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await seen(world, CLAIM, VOLUME)
        await lazy(world)
        await provide(world, "v", storageClassName="lazy", nodeAffinity=on("node-2"))
        await world.create(CLAIM, "c", spec=LAZY)
        await world.idle()
        assert phases(world) == ("Pending", "Available")
        await world.create(POD, "p", spec=user())
        await world.until(lambda: node_of(world) == "node-2", seconds=2)
        assert phases(world) == ("Bound", "Bound")
        assert volume(world, "v").metadata.annotations == {"pv.kubernetes.io/bound-by-controller": "yes"}


@virtual
async def test_a_pod_waits_for_a_claim_that_is_bound_without_it(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await world.create(POD, "p", spec=user())
        message = '0/1 nodes are available: persistentvolumeclaim "c" not found.'
        await world.until(lambda: why(world) == message, seconds=2)
        await world.create(CLAIM, "c", spec=ASKED)
        message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
        await world.until(lambda: why(world) == message, seconds=5)
        await provide(world, "v")
        await world.until(lambda: node_of(world), seconds=15)
        assert phases(world) == ("Bound", "Bound")


@virtual
async def test_two_pods_that_reach_for_one_volume_are_told_apart(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        await lazy(world)
        await provide(world, "v", storageClassName="lazy")
        for name in ("c", "d"):
            await world.create(CLAIM, name, spec=LAZY)
            await world.create(POD, f"of-{name}", spec=user(name))
        await world.until(lambda: node_of(world, "of-c") or node_of(world, "of-d"), seconds=5)
        await world.idle()
        (waiting,) = [name for name in ("of-c", "of-d") if not node_of(world, name)]
        reason = "node(s) didn't find available persistent volumes to bind"
        assert why(world, waiting) == f"0/1 nodes are available: 1 {reason}."
        await provide(world, "w", storageClassName="lazy")
        await world.until(lambda: node_of(world, waiting), seconds=30)


@virtual
async def test_a_provisioner_that_gives_up_on_a_node_sends_the_pod_elsewhere(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        await seen(world, CLAIM, VOLUME)
        await lazy(world, provisioner="p.io/disk")
        await world.create(CLAIM, "c", spec=LAZY)
        await world.create(POD, "p", spec=user())

        def selected():
            return (world.one(CLAIM, "c").metadata.annotations or {}).get(
                "volume.kubernetes.io/selected-node"
            )

        first = await world.until(selected, seconds=5)
        assert node_of(world) is None
        change = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": None}}}
        await world.patch(CLAIM, "c", change)
        await world.until(lambda: not selected(), seconds=1)
        second = await world.until(selected, seconds=15)
        claimed = world.one(CLAIM, "c")
        ref = {"namespace": "default", "name": "c", "uid": claimed.metadata.uid}
        await provide(world, "v", storageClassName="lazy", nodeAffinity=on(second), claimRef=ref)
        await world.until(lambda: node_of(world) == second, seconds=15)
        assert first in ("node-1", "node-2")
        events = [
            message for _, reason, message in await scheduler_events(world) if reason == "FailedScheduling"
        ]
        assert events == [
            'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "c"'
        ]


async def scheduler_events(world):
    await world.idle()
    return await world.events("p")


@virtual
async def test_a_claim_for_one_pod_passes_to_the_next_when_that_is_gone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await seen(world, CLAIM, VOLUME)
        alone = {"accessModes": ["ReadWriteOncePod"]}
        await provide(world, "v", **alone)
        await world.create(CLAIM, "c", spec=ASKED | alone)
        await world.create(POD, "p", spec=user(terminationGracePeriodSeconds=1))
        await world.until(lambda: node_of(world), seconds=15)
        await world.create(POD, "q", spec=user())
        reason = (
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
        )
        await world.until(lambda: why(world, "q") == f"0/1 nodes are available: 1 {reason}.", seconds=5)
        await world.delete(POD, "p", grace_period_seconds=0)
        await world.until(lambda: node_of(world, "q"), seconds=30)
