"""How a Job's status tells its story: when it began, whether it is suspended, how it ended (pure; they change the status they are given)."""

from __future__ import annotations

from podling.api import codec, times
from podling.api.types import batch_v1

from .verdict import COMPLETE, END_OF, SUSPENDED, condition


def begun(job: batch_v1.Job, now: float) -> batch_v1.Job:
    """A copy that has its start time, unless it is suspended."""
    copy = codec.struct_clone(job)
    copy.status = copy.status or batch_v1.JobStatus()
    if copy.status.start_time is None and copy.spec is not None and not copy.spec.suspend:
        copy.status.start_time = times.rfc3339(now)
    return copy


def put(status: batch_v1.JobStatus, told: batch_v1.JobCondition) -> bool:
    """Whether that changed anything: a condition whose status and words stand keeps its time."""
    held = [*(status.conditions or ())]
    for number, each in enumerate(held):
        if each.type == told.type:
            if (each.status, each.reason, each.message) == (told.status, told.reason, told.message):
                return False
            held[number] = told
            break
    else:
        held.append(told)
    status.conditions = held
    return True


def suspension(job: batch_v1.Job, now: float) -> tuple[str, str] | None:
    """Set `Suspended` as the Job says; reason and message of the Event if that is news. A resumed Job begins anew."""
    status = job.status = job.status or batch_v1.JobStatus()
    if job.spec is not None and job.spec.suspend:
        status.start_time = None  # its time is counted from when it is resumed
        news = put(status, condition(SUSPENDED, "JobSuspended", "Job suspended", now))
        return ("Suspended", "Job suspended") if news else None
    if not any(each.type == SUSPENDED for each in status.conditions or ()):
        return None
    if put(status, condition(SUSPENDED, "JobResumed", "Job resumed", now, status="False")):
        status.start_time = times.rfc3339(now)
        return "Resumed", "Job resumed"
    return None


def finish(status: batch_v1.JobStatus, foretold: batch_v1.JobCondition, now: float) -> batch_v1.JobCondition:
    """Add what was foretold."""
    end = condition(END_OF[foretold.type], foretold.reason or "", foretold.message or "", now)
    put(status, end)
    if end.type == COMPLETE:
        status.completion_time = end.last_transition_time
    return end
