"""NoExecute taints on a cluster in memory. Rows: conformance v1.24, test/e2e/node/taints.go."""

import asyncio

from controllers_world import NODE, ControllersWorld, template

from podling.api.types import core_v1
from podling.testing.virtualtime import virtual

POD, NODES = core_v1.Pod, core_v1.Node
TAINT = {"key": "example.com/leave", "value": "now", "effect": "NoExecute"}


def tolerating(seconds=None):
    used = {"key": TAINT["key"], "operator": "Equal", "value": TAINT["value"], "effect": "NoExecute"}
    if seconds is not None:
        used["tolerationSeconds"] = seconds
    return {**template({})["spec"], "tolerations": [used]}


async def taint(world, *taints):
    await world.client.resource(NODES).patch(NODE, {"spec": {"taints": list(taints)}})


async def started(world, **pods):
    for name, spec in pods.items():
        await world.create(POD, name, spec=spec)
    await world.until(lambda: len(world.ready()) == len(pods))


async def seconds_until_gone(world, *names):
    began, gone = world.clock.now(), {}

    def over():
        for name in names:
            pod = world.one(POD, name)
            if name not in gone and (pod is None or pod.metadata.deletion_timestamp is not None):
                gone[name] = round(world.clock.now() - began)
        return len(gone) == len(names)

    await world.until(over)
    return gone


@virtual
async def test_each_pod_is_evicted_after_its_own_toleration_seconds(tmp_path):
    """Rows: NoExecute taint evicts each pod after its own tolerationSeconds; who tolerates it for ever stays."""
    async with ControllersWorld(tmp_path) as world:
        none = template({})["spec"]
        await started(world, never=none, short=tolerating(5), long=tolerating(45), ever=tolerating())
        await taint(world, TAINT)
        assert await seconds_until_gone(world, "never", "short", "long") == {
            "never": 0,
            "short": 5,
            "long": 45,
        }
        await world.idle()
        assert [pod.metadata.name for pod in world.pods()] == ["ever"]
        told = [
            message for _, reason, message in await world.events("long") if reason == "TaintManagerEviction"
        ]
        assert told == ["Marking for deletion Pod default/long"]


@virtual
async def test_removing_the_taint_in_time_cancels_the_eviction(tmp_path):
    """Row: removing the taint before tolerationSeconds elapse cancels eviction; the time then starts anew."""
    async with ControllersWorld(tmp_path) as world:
        await started(world, web=tolerating(65))
        await taint(world, TAINT)
        await asyncio.sleep(50)
        await taint(world)
        await asyncio.sleep(300)
        assert world.ready(), "nobody takes it away"
        await taint(world, TAINT)
        assert await seconds_until_gone(world, "web") == {"web": 65}
        told = [
            message for _, reason, message in await world.events("web") if reason == "TaintManagerEviction"
        ]
        assert told == ["Cancelling deletion of Pod default/web", "Marking for deletion Pod default/web"]


@virtual
async def test_a_pod_says_who_drove_it_out(tmp_path):
    """Row: a Job ignores such failures by the condition DisruptionTarget."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(POD, "web", spec=template({})["spec"])
        await world.until(world.ready)
        held = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.patch(POD, "web", held)
        await taint(world, TAINT)
        await world.idle()
        (condition,) = [
            each for each in world.one(POD, "web").status.conditions if each.type == "DisruptionTarget"
        ]
        assert (condition.status, condition.reason) == ("True", "DeletionByTaintManager")
        assert condition.message == "Taint manager: deleting due to NoExecute taint"
        await world.patch(POD, "web", {"metadata": {"finalizers": None}})


@virtual
async def test_pods_that_come_to_a_tainted_node_are_driven_out_too(tmp_path):
    """A Pod that names its node goes past the scheduler."""
    async with ControllersWorld(tmp_path) as world:
        await taint(world, TAINT)
        await world.create(POD, "web", spec={**tolerating(30), "nodeName": NODE})
        assert await seconds_until_gone(world, "web") == {"web": 30}
