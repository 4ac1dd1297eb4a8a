"""Counting answers of one probe until they make a result (pure): thresholds, and what holds before the first answer.

(Source: concepts/configuration/liveness-readiness-startup-probes; kubelet `pkg/kubelet/prober/worker.go`.)
"""

from __future__ import annotations

from dataclasses import dataclass

from podling.agent.errors import ProbeFault
from podling.aio.backoff import Backoff
from podling.api.types import core_v1

from .answer import Answer

EARLY = Backoff(first=0.05, cap=60.0)
"""Between the first answers of a container that is just starting, when the period would be a long time to wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A probe's times in seconds and counts, with the API's defaults."""

    initial_delay: int
    period: int
    timeout: int
    success_threshold: int
    failure_threshold: int


def timing(probe: core_v1.Probe) -> Timing:
    return Timing(
        initial_delay=probe.initial_delay_seconds or 0,
        period=probe.period_seconds or 10,
        timeout=probe.timeout_seconds or 1,
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
    )


def early_delays(timing: Timing) -> list[float]:
    """Pauses between the extra questions within the first period; their bad answers do not count."""
    delays: list[float] = []
    while sum(delays) + (following := EARLY.delay(len(delays) + 1)) < timing.period:
        delays.append(following)
    return delays


def next_turn(last: float, now: float, timing: Timing) -> float:
    """When to ask after the turn that was due at ``last``: at once if that has passed; turns missed wholly are left out."""
    return last + timing.period * max(1, int((now - last) // timing.period))


@dataclass(slots=True)
class Count:
    """How the last answers went: ``run`` of them in a row were ``good``."""

    timing: Timing
    good: bool | None = None
    run: int = 0

    def take(self, answer: Answer | ProbeFault) -> bool | None:
        """Take one answer; True or False once enough of a kind have come in a row, None while that is open.

        A question that could not be asked counts for nothing.
        """
        if isinstance(answer, ProbeFault):
            return None
        good = not answer.failure
        if good is self.good:
            self.run += 1
        else:
            self.good, self.run = good, 1
        wanted = self.timing.success_threshold if good else self.timing.failure_threshold
        return good if self.run >= wanted else None
