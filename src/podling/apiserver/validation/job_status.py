"""The rules of a Job's status: steps that no controller may take, ours or one named in `managedBy` (KEP-4368).

A rule holds for what a write changes, so that a status that is wrong already can still be mended.
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field, times
from podling.api.field import FieldError, Path
from podling.api.types import batch_v1

from . import job_indexes, workload

STATUS = Path("status")
CONDITIONS = STATUS / "conditions"
COMPLETE, FAILED = "Complete", "Failed"
CRITERIA_MET, FAILURE_TARGET = "SuccessCriteriaMet", "FailureTarget"
_EXCLUSIVE = (
    (COMPLETE, FAILED, "cannot set Complete=True and Failed=true conditions"),
    (COMPLETE, FAILURE_TARGET, "cannot set Complete=True and FailureTarget=true conditions"),
    (CRITERIA_MET, FAILED, "cannot set SuccessCriteriaMet=True and Failed=true conditions"),
    (CRITERIA_MET, FAILURE_TARGET, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
)
_FORETOLD = (
    (FAILED, FAILURE_TARGET, "cannot set Failed=True condition without the FailureTarget=true condition"),
    (
        COMPLETE,
        CRITERIA_MET,
        "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
    ),
)


def is_true(status: batch_v1.JobStatus, type: str) -> bool:
    return any(each.type == type and each.status == "True" for each in status.conditions or ())


def update(job: batch_v1.Job, old: batch_v1.Job) -> Iterator[FieldError]:
    status, before = job.status or batch_v1.JobStatus(), old.status or batch_v1.JobStatus()
    yield from workload.counts(
        STATUS,
        active=status.active,
        succeeded=status.succeeded,
        failed=status.failed,
        ready=status.ready,
        terminating=status.terminating,
    )
    yield from _uncounted(status)
    yield from _conditions(status, before)
    yield from _times(job, status, before)
    if is_true(status, COMPLETE) or is_true(status, FAILED):
        yield from _finished(status, before)
    yield from _indexes(job.spec or batch_v1.JobSpec(), status, before)
    yield from _counters(job.spec or batch_v1.JobSpec(), status, before)


def _uncounted(status: batch_v1.JobStatus) -> Iterator[FieldError]:
    named = status.uncounted_terminated_pods or batch_v1.UncountedTerminatedPods()
    seen: set[str] = set()
    for name, uids in (("succeeded", named.succeeded), ("failed", named.failed)):
        for index, uid in enumerate(uids or ()):
            path = STATUS / "uncountedTerminatedPods" / name / index
            if not uid:
                yield field.invalid(path, uid, "must not be empty")
            elif uid in seen:
                yield field.duplicate(path, uid)
            seen.add(uid)


def _conditions(status: batch_v1.JobStatus, before: batch_v1.JobStatus) -> Iterator[FieldError]:
    changed = {
        type
        for type in (COMPLETE, FAILED, CRITERIA_MET, FAILURE_TARGET)
        if is_true(status, type) != is_true(before, type)
    }
    for one, other, why in _EXCLUSIVE:
        if changed & {one, other} and is_true(status, one) and is_true(status, other):
            yield field.invalid_as_whole(CONDITIONS, why)
    for end, foretold, why in _FORETOLD:
        if changed & {end, foretold} and is_true(status, end) and not is_true(status, foretold):
            yield field.invalid_as_whole(CONDITIONS, why)
    for type in (FAILED, COMPLETE, FAILURE_TARGET):
        if type in changed and is_true(before, type):
            yield field.invalid_as_whole(CONDITIONS, f"cannot disable the terminal {type}=True condition")
    if CRITERIA_MET in changed and is_true(before, CRITERIA_MET):
        yield field.invalid_as_whole(CONDITIONS, "cannot disable the SuccessCriteriaMet=True condition")


def _times(job: batch_v1.Job, status: batch_v1.JobStatus, before: batch_v1.JobStatus) -> Iterator[FieldError]:
    start, end, path = status.start_time, status.completion_time, STATUS / "completionTime"
    moved = status.start_time != before.start_time, status.completion_time != before.completion_time
    complete = is_true(status, COMPLETE)
    if moved[1] or complete != is_true(before, COMPLETE):
        if end and not complete:
            why = "cannot set completionTime when there is no Complete=True condition"
            yield field.invalid(path, end, why)
        if complete and not end:
            yield field.required(path, "completionTime is required for Complete jobs")
    if any(moved) and start and end and times.parse(end) < times.parse(start):
        yield field.invalid(path, end, "completionTime cannot be set before startTime")
    if moved[1] and end and before.completion_time:
        yield field.invalid(path, end, "completionTime cannot be mutated")
    paused = (job.spec and job.spec.suspend) or is_true(before, "Suspended")
    if moved[0] and before.start_time and not paused:
        yield field.required(STATUS / "startTime", "startTime cannot be removed for unsuspended job")


def _finished(status: batch_v1.JobStatus, before: batch_v1.JobStatus) -> Iterator[FieldError]:
    ends = not (is_true(before, COMPLETE) or is_true(before, FAILED))
    if status.active and (ends or status.active != before.active):
        yield field.invalid(STATUS / "active", status.active, "active>0 is invalid for finished job")
    if not status.start_time and (ends or before.start_time):
        yield field.required(STATUS / "startTime", "startTime is required for finished job")
    if status.terminating and (ends or status.terminating != before.terminating):
        why = "terminating>0 is invalid for finished job"
        yield field.invalid(STATUS / "terminating", status.terminating, why)
    named = status.uncounted_terminated_pods
    news = ends or not codec.semantic_equal(named, before.uncounted_terminated_pods)
    if named is not None and (named.succeeded or named.failed) and news:
        why = "uncountedTerminatedPods needs to be empty for finished job"
        yield field.invalid(STATUS / "uncountedTerminatedPods", named, why)


def _indexes(
    spec: batch_v1.JobSpec, status: batch_v1.JobStatus, before: batch_v1.JobStatus
) -> Iterator[FieldError]:
    done, lost, limit = status.completed_indexes or "", status.failed_indexes, spec.completions
    news = done != (before.completed_indexes or ""), lost != before.failed_indexes
    for changed, text, name in ((news[0], done, "completedIndexes"), (news[1], lost, "failedIndexes")):
        if not changed or not text or limit is None:
            continue
        try:
            job_indexes.count(text, limit)
        except ValueError as error:
            yield field.invalid(STATUS / name, text, f"error parsing {name}: {error}")
    if news[0] and done and spec.completion_mode != "Indexed":
        why = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield field.invalid(STATUS / "completedIndexes", done, why)
    if news[1] and lost is not None and spec.backoff_limit_per_index is None:
        why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield field.invalid(STATUS / "failedIndexes", lost, why)
    shared = job_indexes.overlap(done, lost or "", limit) if any(news) and limit is not None else None
    if shared is not None:
        why = f"failedIndexes and completedIndexes overlap at index: {shared}"
        yield field.invalid(STATUS / "failedIndexes", lost, why)


def _counters(
    spec: batch_v1.JobSpec, status: batch_v1.JobStatus, before: batch_v1.JobStatus
) -> Iterator[FieldError]:
    if (status.failed or 0) < (before.failed or 0):
        yield field.invalid(STATUS / "failed", status.failed or 0, "cannot decrease the failed counter")
    scales_down = spec.completion_mode == "Indexed" and spec.completions == spec.parallelism
    if (status.succeeded or 0) < (before.succeeded or 0) and not scales_down:
        why = "cannot decrease the succeeded counter"
        yield field.invalid(STATUS / "succeeded", status.succeeded or 0, why)
    ready, active = status.ready or 0, status.active or 0
    if ready > active and (status.ready, status.active) != (before.ready, before.active):
        yield field.invalid(STATUS / "ready", ready, "cannot set more ready pods than active")
