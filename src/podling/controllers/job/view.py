"""A Job and its Pods as they stand, and what follows from that at once (pure; upstream's syncJobCtx)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from podling.api.pod import is_ready
from podling.api.types import batch_v1, core_v1
from podling.controllers.availability import is_active, is_terminating

from . import indexes, policies
from .pods import (
    ended_at,
    failures,
    has_failed,
    ignored_failures,
    index_of,
    is_indexed,
    is_tracked,
    phase,
    uid,
)

FIRST_DELAY, LONGEST_DELAY = 10.0, 360.0


def delay_after(failed: int) -> float:
    """Seconds from the last of so many failures in a row to the next try."""
    return min(FIRST_DELAY * 2.0 ** min(failed - 1, 10), LONGEST_DELAY) if failed > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Streak:
    """Failures since the last success, and when the last one was."""

    failures: int = 0
    last: float = 0.0

    def after(self, succeeded: Iterable[core_v1.Pod], failed: Iterable[core_v1.Pod]) -> Streak:
        """With Pods that have ended since."""
        success = max(map(ended_at, succeeded), default=None)
        ends = [ended_at(pod) for pod in failed]
        if success is not None:
            since = [end for end in ends if end > success]
            return Streak(len(since), max(since, default=0.0))
        return Streak(self.failures + len(ends), max(self.last, *ends)) if ends else self


@dataclass(frozen=True)
class View:
    """`pods`: all that the Job controls. `stripped`: UIDs of those whose finalizer is off already, though the informer still shows it."""

    job: batch_v1.Job
    pods: list[core_v1.Pod]
    stripped: frozenset[str]
    known: Streak | None
    now: float

    @cached_property
    def spec(self) -> batch_v1.JobSpec:
        return self.job.spec or batch_v1.JobSpec()

    @cached_property
    def status(self) -> batch_v1.JobStatus:
        return self.job.status or batch_v1.JobStatus()

    @cached_property
    def indexed(self) -> bool:
        return is_indexed(self.job)

    @property
    def per_index(self) -> bool:
        return self.indexed and self.spec.backoff_limit_per_index is not None

    @property
    def completions(self) -> int:
        return self.spec.completions or 0

    @cached_property
    def active(self) -> list[core_v1.Pod]:
        return [pod for pod in self.pods if is_active(pod)]

    @property
    def ready(self) -> int:
        return sum(is_ready(pod) for pod in self.active)

    @cached_property
    def terminating(self) -> list[core_v1.Pod]:
        return [pod for pod in self.pods if is_terminating(pod)]

    @cached_property
    def tracked(self) -> list[core_v1.Pod]:
        """Pods that hold the finalizer, by index and name."""
        held = [pod for pod in self.pods if is_tracked(pod) and uid(pod) not in self.stripped]
        return sorted(held, key=lambda pod: (self.index(pod) or 0, pod.metadata.name or ""))

    @cached_property
    def uncounted_succeeded(self) -> frozenset[str]:
        uncounted = self.status.uncounted_terminated_pods
        return frozenset((uncounted.succeeded if uncounted else None) or ())

    @cached_property
    def uncounted_failed(self) -> frozenset[str]:
        uncounted = self.status.uncounted_terminated_pods
        return frozenset((uncounted.failed if uncounted else None) or ())

    def index(self, pod: core_v1.Pod) -> int | None:
        return index_of(pod, self.completions) if self.indexed else None

    def takes_part(self, pod: core_v1.Pod) -> bool:
        """Pods of an Indexed Job without an index of it are not counted."""
        return not self.indexed or self.index(pod) is not None

    def failed_by(self, pod: core_v1.Pod) -> policies.Match | None:
        """What the Pod's failure means; None if it has not failed."""
        return (
            policies.judge_failure(self.spec.pod_failure_policy, pod) if has_failed(pod, self.spec) else None
        )

    @cached_property
    def _fresh(self) -> list[core_v1.Pod]:
        known = self.uncounted_succeeded | self.uncounted_failed
        return [pod for pod in self.tracked if uid(pod) not in known and self.takes_part(pod)]

    @cached_property
    def new_succeeded(self) -> list[core_v1.Pod]:
        return [pod for pod in self._fresh if phase(pod) == "Succeeded"]

    @cached_property
    def new_failed(self) -> list[core_v1.Pod]:
        return [pod for pod in self._fresh if has_failed(pod, self.spec)]

    @cached_property
    def done_before(self) -> frozenset[int]:
        """Indexes that the status counts as succeeded."""
        return indexes.parse(self.status.completed_indexes, self.completions)

    @cached_property
    def done(self) -> frozenset[int]:
        """Indexes that have succeeded."""
        fresh = (self.index(pod) for pod in self.tracked if phase(pod) == "Succeeded")
        return self.done_before | {index for index in fresh if index is not None}

    @cached_property
    def succeeded(self) -> int:
        if self.indexed:
            return len(self.done)
        return (self.status.succeeded or 0) + len(self.new_succeeded) + len(self.uncounted_succeeded)

    @cached_property
    def failed(self) -> int:
        counted = sum(
            policies.judge_failure(self.spec.pod_failure_policy, pod).counts for pod in self.new_failed
        )
        return (self.status.failed or 0) + counted + len(self.uncounted_failed)

    @cached_property
    def lost(self) -> frozenset[int]:
        """Indexes that have failed for good; only where failures are counted per index."""
        if not self.per_index:
            return frozenset()
        fresh = (self.index(pod) for pod in self.tracked if self._loses_index(pod))
        before = indexes.parse(self.status.failed_indexes, self.completions)
        return (before | {index for index in fresh if index is not None}) - self.done

    def _loses_index(self, pod: core_v1.Pod) -> bool:
        match = self.failed_by(pod)
        if match is None:
            return False
        limit = self.spec.backoff_limit_per_index or 0
        return match.action == "FailIndex" or (match.counts and failures(pod) >= limit)

    @cached_property
    def awaiting(self) -> dict[int, core_v1.Pod]:
        """Per index, the failed Pod that is kept until another takes its place: it alone knows how often the index has failed."""
        found: dict[int, core_v1.Pod] = {}
        if not self.per_index:
            return found
        settled = self.done | self.lost | {self.index(pod) for pod in self.active}
        for pod in self.tracked:
            index = self.index(pod)
            if index is None or index in settled or not has_failed(pod, self.spec):
                continue
            if index not in found or _tries(found[index]) <= _tries(pod):
                found[index] = pod
        return found

    @cached_property
    def streak(self) -> Streak:
        if self.known is not None:
            return self.known.after(self.new_succeeded, self.new_failed)
        taking = [pod for pod in self.pods if self.takes_part(pod)]
        succeeded = [pod for pod in taking if phase(pod) == "Succeeded"]
        return Streak().after(succeeded, [pod for pod in taking if has_failed(pod, self.spec)])

    def wait_for_pod(self) -> float:
        """Seconds until the next Pod may be made."""
        return self.streak.last + delay_after(self.streak.failures) - self.now

    def wait_for_index(self, index: int) -> float:
        """As `wait_for_pod`, where each index waits for itself."""
        before = self.awaiting.get(index)
        return ended_at(before) + delay_after(_tries(before) + 1) - self.now if before is not None else 0.0


def _tries(pod: core_v1.Pod) -> int:
    return failures(pod) + ignored_failures(pod)
