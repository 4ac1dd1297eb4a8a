"""Runs the probes of every container on the node, each at its times, and tells when a result changes.

A container is first asked as soon as it runs and its initial delay has passed.  While it has never answered well it is asked again
in quick succession within the first period, so that a server that needs 80 ms to listen is Ready then and not a period later.
Startup probes go first; liveness and readiness follow at once when they have passed.  Turns come at even intervals, however long
an answer takes.  While a Pod ends only its readiness is still asked for.  Containers that were running before this
process keep the result that their Pod's status shows until a first answer says otherwise.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from podling.agent.errors import ProbeFault
from podling.agent.podstate import Probed
from podling.aio.clock import Clock
from podling.aio.tasks import Tasks
from podling.api.types import core_v1

from .answer import Answer, Prober
from .state import Count, Timing, early_delays, next_turn, timing

Tell = Callable[[core_v1.Pod, str, str, str, str], None]
"""An Event: Pod, container, type, reason, message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A running container and how to ask it.  ``earlier``: what was known of it before this process."""

    container: core_v1.Container
    container_id: str
    address: str
    started_at: float
    earlier: Probed | None = None


@dataclass(slots=True)
class _Watched:
    pod: core_v1.Pod
    subject: Subject
    probed: Probed
    ending: bool = False
    task: asyncio.Task[None] | None = field(default=None)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Answers, by kind of probe and result."""


class ProbeManager:
    """``probers`` by the field of the probe they serve; ``on_change(uid)`` is called when a result of that Pod changed."""

    def __init__(
        self,
        probers: Mapping[str, Prober],
        *,
        tell: Tell,
        clock: Clock,
        random: Random,
        on_change: Callable[[str], None],
    ) -> None:
        self._probers = probers
        self._tell = tell
        self._clock = clock
        self._random = random
        self._on_change = on_change
        self._watched: dict[str, dict[str, _Watched]] = {}
        self._tasks = Tasks("probes")

    async def close(self) -> None:
        await self._tasks.close()

    def sync(self, pod: core_v1.Pod, running: Iterable[Subject], *, ending: bool) -> None:
        """These containers of the Pod run now: begin with new ones, leave those that are gone."""
        uid = pod.metadata.uid or ""
        wanted = {subject.container_id: subject for subject in running if _is_probed(subject.container)}
        if not wanted and uid not in self._watched:
            return
        watched = self._watched.setdefault(uid, {})
        for container_id in [known for known in watched if known not in wanted]:
            self._stop(watched.pop(container_id))
        for container_id, subject in wanted.items():
            known = watched.get(container_id)
            if known is None:
                known = watched[container_id] = _Watched(pod, subject, _initial(subject))
                known.task = self._tasks.start(self._watch(uid, known), name=f"probe {container_id[:12]}")
            known.pod, known.ending = pod, ending
        if not watched:
            del self._watched[uid]

    def results(self, uid: str) -> dict[str, Probed]:
        """By container id."""
        return {known: watched.probed for known, watched in self._watched.get(uid, {}).items()}

    def counts(self) -> Iterator[tuple[core_v1.Pod, str, str, str, int]]:
        """Of each container that is probed: Pod, container, kind of probe, result, how often so far."""
        for watched in [one for each in self._watched.values() for one in each.values()]:
            for (kind, result), count in watched.counts.items():
                yield watched.pod, watched.subject.container.name, kind, result, count

    def release(self, uid: str) -> None:
        for watched in self._watched.pop(uid, {}).values():
            self._stop(watched)

    def _stop(self, watched: _Watched) -> None:
        if watched.task is not None:
            watched.task.cancel()

    async def _watch(self, uid: str, watched: _Watched) -> None:
        container = watched.subject.container
        startup = container.startup_probe
        if startup is not None and not watched.probed.started:
            started = await self._until_started(uid, watched, startup)
            if not started:
                return
        async with asyncio.TaskGroup() as group:
            if container.readiness_probe is not None:
                group.create_task(self._readiness(uid, watched, container.readiness_probe), name="readiness")
            if container.liveness_probe is not None:
                group.create_task(self._liveness(uid, watched, container.liveness_probe), name="liveness")

    async def _until_started(self, uid: str, watched: _Watched, probe: core_v1.Probe) -> bool:
        async for result in self._results(watched, "Startup", probe, eager=True):
            if result:
                self._set(uid, watched, replace(watched.probed, started=True))
            else:
                self._set(uid, watched, replace(watched.probed, startup_failed=True))
            return result
        return False

    async def _readiness(self, uid: str, watched: _Watched, probe: core_v1.Probe) -> None:
        eager = not watched.probed.ready
        async for result in self._results(watched, "Readiness", probe, eager=eager):
            self._set(uid, watched, replace(watched.probed, ready=result))

    async def _liveness(self, uid: str, watched: _Watched, probe: core_v1.Probe) -> None:
        async for result in self._results(watched, "Liveness", probe, eager=False):
            if not result:
                self._set(uid, watched, replace(watched.probed, alive=False))
                return

    async def _results(
        self, watched: _Watched, kind: str, probe: core_v1.Probe, *, eager: bool
    ) -> AsyncIterator[bool]:
        """Every result, as often as the probe's times say; with ``eager`` good news within the first period at once."""
        times = timing(probe)
        count = Count(times)
        await self._first_delay(watched, times)
        due = asyncio.get_running_loop().time()
        while True:
            answer = await self._ask(watched, kind, probe)
            if answer is None:
                return
            self._report(watched, kind, answer)
            if (result := count.take(answer)) is not None:
                yield result
            if eager and not _is_good(answer):
                early = await self._ask_early(watched, kind, probe, times)
                if early is not None and (result := count.take(early)) is not None:
                    yield result
            eager = False
            now = asyncio.get_running_loop().time()
            due = next_turn(due, now, times)
            await asyncio.sleep(max(0.0, due - now))

    async def _ask_early(
        self, watched: _Watched, kind: str, probe: core_v1.Probe, times: Timing
    ) -> Answer | None:
        """The first good answer within the first period, if there is one."""
        for pause in early_delays(times):
            await asyncio.sleep(pause)
            answer = await self._ask(watched, kind, probe)
            if isinstance(answer, Answer) and not answer.failure:
                return answer
        return None

    async def _first_delay(self, watched: _Watched, times: Timing) -> None:
        due = watched.subject.started_at + times.initial_delay - self._clock.now()
        if watched.subject.earlier is not None:  # many at once after a restart: not all in the same moment
            due = max(due, self._random.random() * times.period)
        if due > 0:
            await asyncio.sleep(due)

    async def _ask(self, watched: _Watched, kind: str, probe: core_v1.Probe) -> Answer | ProbeFault | None:
        """None: the Pod ends, and nobody wants to know any more."""
        subject, of_interest = watched.subject, kind == "Readiness"
        if watched.ending and not of_interest:
            return None
        answer: Answer | ProbeFault
        try:
            prober = self._prober(probe)
            answer = await prober.probe(probe, subject.container, subject.container_id, subject.address)
        except ProbeFault as fault:
            answer = fault
        watched.counts[kind, _result(answer)] += 1
        return None if watched.ending and not of_interest else answer

    def _prober(self, probe: core_v1.Probe) -> Prober:
        for field_name, prober in self._probers.items():
            if getattr(probe, field_name) is not None:
                return prober
        raise ProbeFault("missing probe handler: this node does not know this kind of probe")

    def _report(self, watched: _Watched, kind: str, answer: Answer | ProbeFault) -> None:
        name = watched.subject.container.name
        if isinstance(answer, ProbeFault):
            message = f"{kind} probe errored and resulted in unknown state: {answer}"
            self._tell(watched.pod, name, "Warning", "Unhealthy", message)
        elif answer.failure:
            self._tell(watched.pod, name, "Warning", "Unhealthy", f"{kind} probe failed: {answer.failure}")
        elif answer.warning:
            self._tell(
                watched.pod, name, "Warning", "ProbeWarning", f"{kind} probe warning: {answer.warning}"
            )

    def _set(self, uid: str, watched: _Watched, probed: Probed) -> None:
        if probed != watched.probed:
            watched.probed = probed
            self._on_change(uid)


def _result(answer: Answer | ProbeFault) -> str:
    """As metrics call it."""
    if isinstance(answer, ProbeFault):
        return "unknown"
    return "failed" if answer.failure else "successful"


def _is_good(answer: Answer | ProbeFault) -> bool:
    return isinstance(answer, Answer) and not answer.failure


def _is_probed(container: core_v1.Container) -> bool:
    return any((container.startup_probe, container.readiness_probe, container.liveness_probe))


def _initial(subject: Subject) -> Probed:
    """Before any answer: not started if there is a startup probe, not ready if there is a readiness probe, alive."""
    if subject.earlier is not None:
        return subject.earlier
    container = subject.container
    return Probed(started=container.startup_probe is None, ready=container.readiness_probe is None)
