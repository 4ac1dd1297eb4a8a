"""Moving ended Pods into the status, each exactly once (pure; KEP-2307).

Three writes, in this order, each safe to repeat after a crash:

1. the status names the Pods that are about to be counted (`uncountedTerminatedPods`; for a success of an Indexed Job its index is name enough);
2. the finalizer comes off those Pods: from now on they may vanish;
3. the status counts the named Pods whose finalizer is off, and forgets their names.

A Pod is counted by the step from 2 to 3 alone: one that is named and still tracked is not counted yet, one without the finalizer is not named again.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from podling.api import codec
from podling.api.types import batch_v1, core_v1

from . import indexes, policies
from .pods import has_failed, phase, uid
from .verdict import CRITERIA_MET
from .view import View

MOST = 500
"""Pods that a status names at a time, as upstream."""


@dataclass(frozen=True, slots=True)
class Tally:
    """`status` is what step 1 writes, `strip` the Pods of step 2; `partial` when there were more than a status may name."""

    status: batch_v1.JobStatus
    strip: list[core_v1.Pod]
    partial: bool


def tally(view: View, end: batch_v1.JobCondition | None) -> Tally:
    """`end` is the foretold condition, if the Job's Pods have all been told to go."""
    tracked = {uid(pod) for pod in view.tracked}
    status = settled(codec.struct_clone(view.status), tracked)
    named = status.uncounted_terminated_pods or batch_v1.UncountedTerminatedPods()
    succeeded, failed = [*(named.succeeded or ())], [*(named.failed or ())]
    done: set[int] = set()
    strip: list[core_v1.Pod] = []
    partial = False
    for pod in view.tracked:
        if not _may_go(view, end, pod):
            continue
        if len(done) + len(succeeded) + len(failed) >= MOST:
            partial = True
            break
        strip.append(pod)
        name, index = uid(pod), view.index(pod)
        if phase(pod) == "Succeeded" and name not in view.uncounted_failed:
            if index is not None and index not in view.done_before:
                done.add(index)
            elif not view.indexed and name not in view.uncounted_succeeded:
                succeeded.append(name)
        elif name not in view.uncounted_failed and _counts_as_failed(view, end, pod):
            failed.append(name)
    status.uncounted_terminated_pods = batch_v1.UncountedTerminatedPods(
        succeeded=succeeded or None, failed=failed or None
    )
    if view.indexed:
        have = view.done_before | done
        status.completed_indexes = indexes.render(have) or None
        status.succeeded = len(have) or None
        if view.per_index:
            status.failed_indexes = indexes.render(view.lost)
    return Tally(status, strip, partial)


def settled(status: batch_v1.JobStatus, tracked: Container[str]) -> batch_v1.JobStatus:
    """The status after step 3: named Pods that are not tracked any more are counted. Changes and returns `status`."""
    named = status.uncounted_terminated_pods or batch_v1.UncountedTerminatedPods()
    succeeded = [name for name in named.succeeded or () if name in tracked]
    failed = [name for name in named.failed or () if name in tracked]
    status.succeeded = (status.succeeded or 0) + len(named.succeeded or ()) - len(succeeded) or None
    status.failed = (status.failed or 0) + len(named.failed or ()) - len(failed) or None
    status.uncounted_terminated_pods = batch_v1.UncountedTerminatedPods(
        succeeded=succeeded or None, failed=failed or None
    )
    return status


def is_settled(status: batch_v1.JobStatus) -> bool:
    """Whether no Pod is named that is not counted."""
    named = status.uncounted_terminated_pods
    return named is None or not (named.succeeded or named.failed)


def _may_go(view: View, end: batch_v1.JobCondition | None, pod: core_v1.Pod) -> bool:
    if view.job.metadata.deletion_timestamp is not None or end is not None or phase(pod) == "Succeeded":
        return True
    if not has_failed(pod, view.spec):
        return False
    index = view.index(pod)
    return index is None or view.awaiting.get(index) is not pod


def _counts_as_failed(view: View, end: batch_v1.JobCondition | None, pod: core_v1.Pod) -> bool:
    """When a Job has failed, so have all of its Pods that had not ended."""
    failed_with_job = end is not None and end.type != CRITERIA_MET
    if not view.takes_part(pod) or not (has_failed(pod, view.spec) or failed_with_job):
        return False
    return policies.judge_failure(view.spec.pod_failure_policy, pod).counts
