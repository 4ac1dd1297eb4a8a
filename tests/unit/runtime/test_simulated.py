"""Simulated Pods in virtual time: what a script asks for happens, at its second, the same way every time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from podling.aio.clock import LoopClock
from podling.network.addresses import AddressNetwork
from podling.runtime.interface import (
    ContainerConfig,
    ContainerState,
    CreateFault,
    ExecResult,
    ImageFault,
    NotFound,
    RuntimeFault,
    SandboxConfig,
    SandboxState,
    StartFault,
    Unavailable,
)
from podling.runtime.simulated import (
    ANNOTATION_PREFIX,
    Latency,
    LogLine,
    Pull,
    Run,
    Script,
    SimulatedImages,
    SimulatedRuntime,
    World,
    from_annotations,
)
from podling.testing.virtualtime import virtual

EPOCH = 1_700_000_000.0


def now() -> float:
    return asyncio.get_running_loop().time()


def world(script: Script | None = None, *, seed: int = 1, latency: Latency | None = None) -> World:
    return World(
        clock=LoopClock(EPOCH),
        random=Random(seed),
        director=(lambda sandbox, container: script) if script else from_annotations,
        latency=latency or Latency(),
    )


async def runtime_over(a_world: World, images: SimulatedImages | None = None) -> SimulatedRuntime:
    runtime = SimulatedRuntime(
        a_world, network=AddressNetwork("10.42.0.0/16"), images=images or SimulatedImages()
    )
    await runtime.start()
    return runtime


def pod(name: str = "pod", log_directory: str = "", **annotations: str) -> SandboxConfig:
    return SandboxConfig(
        name=name,
        namespace="default",
        uid=f"uid-{name}",
        log_directory=log_directory,
        annotations={ANNOTATION_PREFIX + key.replace("_", "-"): value for key, value in annotations.items()},
    )


async def run(runtime: SimulatedRuntime, config: SandboxConfig | None = None, *, attempt: int = 0) -> str:
    sandbox = await runtime.run_sandbox(config or pod())
    container = ContainerConfig(name="c", image="busybox", attempt=attempt, log_path="c.log")
    container_id = await runtime.create_container(sandbox.id, container)
    await runtime.start_container(container_id)
    return container_id


@virtual
async def test_a_container_runs_until_it_is_stopped() -> None:
    runtime = await runtime_over(world())
    container_id = await run(runtime)
    await asyncio.sleep(86400)
    assert (await runtime.container(container_id)).state is ContainerState.RUNNING
    await runtime.stop_container(container_id, grace=30)
    ended = await runtime.container(container_id)
    assert (ended.state, ended.exit_code, ended.reason) == (ContainerState.EXITED, 143, "Error")
    assert now() == 86400


@virtual
async def test_it_exits_by_itself_when_the_script_says_so() -> None:
    runtime = await runtime_over(world())
    events = runtime.events()
    container_id = await run(runtime, pod(lasts="5", exit_codes="0"))
    seen = []
    async for event in events:
        assert event.container is not None
        seen.append((event.container.state.value, now()))
        if event.container.state is ContainerState.EXITED:
            break
    assert seen == [("created", 0), ("running", 0), ("exited", 5)]
    ended = await runtime.container(container_id)
    assert (ended.exit_code, ended.reason) == (0, "Completed")
    assert ended.finished_at - ended.started_at == 5_000_000_000
    assert ended.started_at == EPOCH * 1e9


@virtual
async def test_each_attempt_plays_its_own_run_and_the_last_repeats() -> None:
    runtime = await runtime_over(world())
    codes = []
    for attempt in range(4):
        container_id = await run(runtime, pod(lasts="1", exit_codes="1,2,0"), attempt=attempt)
        await asyncio.sleep(2)
        codes.append((await runtime.container(container_id)).exit_code)
    assert codes == [1, 2, 0, 0]


@virtual
async def test_a_container_that_ignores_term_is_killed_after_its_grace() -> None:
    runtime = await runtime_over(world(Script(term_seconds=None)))
    container_id = await run(runtime)
    await runtime.stop_container(container_id, grace=30)
    ended = await runtime.container(container_id)
    assert (ended.exit_code, ended.signal, now()) == (137, 9, 30)


@virtual
async def test_a_slow_term_ends_within_the_grace() -> None:
    runtime = await runtime_over(world(Script(term_seconds=3, term_exit_code=0)))
    container_id = await run(runtime)
    await runtime.stop_container(container_id, grace=30)
    assert ((await runtime.container(container_id)).exit_code, now()) == (0, 3)


@virtual
async def test_probes_succeed_once_the_container_is_ready() -> None:
    runtime = await runtime_over(world())
    container_id = await run(runtime, pod(ready_after="10"))
    sandbox_id = (await runtime.container(container_id)).sandbox_id
    codes, pages = [], []
    for _ in range(2):
        codes.append((await runtime.exec_sync(container_id, ["true"], limit=1)).exit_code)
        async with runtime.port_forward(sandbox_id, 8080) as stream:
            await stream.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            pages.append(b"".join([data async for _, data in stream.read()]).split(b"\r\n")[0])
        await asyncio.sleep(10)
    assert codes == [1, 0]
    assert pages == [b"HTTP/1.1 503 Service Unavailable", b"HTTP/1.1 200 OK"]


@virtual
async def test_creating_and_starting_take_the_time_they_are_scripted_to() -> None:
    runtime = await runtime_over(world(latency=Latency(run_sandbox=(1, 1))))
    await run(runtime, pod(create_seconds="2", start_seconds="3"))
    assert now() == 6


@virtual
async def test_scripted_faults_are_raised_as_a_runtime_raises_them() -> None:
    runtime = await runtime_over(world())
    with pytest.raises(CreateFault, match="no such mount"):
        await run(runtime, pod("one", create_fault="no such mount"))
    with pytest.raises(StartFault, match="exec format error"):
        await run(runtime, pod("two", start_fault="exec format error"))
    (failed,) = await runtime.list_containers()
    assert (failed.state, failed.exit_code) == (ContainerState.EXITED, 128)
    with pytest.raises(CreateFault, match="known fields are lasts"):
        await run(runtime, pod("three", lats="1"))
    with pytest.raises(CreateFault, match="dev/lasts=soon"):
        await run(runtime, pod("four", lasts="soon"))


@virtual
async def test_annotations_for_one_container_win_over_those_for_all() -> None:
    annotations = {f"{ANNOTATION_PREFIX}lasts": "9", f"{ANNOTATION_PREFIX}lasts.c": "1"}
    config = SandboxConfig(name="p", namespace="n", uid="u", annotations=annotations)
    assert from_annotations(config, ContainerConfig(name="c", image="i")).runs[0].lasts == 1
    assert from_annotations(config, ContainerConfig(name="d", image="i")).runs[0].lasts == 9


@virtual
async def test_log_lines_are_written_in_cri_format_when_they_are_due(tmp_path: Path) -> None:
    lines = (LogLine(text="Hello"), LogLine(text="oops", at=2, stream="stderr"))
    runtime = await runtime_over(world(Script(runs=(Run(logs=lines),))))
    await run(runtime, pod(log_directory=str(tmp_path)))
    await asyncio.sleep(1)
    assert (tmp_path / "c.log").read_text() == "2023-11-14T22:13:20.000000000Z stdout F Hello\n"
    await asyncio.sleep(1)
    assert (tmp_path / "c.log").read_text().endswith("2023-11-14T22:13:22.000000000Z stderr F oops\n")


@virtual
async def test_a_new_runtime_over_the_same_world_finds_everything() -> None:
    one_world = world()
    first = await runtime_over(one_world)
    container_id = await run(first, pod(lasts="5", exit_codes="3"))
    await first.close()
    with pytest.raises(Unavailable):
        await first.list_containers()
    await asyncio.sleep(10)
    second = await runtime_over(one_world)
    (found,) = await second.list_containers()
    assert (found.id, found.state, found.exit_code) == (container_id, ContainerState.EXITED, 3)
    assert found.finished_at == (EPOCH + 5) * 1e9


@virtual
async def test_removing_a_sandbox_takes_its_containers_along_and_frees_the_address() -> None:
    runtime = await runtime_over(world())
    container_id = await run(runtime)
    sandbox_id = (await runtime.container(container_id)).sandbox_id
    assert (await runtime.sandbox(sandbox_id)).ips == ("10.42.0.2",)
    await runtime.stop_sandbox(sandbox_id)
    assert (await runtime.sandbox(sandbox_id)).state is SandboxState.NOT_READY
    assert (await runtime.container(container_id)).exit_code == 137
    for _ in range(2):
        await runtime.remove_sandbox(sandbox_id)
        await runtime.remove_container(container_id)
        await runtime.stop_container(container_id, grace=1)
    with pytest.raises(NotFound):
        await runtime.sandbox(sandbox_id)
    with pytest.raises(NotFound):
        await runtime.container(container_id)


@virtual
async def test_a_reboot_kills_what_ran_and_keeps_the_records() -> None:
    one_world = world()
    runtime = await runtime_over(one_world)
    container_id = await run(runtime)
    one_world.reboot()
    ended = await runtime.container(container_id)
    assert ended.state is ContainerState.EXITED
    assert (await runtime.list_sandboxes())[0].state is SandboxState.NOT_READY


@virtual
async def test_a_lost_supervisor_makes_the_state_unknown() -> None:
    one_world = world()
    runtime = await runtime_over(one_world)
    container_id = await run(runtime)
    one_world.vanish(one_world.find("default", "pod", "c").id)
    assert (await runtime.container(container_id)).state is ContainerState.UNKNOWN
    await runtime.remove_container(container_id)
    assert await runtime.list_containers() == []


@virtual
async def test_injected_faults_hit_the_next_calls_only() -> None:
    one_world = world()
    runtime = await runtime_over(one_world)
    one_world.inject("run_sandbox", RuntimeFault("cannot run sandbox: no space"), times=2)
    for _ in range(2):
        with pytest.raises(RuntimeFault, match="no space"):
            await run(runtime)
    await run(runtime)
    assert len(await runtime.list_sandboxes()) == 1


@virtual
async def test_images_are_there_unless_their_pull_is_scripted() -> None:
    images = SimulatedImages(
        {"slow:1": Pull(seconds=7), "gone": Pull(failures=None, reason="RegistryUnavailable")}
    )
    present = await images.resolve("busybox")
    assert present is not None
    assert present.repo_tags == ("docker.io/library/busybox:latest",)
    assert await images.resolve(present.id) == present
    assert await images.resolve("slow:1") is None
    await images.pull("slow:1")
    assert now() == 7
    assert await images.resolve("docker.io/library/slow:1") is not None
    with pytest.raises(ImageFault) as caught:
        await images.pull("gone")
    assert caught.value.reason == "RegistryUnavailable"
    with pytest.raises(ImageFault) as caught:
        await images.resolve("Bad Name")
    assert caught.value.reason == "InvalidImageName"


@virtual
async def test_a_pull_may_fail_a_few_times_first() -> None:
    images = SimulatedImages({"flaky": Pull(failures=2)})
    for _ in range(2):
        with pytest.raises(ImageFault):
            await images.pull("flaky")
    await images.pull("flaky")
    await images.remove("flaky")
    assert await images.list() == []


@virtual
async def test_commands_answer_what_the_script_computes() -> None:
    def shout(command: object) -> ExecResult:
        return ExecResult(stdout=str(command).upper().encode(), stderr=b"!", exit_code=7)

    runtime = await runtime_over(world(Script(execute=shout)))
    container_id = await run(runtime)
    async with runtime.exec(container_id, ["hi"], stdin=False, tty=False) as stream:
        assert [item async for item in stream.read()] == [(1, b"['HI']"), (2, b"!")]
        assert await stream.wait() == 7


@virtual
async def test_attaching_shows_what_is_written_from_then_on_until_the_end() -> None:
    lines = (LogLine(text="early"), LogLine(text="late", at=2), LogLine(text="oops", at=3, stream="stderr"))
    runtime = await runtime_over(world(Script(runs=(Run(logs=lines, lasts=4, exit_code=5),))))
    container_id = await run(runtime)
    await asyncio.sleep(1)
    async with runtime.attach(container_id, stdin=False, tty=False) as stream:
        assert [item async for item in stream.read()] == [(1, b"late\n"), (2, b"oops\n")]
        assert (await stream.wait(), now()) == (5, 4)


def test_the_same_seed_gives_the_same_ids_and_times() -> None:
    def history(seed: int) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        @virtual
        async def play() -> None:
            runtime = await runtime_over(world(seed=seed, latency=Latency(create=(0.1, 2), start=(0.1, 2))))
            for number in range(20):
                container_id = await run(runtime, pod(f"pod-{number}"))
                seen.append((container_id, now()))

        play()
        return seen

    assert history(7) == history(7)
    assert history(7) != history(8)


@virtual
async def test_thousands_of_pods_live_side_by_side() -> None:
    runtime = await runtime_over(world(latency=Latency(start=(0, 60))))
    await asyncio.gather(*(run(runtime, pod(f"pod-{number}", lasts="3600")) for number in range(3000)))
    assert now() <= 60
    await asyncio.sleep(3660)
    states = {container.state for container in await runtime.list_containers()}
    assert states == {ContainerState.EXITED}
