"""How Pods come to their images, in virtual time: policies, back-off, limits, and what is shown meanwhile."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
from agent_world import AgentWorld, waits_for

from podling.client.resource import PatchType
from podling.runtime.simulated import Pull
from podling.runtime.simulated.images import SIZE
from podling.testing.virtualtime import virtual


@virtual
async def test_back_off_doubles_from_ten_seconds_to_five_minutes(tmp_path: Path):
    async with AgentWorld(tmp_path, pulls={"app:1": Pull(failures=7)}) as world:
        tries: list[float] = []
        pull = world.images.pull

        async def noted(reference, *, credentials=()):  # type: ignore[no-untyped-def]
            tries.append(await world.now())
            return await pull(reference, credentials=credentials)

        world.images.pull = noted  # type: ignore[method-assign]
        await world.create("web", {"name": "main", "image": "app:1"})
        await world.until_ready("web")
        pauses = [round(after - before) for before, after in itertools.pairwise(tries)]
        assert pauses == [10, 20, 40, 80, 160, 300, 300]


@virtual
async def test_another_image_is_not_made_to_wait_for_the_last_one(tmp_path: Path):
    async with AgentWorld(tmp_path, pulls={"typo:1": Pull(failures=None)}) as world:
        await world.create("web", {"name": "main", "image": "typo:1"})
        await world.until("web", waits_for("ImagePullBackOff"))
        patch = msgspec.json.encode({"spec": {"containers": [{"name": "main", "image": "right:1"}]}})
        await world.pods.patch("web", patch, namespace="default", type=PatchType.STRATEGIC)
        before = await world.now()
        await world.until_ready("web")
        assert await world.now() - before < 1


@virtual
async def test_three_images_are_pulled_at_once_and_waiting_is_told(tmp_path: Path):
    names = [f"app{number}" for number in range(6)]
    pulls = {f"{name}:1": Pull(seconds=5) for name in names}
    async with AgentWorld(tmp_path, pulls=pulls) as world:
        for name in names:
            await world.create(name, {"name": "main", "image": f"{name}:1"})
        for name in names:
            await world.until_ready(name)
        assert 10 <= await world.now() < 11
        told = [
            message for name in names for _, reason, message in await world.events(name) if reason == "Pulled"
        ]
        ends = [message.partition('" in ')[2] for message in told]
        size = f"Image size: {SIZE} bytes."
        assert (
            sorted(ends)
            == [f"5s (10s including waiting). {size}"] * 3 + [f"5s (5s including waiting). {size}"] * 3
        )
