"""Pods with a RuntimeClass on a whole cluster in memory: placed with their overhead counted, and refused by the node in words.

Conformance, sig-node / runtimeclass: overhead is filled in and scheduled by; without overhead a Pod just runs; a Pod
whose class was deleted, or whose handler the node lacks, does not run and says why.
"""

from controllers_world import NODE, ControllersWorld

from podling.api.types import core_v1, node_v1
from podling.testing.virtualtime import virtual

POD = core_v1.Pod


def spec(runtime_class, cpu="100m", **more):
    resources = {"requests": {"cpu": cpu}}
    containers = [{"name": "main", "image": "busybox:1", "resources": resources}]
    return {"runtimeClassName": runtime_class, "containers": containers, **more}


async def classes(world, **by_name):
    for name, fields in by_name.items():
        await world.create(node_v1.RuntimeClass, name, namespace="", **fields)


def unscheduled(world, name):
    pod = world.one(POD, name)
    found = (one for one in (pod.status.conditions or ()) if one.type == "PodScheduled")
    return next((one.message or "" for one in found if one.status == "False"), "")


def is_running(world, name):
    pod = world.one(POD, name)
    return pod is not None and pod.status.phase == "Running"


async def failures(world, name):
    page = await world.client.resource(core_v1.Event).list(namespace="default")
    return [
        event.message
        for event in page.items
        if event.involved_object.name == name and event.reason == "FailedCreatePodSandBox"
    ]


@virtual
async def test_a_pod_is_placed_only_where_its_overhead_fits_too(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        node = await world.client.resource(core_v1.Node).get(NODE)
        cpus = int(node.status.allocatable["cpu"])
        await classes(
            world,
            heavy={"handler": "h", "overhead": {"podFixed": {"cpu": str(cpus)}}},
            light={"handler": "h"},
        )
        await world.create(POD, "p", spec=spec("heavy"))
        await world.until(lambda: "Insufficient cpu" in unscheduled(world, "p"), seconds=10)
        await world.create(POD, "q", spec=spec("light"))
        await world.until(lambda: world.one(POD, "q").spec.node_name, seconds=10)
        assert world.one(POD, "q").spec.overhead is None


@virtual
async def test_a_class_leads_its_pods_to_its_nodes(tmp_path):
    async with ControllersWorld(tmp_path, nodes=("node-1", "node-2")) as world:
        rules = {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}
        await classes(world, there={"handler": "h", "scheduling": rules})
        await world.create(POD, "p", spec=spec("there"))
        await world.until(lambda: world.one(POD, "p").spec.node_name == "node-2", seconds=10)


@virtual
async def test_a_handler_that_the_node_lacks_is_told_and_the_pod_waits(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await classes(world, vm={"handler": "vm"})
        await world.create(POD, "p", spec=spec("vm"))
        await world.create(POD, "plain", spec=spec(None))
        await world.until(lambda: is_running(world, "plain"), seconds=60)
        await world.idle()
        assert world.one(POD, "p").status.phase == "Pending"
        why = 'failed to get sandbox runtime: no runtime for "vm" is configured'
        assert set(await failures(world, "p")) == {f"Failed to create pod sandbox: {why}"}


@virtual
async def test_a_class_that_is_deleted_before_its_pod_runs_is_told(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await classes(world, vm={"handler": "vm"})
        gate = [{"name": "example.com/wait"}]
        await world.create(POD, "p", spec=spec("vm", schedulingGates=gate))
        await world.client.resource(node_v1.RuntimeClass).delete("vm")
        await world.client.resource(POD).patch("p", {"spec": {"schedulingGates": None}}, namespace="default")
        await world.until(lambda: world.one(POD, "p").spec.node_name, seconds=10)
        await world.idle()
        why = 'runtimeclass.node.k8s.io "vm" not found'
        assert set(await failures(world, "p")) == {f"Failed to create pod sandbox: {why}"}
