"""The Events that a node's agent tells of its node, as they arrive."""

from __future__ import annotations

from pathlib import Path

from agent_world import NODE, AgentWorld

from podling.api.types import core_v1
from podling.testing.virtualtime import virtual


async def told(world: AgentWorld) -> list[str]:
    assert world.agent is not None
    await world.agent.kit.recorder.wait_written()
    page = await world.client.resource(core_v1.Event).list(namespace="default")
    return [event.reason or "" for event in page.items if event.involved_object.name == NODE]


@virtual
async def test_a_node_that_comes_and_one_that_is_cordoned(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        wanted = {"Starting", "NodeReady", "NodeHasSufficientMemory", "NodeHasNoDiskPressure"}
        assert wanted <= set(await told(world))
        nodes = world.client.resource(core_v1.Node)
        await nodes.patch(NODE, {"spec": {"unschedulable": True}})
        await world.create("later")
        await world.until_ready("later")
        assert "NodeNotSchedulable" in await told(world)
