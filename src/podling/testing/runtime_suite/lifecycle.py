"""What every runtime must do: sandboxes and containers come, run, end and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from podling.runtime.interface import (
    ContainerState,
    CreateFault,
    ImageFault,
    NotFound,
    Resources,
    RuntimeFault,
    SandboxState,
    StartFault,
)

from .world import LIMIT, Suite, Watcher, World


class LifecycleSuite(Suite):
    """Sandboxes and containers come, run, end and go; see the module's text."""

    async def test_a_sandbox_is_ready_and_listed(self, world: World) -> None:
        box = await self.sandbox(world)
        assert box.state is SandboxState.READY
        assert (box.name, box.namespace, box.uid, box.attempt) == ("pod", "default", "uid-of-pod", 0)
        assert (dict(box.labels), dict(box.annotations)) == ({"app": "pod"}, {"note": "kept"})
        assert box.created_at > 0
        assert box.ips
        assert await world.runtime.list_sandboxes() == [box]
        assert await world.runtime.sandbox(box.id) == box

    async def test_one_attempt_of_a_pod_has_one_sandbox(self, world: World) -> None:
        first = await self.sandbox(world)
        with pytest.raises(RuntimeFault):
            await self.sandbox(world)
        second = await self.sandbox(world, attempt=1)
        assert first.id != second.id

    async def test_stopping_a_sandbox_ends_its_containers(self, world: World) -> None:
        box = await self.sandbox(world)
        container = await self.running(world, box)
        await world.runtime.stop_sandbox(box.id)
        assert (await world.runtime.sandbox(box.id)).state is SandboxState.NOT_READY
        assert (await world.runtime.container(container)).state is ContainerState.EXITED
        await world.runtime.stop_sandbox(box.id)
        with pytest.raises(CreateFault):
            await world.runtime.create_container(box.id, self.container_config(world, "late"))

    async def test_removing_a_sandbox_takes_everything(self, world: World) -> None:
        box = await self.sandbox(world)
        container = await self.running(world, box)
        await world.runtime.remove_sandbox(box.id)
        await world.runtime.remove_sandbox(box.id)
        assert await world.runtime.list_sandboxes() == []
        assert await world.runtime.list_containers() == []
        with pytest.raises(NotFound):
            await world.runtime.sandbox(box.id)
        with pytest.raises(NotFound):
            await world.runtime.container(container)

    async def test_a_container_is_created_then_runs(self, world: World) -> None:
        box = await self.sandbox(world)
        config = self.container_config(world, labels={"a": "b"}, annotations={"c": "d"}, attempt=3)
        container_id = await world.runtime.create_container(box.id, config)
        created = await world.runtime.container(container_id)
        assert (created.state, created.started_at) == (ContainerState.CREATED, 0)
        assert (created.name, created.attempt, created.sandbox_id) == ("main", 3, box.id)
        assert (dict(created.labels), dict(created.annotations)) == ({"a": "b"}, {"c": "d"})
        assert created.image_id == world.image
        await world.runtime.start_container(container_id)
        running = await world.runtime.container(container_id)
        assert running.state is ContainerState.RUNNING
        assert running.started_at >= running.created_at > 0
        assert running.log_path == str(world.logs / "pod" / "main.log")

    @pytest.mark.parametrize(("code", "reason"), [(0, "Completed"), (3, "Error")])
    async def test_an_exit_is_noted_with_code_and_reason(self, world: World, code: int, reason: str) -> None:
        container = await self.ended(world, **self.program(exit_code=code))
        assert (container.exit_code, container.reason) == (code, reason)
        assert container.finished_at >= container.started_at > 0
        assert await world.runtime.container(container.id) == container

    async def test_a_command_that_does_not_exist_is_a_failed_start(self, world: World) -> None:
        box = await self.sandbox(world)
        config = self.container_config(world, **self.missing_program())
        container_id = await world.runtime.create_container(box.id, config)
        with pytest.raises(StartFault) as caught:
            await world.runtime.start_container(container_id)
        container = await world.runtime.container(container_id)
        assert container.state is ContainerState.EXITED
        assert container.exit_code == caught.value.exit_code != 0
        assert container.reason == "StartError"
        assert container.message

    async def test_starting_twice_is_refused(self, world: World) -> None:
        container = await self.running(world)
        with pytest.raises(RuntimeFault):
            await world.runtime.start_container(container)
        assert (await world.runtime.container(container)).state is ContainerState.RUNNING

    async def test_stopping_asks_first(self, world: World) -> None:
        watcher = Watcher(world.runtime)
        container = await self.running(world, **self.program(prints="up"))
        await self.log_line(world, "up")
        await world.runtime.stop_container(container, grace=LIMIT)
        ended = await watcher.until(container, ContainerState.EXITED)
        assert (ended.exit_code, ended.reason) == (143, "Error")
        await world.runtime.stop_container(container, grace=LIMIT)

    async def test_what_does_not_listen_is_killed_after_its_grace(self, world: World) -> None:
        container = await self.running(world, **self.program(prints="up", ignores_term=True))
        await self.log_line(world, "up")
        await world.runtime.stop_container(container, grace=0.3)
        ended = await world.runtime.container(container)
        assert (ended.state, ended.exit_code) == (ContainerState.EXITED, 137)

    async def test_removing_a_running_container_ends_it(self, world: World) -> None:
        watcher = Watcher(world.runtime)
        container = await self.running(world)
        await world.runtime.remove_container(container)
        await world.runtime.remove_container(container)
        await watcher.told(container, None)
        assert watcher.states(container) == [
            ContainerState.CREATED, ContainerState.RUNNING, ContainerState.EXITED, None,
        ]  # fmt: skip

    async def test_events_count_from_the_subscription(self, world: World) -> None:
        box = await self.sandbox(world)
        await self.running(world, box, "before")
        watcher = Watcher(world.runtime)
        after = await self.running(world, box, "after", **self.program(exit_code=0))
        await watcher.told(after, ContainerState.EXITED)
        assert {event.container_id for event in watcher.seen} == {after}
        assert watcher.states(after) == [
            ContainerState.CREATED, ContainerState.RUNNING, ContainerState.EXITED,
        ]  # fmt: skip

    async def test_containers_are_listed_by_sandbox(self, world: World) -> None:
        one, two = await self.sandbox(world, "one"), await self.sandbox(world, "two")
        first, second = await self.running(world, one), await self.running(world, two)
        assert [c.id for c in await world.runtime.list_containers(one.id)] == [first]
        assert {c.id for c in await world.runtime.list_containers()} == {first, second}

    async def test_what_does_not_exist_is_named_so(self, world: World) -> None:
        runtime = world.runtime
        await runtime.stop_sandbox("nope")
        await runtime.remove_sandbox("nope")
        await runtime.stop_container("nope", grace=1)
        await runtime.remove_container("nope")
        for call in (
            runtime.sandbox("nope"),
            runtime.container("nope"),
            runtime.start_container("nope"),
            runtime.signal_container("nope", 1),
            runtime.exec_sync("nope", ["true"], limit=1),
            runtime.create_container("nope", self.container_config(world)),
        ):
            with pytest.raises(NotFound):
                await call

    async def test_an_image_that_is_not_here_is_an_image_fault(self, world: World) -> None:
        box = await self.sandbox(world)
        with pytest.raises(ImageFault):
            await world.runtime.create_container(
                box.id, self.container_config(world, image="sha256:" + "0" * 64)
            )
        assert await world.runtime.list_containers() == []

    async def test_the_log_has_both_streams_in_cri_format(self, world: World) -> None:
        container = await self.ended(world, **self.program(prints="hello", complains="oops", exit_code=0))
        lines = Path(container.log_path).read_text().splitlines()
        assert sorted(line.split(" ", 1)[1] for line in lines) == ["stderr F oops", "stdout F hello"]

    async def test_a_new_runtime_finds_what_runs(self, world: World) -> None:
        box = await self.sandbox(world)
        await self.running(world, box)
        await world.runtime.create_container(box.id, self.container_config(world, "made"))
        sandboxes, containers = await world.runtime.list_sandboxes(), await world.runtime.list_containers()

        async def nothing() -> None: ...

        runtime = await world.restart(nothing)
        assert await runtime.list_sandboxes() == sandboxes
        assert sorted(await runtime.list_containers(), key=lambda c: c.id) == sorted(
            containers, key=lambda c: c.id
        )
        for container in containers:
            await runtime.stop_container(container.id, grace=LIMIT)
        states = {c.name: c.state for c in await runtime.list_containers()}
        assert states["main"] is ContainerState.EXITED

    async def test_many_pods_at_once(self, world: World) -> None:
        boxes = await asyncio.gather(*(self.sandbox(world, f"pod-{n}") for n in range(8)))
        containers = await asyncio.gather(*(self.running(world, box) for box in boxes))
        states = {c.state for c in await world.runtime.list_containers()}
        assert (len(set(containers)), states) == (8, {ContainerState.RUNNING})
        await asyncio.gather(*(world.runtime.remove_sandbox(box.id) for box in boxes))
        assert await world.runtime.list_sandboxes() == []

    async def log_line(self, world: World, text: str) -> None:
        """Wait until the only container of ``pod`` has written ``text``: its start is over and its trap is set."""
        log = world.logs / "pod" / "main.log"
        async with asyncio.timeout(LIMIT):
            while not log.exists() or text not in log.read_text():  # noqa: ASYNC110 - no runtime tells of log lines
                await asyncio.sleep(0.01)

    async def test_limits_change_while_a_container_runs_and_are_told_as_the_kernel_has_them(
        self, world: World
    ) -> None:
        small = Resources(
            cpu_shares=102,
            cpu_quota=20_000,
            cpu_period=100_000,
            memory_limit=64 << 20,
            memory_swap_limit=64 << 20,
        )
        large = Resources(
            cpu_shares=512,
            cpu_quota=40_000,
            cpu_period=100_000,
            memory_limit=96 << 20,
            memory_swap_limit=96 << 20,
        )
        box = await self.sandbox(world, resources=small)
        container = await self.running(world, box, resources=small)
        await world.runtime.update_sandbox(box.id, large)
        await world.runtime.update_resources(container, large)
        told = (await world.runtime.container(container)).resources
        enforced = not any(matter.startswith("resources") for matter in world.runtime.info().not_isolated)
        assert (told is not None) == enforced
        if told is not None:
            assert (told.cpu_shares, told.cpu_quota, told.memory_limit) == (512, 40_000, 96 << 20)

    async def test_limits_of_what_is_not_there_cannot_be_changed(self, world: World) -> None:
        with pytest.raises(NotFound):
            await world.runtime.update_resources("0" * 64, Resources())
        with pytest.raises(NotFound):
            await world.runtime.update_sandbox("0" * 64, Resources())
