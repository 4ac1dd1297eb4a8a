"""What probes do to Pods, in virtual time: when they ask, what a result changes, and what it does not.

Rows of sig-node's container_probe; the way in which each kind of probe asks has tests of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from agent_world import AgentWorld, container, is_ready

from podling.api.types import core_v1
from podling.runtime.interface import ContainerConfig, ExecResult, RuntimeFault, SandboxConfig
from podling.runtime.simulated import Run, Script
from podling.testing.virtualtime import virtual

SIMULATED = "simulated.podling.dev"
NEVER = {f"{SIMULATED}/ready-after": "forever"}
ASK = {"exec": {"command": ["ask"]}}


def main(**probes: dict[str, Any]) -> dict[str, Any]:
    """A container with these probes, all by the command `ask` unless they say otherwise."""
    return {
        "name": "main",
        "image": "busybox:1",
        **{name: {**ASK, **probe} for name, probe in probes.items()},
    }


class Asked:
    """Directs containers whose command `ask` is answered by ``answer(seconds)``; keeps when it was asked."""

    def __init__(self, answer: Callable[[float], bool], **script: Any) -> None:
        self.times: list[float] = []
        self._answer = answer
        self._script = script

    def __call__(self, sandbox: SandboxConfig, config: ContainerConfig) -> Script:
        return Script(runs=(Run(),), execute=self._execute, **self._script)

    def _execute(self, command: Sequence[str]) -> ExecResult:
        now = asyncio.get_running_loop().time()
        self.times.append(now)
        good = self._answer(now)
        return ExecResult(stdout=b"" if good else b"no\n", stderr=b"", exit_code=0 if good else 1)


async def unhealthy(world: AgentWorld, name: str = "web") -> list[str]:
    return [message for _, reason, message in await world.events(name) if reason == "Unhealthy"]


@virtual
async def test_passing_probes_restart_nothing(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(livenessProbe={}, readinessProbe={}, startupProbe={}))
        await world.until_ready("web")
        await asyncio.sleep(600)
        assert container(await world.get("web")).restart_count == 0
        assert await unhealthy(world) == []


@virtual
async def test_each_further_failure_of_liveness_counts_one_restart_more(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        liveness = {"initialDelaySeconds": 5, "failureThreshold": 1}
        await world.create("web", main(livenessProbe=liveness), annotations=NEVER)
        seen = [0]

        def counted(pod: core_v1.Pod) -> bool:
            count = container(pod).restart_count
            if count != seen[-1]:
                seen.append(count)
            return count == 5

        await world.until("web", counted)
        assert seen == [0, 1, 2, 3, 4, 5]


@virtual
async def test_failing_readiness_never_restarts(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(readinessProbe={"periodSeconds": 5}), annotations=NEVER)
        await world.until("web", lambda pod: pod.status.phase == "Running")
        await asyncio.sleep(120)
        pod = await world.get("web")
        assert (container(pod).ready, container(pod).started, container(pod).restart_count) == (
            False,
            True,
            0,
        )
        assert await unhealthy(world) == ["Readiness probe failed: not ready\n"]


@virtual
@pytest.mark.parametrize("probe", ["livenessProbe", "startupProbe"])
async def test_a_probe_may_have_a_grace_of_its_own(tmp_path: Path, probe: str):
    own = {"initialDelaySeconds": 10, "failureThreshold": 1, "terminationGracePeriodSeconds": 5}
    async with AgentWorld(tmp_path) as world:
        deaf = {**NEVER, f"{SIMULATED}/term-seconds": "forever"}
        await world.create("web", main(**{probe: own}), annotations=deaf, terminationGracePeriodSeconds=500)
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1)
        assert 15 <= await world.now() < 16.5
        assert container(pod).last_state.terminated.exit_code == 137


@virtual
async def test_liveness_is_not_asked_before_startup_has_passed(tmp_path: Path):
    startup = {"periodSeconds": 10, "failureThreshold": 10}
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web", main(startupProbe=startup, livenessProbe={"failureThreshold": 1}), annotations=NEVER
        )
        await asyncio.sleep(89)
        pod = await world.get("web")
        assert (container(pod).restart_count, container(pod).started) == (0, False)
        assert await unhealthy(world) == ["Startup probe failed: not ready\n"]
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1)
        told = [message for _, reason, message in await world.events("web") if reason == "Killing"]
        assert told == ["Container main failed startup probe, will be restarted"]


@virtual
async def test_readiness_follows_at_once_when_startup_passes(tmp_path: Path):
    startup, readiness = {"periodSeconds": 5, "failureThreshold": 120}, {"periodSeconds": 30}
    async with AgentWorld(tmp_path) as world:
        world.machine.director = Asked(lambda now: now >= 32)
        await world.create("web", main(startupProbe=startup, readinessProbe=readiness))
        await world.until("web", lambda pod: container(pod).started)
        passed = await world.now()
        await world.until_ready("web")
        assert (passed, await world.now()) == (pytest.approx(35, abs=0.1), pytest.approx(passed, abs=0.1))


@virtual
async def test_thresholds_count_answers_in_a_row(tmp_path: Path):
    readiness = {"periodSeconds": 10, "successThreshold": 2, "failureThreshold": 3}
    lapses = [(100, 120), (200, 230)]  # two bad answers; three
    async with AgentWorld(tmp_path) as world:
        world.machine.director = Asked(lambda now: not any(start <= now < end for start, end in lapses))
        await world.create("web", main(readinessProbe=readiness))
        await world.until_ready("web")
        assert await world.now() == pytest.approx(10, abs=0.2)
        await world.until("web", lambda pod: not is_ready(pod))
        assert await world.now() == pytest.approx(220, abs=0.2)
        await world.until_ready("web")
        assert await world.now() == pytest.approx(240, abs=0.2)


@virtual
async def test_turns_come_at_even_intervals(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        world.machine.director = asked = Asked(lambda now: True)
        await world.create("web", main(livenessProbe={"periodSeconds": 7, "initialDelaySeconds": 3}))
        await asyncio.sleep(32)
        assert asked.times == [pytest.approx(time, abs=0.1) for time in (3, 10, 17, 24, 31)]


@virtual
async def test_ending_pod_is_asked_for_its_readiness_alone(tmp_path: Path):
    """Readiness may be lost while the Pod ends; liveness restarts nothing any more and says nothing."""
    each = {"periodSeconds": 2, "failureThreshold": 1}
    async with AgentWorld(tmp_path) as world:
        world.machine.director = Asked(lambda now: now < 21, term_seconds=None)
        await world.create(
            "web", main(livenessProbe=each, readinessProbe=each), terminationGracePeriodSeconds=60
        )
        await world.until_ready("web")
        await asyncio.sleep(19.5)
        await world.pods.delete("web", namespace="default")
        pod = await world.until("web", lambda pod: not is_ready(pod))
        assert 21 <= await world.now() < 23
        assert container(pod).restart_count == 0
        await world.until_gone("web")
        assert await world.now() == pytest.approx(79.5, abs=0.6)
        assert await unhealthy(world) == ["Readiness probe failed: no\n"]


@virtual
async def test_question_that_cannot_be_asked_counts_for_nothing(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        liveness = {"periodSeconds": 1, "failureThreshold": 1, "initialDelaySeconds": 1}
        await world.create("web", main(livenessProbe=liveness))
        await world.until_ready("web")
        world.machine.inject("exec_sync", RuntimeFault("no such command"), times=5)
        await asyncio.sleep(10)
        assert container(await world.get("web")).restart_count == 0
        why = "Liveness probe errored and resulted in unknown state: no such command"
        assert await unhealthy(world) == [why]


@virtual
async def test_sidecars_are_asked_like_any_other(tmp_path: Path):
    """Those behind a sidecar wait for its startup probe; its liveness restarts it alone; its readiness is the Pod's."""
    sidecar = main(
        startupProbe={"periodSeconds": 2, "failureThreshold": 50},
        livenessProbe={"periodSeconds": 5, "failureThreshold": 1},
        readinessProbe={"periodSeconds": 3, "failureThreshold": 1},
    )
    async with AgentWorld(tmp_path) as world:
        world.machine.director = Asked(lambda now: now >= 20 and not 60 <= now < 65)
        await world.create(
            "web",
            {"name": "app", "image": "busybox:1"},
            initContainers=[{**sidecar, "name": "beside", "restartPolicy": "Always"}],
        )
        await asyncio.sleep(19)
        assert container(await world.get("web"), "app").state.running is None
        await world.until_ready("web")
        assert 20 <= await world.now() < 23
        await world.until("web", lambda pod: not is_ready(pod))
        pod = await world.until("web", lambda pod: container(pod, "beside").restart_count == 1)
        assert container(pod, "app").restart_count == 0
        await world.until_ready("web")
