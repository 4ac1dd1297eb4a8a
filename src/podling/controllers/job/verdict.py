"""Whether a Job is over, and why (pure).

    running ──► SuccessCriteriaMet ──► Complete      once its Pods are counted and gone
       └──────► FailureTarget ───────► Failed        likewise

A condition on the left of an end only says what the end will be: it is written before any Pod is let go, so that a crash cannot change it.
"""

from __future__ import annotations

from collections.abc import Sequence

from podling.api import times
from podling.api.types import batch_v1, core_v1

from . import policies
from .view import View

COMPLETE, FAILED, SUSPENDED = "Complete", "Failed", "Suspended"
CRITERIA_MET, FAILURE_TARGET = "SuccessCriteriaMet", "FailureTarget"
END_OF = {CRITERIA_MET: COMPLETE, FAILURE_TARGET: FAILED}


def condition(
    type: str, reason: str, message: str, now: float, status: str = "True"
) -> batch_v1.JobCondition:
    stamp = times.rfc3339(now)
    return batch_v1.JobCondition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        last_probe_time=stamp,
        last_transition_time=stamp,
    )


def find(job: batch_v1.Job, *types: str) -> batch_v1.JobCondition | None:
    """The first condition of one of the types that is true."""
    held: Sequence[batch_v1.JobCondition] = (job.status.conditions if job.status else None) or ()
    return next((each for each in held if each.type in types and each.status == "True"), None)


def is_finished(job: batch_v1.Job) -> bool:
    return find(job, COMPLETE, FAILED) is not None


def foretell(view: View) -> batch_v1.JobCondition | None:
    """SuccessCriteriaMet or FailureTarget, as written before or as it follows now; None while the Job is to go on."""
    told = find(view.job, CRITERIA_MET) or find(view.job, FAILURE_TARGET)
    if told is not None:
        return told
    reason, message = _failure(view)
    if reason:
        return condition(FAILURE_TARGET, reason, message, view.now)
    if view.indexed:
        enough = policies.succeeded_enough(view.spec.success_policy, view.done, view.completions)
        if enough:
            return condition(CRITERIA_MET, "SuccessPolicy", enough, view.now)
    return None


def completed(view: View, active: int) -> batch_v1.JobCondition | None:
    """SuccessCriteriaMet if all that was asked for has been done and none of its Pods is left running."""
    enough = view.succeeded > 0 if view.spec.completions is None else view.succeeded >= view.completions
    if not enough or active:
        return None
    return condition(
        CRITERIA_MET, "CompletionsReached", "Reached expected number of succeeded pods", view.now
    )


def seconds_to_deadline(view: View, started: str | None) -> float | None:
    """0 or less when it is past; None where there is none, as while the Job is suspended."""
    limit = view.spec.active_deadline_seconds
    if limit is None or started is None or view.spec.suspend:
        return None
    return times.parse(started) + limit - view.now


def _failure(view: View) -> tuple[str, str]:
    for pod in view.pods:
        match = view.failed_by(pod)
        if match is not None and match.action == "FailJob":
            return "PodFailurePolicy", match.message
    limit = view.spec.backoff_limit
    if limit is not None and (view.failed > limit or _restarts_exceed(view, limit)):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    left = seconds_to_deadline(view, view.status.start_time)
    if left is not None and left <= 0:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    if view.per_index and view.lost:
        most = view.spec.max_failed_indexes
        if most is not None and len(view.lost) > most:
            return (
                "MaxFailedIndexesExceeded",
                "Job has exceeded the specified maximal number of failed indexes",
            )
        if len(view.lost) + len(view.done) >= view.completions:
            return "FailedIndexes", "Job has failed indexes"
    return "", ""


def _restarts_exceed(view: View, limit: int) -> bool:
    """Where containers are restarted in place, their restarts count as tries."""
    template = view.spec.template.spec
    if template is None or template.restart_policy != "OnFailure":
        return False
    restarts = sum(_restarts(pod) for pod in view.pods)
    return restarts > 0 if limit == 0 else restarts >= limit


def _restarts(pod: core_v1.Pod) -> int:
    status = pod.status or core_v1.PodStatus()
    if status.phase not in ("Running", "Pending"):
        return 0
    return sum(
        each.restart_count
        for each in (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    )
