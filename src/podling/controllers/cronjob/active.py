"""Keeping the books in a CronJob's status: which of its Jobs run, when it last started, when it last succeeded (pure).

The status may be behind, as the controller may have died between making a Job and writing it down. The Jobs that are there say what was made: they are
entered afterwards, so that nothing is started a second time for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import times
from podling.api.types import batch_v1, core_v1

from .draft import scheduled_for

Told = tuple[str, str, str]
"""An Event: type, reason, message."""


def end_of(job: batch_v1.Job) -> str | None:
    """`Complete` or `Failed`; None while it runs."""
    for each in (job.status.conditions if job.status else None) or ():
        if each.type in ("Complete", "Failed") and each.status == "True":
            return each.type
    return None


def reference(job: batch_v1.Job) -> core_v1.ObjectReference:
    return core_v1.ObjectReference(
        api_version="batch/v1",
        kind="Job",
        namespace=job.metadata.namespace,
        name=job.metadata.name,
        uid=job.metadata.uid,
        resource_version=job.metadata.resource_version,
    )


def uids(status: batch_v1.CronJobStatus) -> set[str | None]:
    return {each.uid for each in status.active or ()}


def remove(status: batch_v1.CronJobStatus, uid: str | None) -> None:
    status.active = [each for each in status.active or () if each.uid != uid] or None


def started(status: batch_v1.CronJobStatus, job: batch_v1.Job, at: float) -> None:
    """Enter a Job that was made for the time `at`."""
    if job.metadata.uid not in uids(status):
        status.active = [*(status.active or ()), reference(job)]
    status.last_schedule_time = _later(status.last_schedule_time, times.rfc3339(at))


def account(
    cron: batch_v1.CronJob, status: batch_v1.CronJobStatus, jobs: Iterable[batch_v1.Job]
) -> list[Told]:
    """Bring `status`, which is changed, up to what the CronJob's Jobs say; what there is to tell about it."""
    told: list[Told] = []
    for job in sorted(jobs, key=lambda each: each.metadata.name or ""):
        end, listed = end_of(job), job.metadata.uid in uids(status)
        at = scheduled_for(cron, job)
        if at is not None:
            status.last_schedule_time = _later(status.last_schedule_time, times.rfc3339(at))
        if end is None and not listed:
            if at is not None and job.metadata.deletion_timestamp is None:
                started(status, job, at)
            else:
                what = "Saw a job that the controller did not create or forgot"
                told.append(("Warning", "UnexpectedJob", f"{what}: {job.metadata.name}"))
        elif end is not None and listed:
            remove(status, job.metadata.uid)
            message = f"Saw completed job: {job.metadata.name}, status: {end}"
            told.append(("Normal", "SawCompletedJob", message))
        if end == "Complete" and job.status is not None:
            status.last_successful_time = _later(status.last_successful_time, job.status.completion_time)
    return told


def _later(one: str | None, other: str | None) -> str | None:
    return max(one, other, key=times.parse) if one and other else one or other
