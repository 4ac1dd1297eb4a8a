"""What a Job asks of one of its Pods (pure): whether it has failed, which index it works on, when it ended."""

from __future__ import annotations

from podling.api import times
from podling.api.pod import get_condition
from podling.api.types import batch_v1, core_v1

FINALIZER = "batch.kubernetes.io/job-tracking"
"""On every Pod that has not been counted yet, so that none can be gone before it is."""
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


def uid(pod: core_v1.Pod) -> str:
    return pod.metadata.uid or ""


def phase(pod: core_v1.Pod) -> str:
    return (pod.status.phase if pod.status else None) or "Pending"


def is_tracked(pod: core_v1.Pod) -> bool:
    return FINALIZER in (pod.metadata.finalizers or ())


def is_indexed(job: batch_v1.Job) -> bool:
    return job.spec is not None and job.spec.completion_mode == "Indexed"


def replaces_only_failed(spec: batch_v1.JobSpec) -> bool:
    """Whether a Pod on its way out keeps its place until it has ended."""
    return spec.pod_replacement_policy == "Failed" or spec.pod_failure_policy is not None


def has_failed(pod: core_v1.Pod, spec: batch_v1.JobSpec) -> bool:
    """A Pod that is being deleted counts too, as it may never get to report: unless only ended ones are replaced."""
    if phase(pod) == "Failed":
        return True
    going = pod.metadata.deletion_timestamp is not None and phase(pod) != "Succeeded"
    return going and not replaces_only_failed(spec)


def index_of(pod: core_v1.Pod, completions: int) -> int | None:
    """Its completion index; None if it has none below `completions`."""
    number = _number(pod, INDEX)
    return number if number is not None and number < completions else None


def failures(pod: core_v1.Pod) -> int:
    """How often its index had failed before it, apart from ignored failures."""
    return _number(pod, FAILURES) or 0


def ignored_failures(pod: core_v1.Pod) -> int:
    return _number(pod, IGNORED) or 0


def ended_at(pod: core_v1.Pod) -> float:
    """When its last container ended, or the best guess at it, in epoch seconds (upstream's getFinishedTime)."""
    statuses = (pod.status.container_statuses if pod.status else None) or []
    ends = [each.state.terminated for each in statuses if each.state and each.state.terminated]
    if ends and len(ends) == len(statuses):
        stamps = [times.parse(end.finished_at) for end in ends if end.finished_at]
        if len(stamps) == len(ends):
            return max(stamps)
    ready = get_condition(pod, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time:
        return times.parse(ready.last_transition_time)
    if pod.metadata.deletion_timestamp:
        grace = pod.metadata.deletion_grace_period_seconds or 0
        return times.parse(pod.metadata.deletion_timestamp) - grace
    return times.parse(pod.metadata.creation_timestamp) if pod.metadata.creation_timestamp else 0.0


def _number(pod: core_v1.Pod, annotation: str) -> int | None:
    text = (pod.metadata.annotations or {}).get(annotation, "")
    return int(text) if text.isdecimal() else None
