"""DaemonSets on a cluster of three nodes in memory.

Rows: conformance v1.24, test/e2e/apps/daemon_set.go and controller_revision.go.
"""

from controllers_world import ControllersWorld, template

from podling.api.types import apps_v1, core_v1
from podling.client import PatchType
from podling.testing.virtualtime import virtual

DS, POD, NODE, CR = apps_v1.DaemonSet, core_v1.Pod, core_v1.Node, apps_v1.ControllerRevision
LABELS = {"app": "agent"}
NODES = ("node-1", "node-2", "node-3")


def world_of(tmp_path):
    return ControllersWorld(tmp_path, nodes=NODES)


def spec(*, pod=None, **more):
    made = template(LABELS)
    made["spec"].update(pod or {})
    return {"selector": {"matchLabels": LABELS}, "template": made, **more}


def where(world):
    return sorted(pod.spec.node_name for pod in world.ready())


def image(name):
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": name}]}}}}


def rolled_out(world, image_name):
    status = world.one(DS, "agent").status
    images = {pod.spec.containers[0].image for pod in world.all(POD)}
    return status.updated_number_scheduled == 3 and status.number_available == 3 and images == {image_name}


async def label(world, node, **labels):
    await world.client.resource(NODE).patch(node, {"metadata": {"labels": labels}})


@virtual
async def test_one_pod_on_every_node_and_a_new_one_for_one_that_goes(tmp_path):
    """Rows: run and stop a simple daemon; revive a daemon pod that was deleted."""
    async with world_of(tmp_path) as world:
        await world.create(DS, "agent", spec=spec())
        await world.until(lambda: where(world) == list(NODES))
        await world.until(lambda: world.one(DS, "agent").status.number_available == 3)
        status = world.one(DS, "agent").status
        assert (status.desired_number_scheduled, status.current_number_scheduled) == (3, 3)
        gone = world.pods()[0].metadata.name
        await world.delete(POD, gone)
        await world.until(lambda: where(world) == list(NODES) and not world.one(POD, gone))
        await world.delete(DS, "agent")
        await world.until(lambda: not world.all(POD), seconds=60)


@virtual
async def test_a_node_selector_follows_the_labels_of_nodes(tmp_path):
    """Row: run and stop a complex daemon by node labels."""
    async with world_of(tmp_path) as world:
        await world.create(DS, "agent", spec=spec(pod={"nodeSelector": {"color": "blue"}}))
        await world.idle()
        assert world.pods() == []
        await label(world, "node-2", color="blue")
        await world.until(lambda: where(world) == ["node-2"])
        await label(world, "node-2", color="green")
        await world.until(lambda: not world.all(POD))
        assert (await world.get(DS, "agent")).status.desired_number_scheduled == 0


@virtual
async def test_a_daemon_that_failed_is_made_anew(tmp_path):
    """Row: retry creating failed daemon pods."""
    async with world_of(tmp_path) as world:
        await world.create(DS, "agent", spec=spec())
        await world.until(lambda: where(world) == list(NODES))
        failing = world.pods()[0].metadata.name
        await world.patch(POD, failing, {"spec": {"activeDeadlineSeconds": 1}})
        await world.until(lambda: where(world) == list(NODES) and not world.one(POD, failing))
        assert ("Warning", "FailedDaemonPod") in {event[:2] for event in await world.events("agent")}


@virtual
async def test_a_rolling_update_takes_one_node_after_the_other_and_can_be_undone(tmp_path):
    """Rows: RollingUpdate; rollback without unnecessary restarts."""
    async with world_of(tmp_path) as world:
        await world.create(DS, "agent", spec=spec())
        await world.until(lambda: where(world) == list(NODES))
        ready = []

        def watch():
            ready.append(len(world.ready()))
            return rolled_out(world, "busybox:2")

        await world.patch(DS, "agent", image("busybox:2"), type=PatchType.STRATEGIC)
        await world.until(watch)
        assert min(ready) >= 2
        known = (await world.client.resource(CR).list(namespace="default")).items
        assert sorted(each.revision for each in known) == [1, 2]
        first = min(known, key=lambda each: each.revision)
        await world.patch(DS, "agent", bytes(first.data), type=PatchType.STRATEGIC)
        await world.until(lambda: rolled_out(world, "busybox:1"))
        known = (await world.client.resource(CR).list(namespace="default")).items
        assert sorted(each.revision for each in known) == [2, 3]


@virtual
async def test_a_surging_update_never_leaves_a_node_without(tmp_path):
    async with world_of(tmp_path) as world:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        await world.create(DS, "agent", spec=spec(updateStrategy=rolling))
        await world.until(lambda: where(world) == list(NODES))
        covered = []

        def watch():
            covered.append(len(set(where(world))))
            return rolled_out(world, "busybox:2")

        await world.patch(DS, "agent", image("busybox:2"), type=PatchType.STRATEGIC)
        await world.until(watch)
        assert min(covered) == 3


@virtual
async def test_on_delete_is_a_cookie_cutter_in_the_users_own_hand(tmp_path):
    async with world_of(tmp_path) as world:
        await world.create(DS, "agent", spec=spec(updateStrategy={"type": "OnDelete"}))
        await world.until(lambda: where(world) == list(NODES))
        before = {pod.metadata.uid for pod in world.pods()}
        await world.patch(DS, "agent", image("busybox:2"), type=PatchType.STRATEGIC)
        await world.idle()
        assert {pod.metadata.uid for pod in world.pods()} == before
        await world.delete(POD, world.pods()[0].metadata.name)
        await world.until(lambda: where(world) == list(NODES) and len(world.all(POD)) == 3)
        images = sorted(pod.spec.containers[0].image for pod in world.pods())
        assert images == ["busybox:1", "busybox:1", "busybox:2"]


@virtual
async def test_a_cordoned_node_keeps_its_daemon_and_a_tainted_one_loses_it(tmp_path):
    async with world_of(tmp_path) as world:
        await world.create(DS, "agent", spec=spec())
        await world.until(lambda: where(world) == list(NODES))
        nodes = world.client.resource(NODE)
        await nodes.patch("node-1", {"spec": {"unschedulable": True}})
        await world.idle()
        assert where(world) == list(NODES)
        await nodes.patch("node-2", {"spec": {"taints": [{"key": "out", "effect": "NoExecute"}]}})
        await world.until(lambda: where(world) == ["node-1", "node-3"] and len(world.all(POD)) == 2)
