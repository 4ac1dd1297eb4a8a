"""The next Pod of a Job: its template, tracked, and for Indexed Jobs told which part of the work is its own (pure)."""

from __future__ import annotations

from podling.api.types import batch_v1, core_v1
from podling.controllers.podcontrol import pod_from

from . import policies
from .pods import FAILURES, FINALIZER, IGNORED, INDEX, failures, ignored_failures

ENVIRONMENT = "JOB_COMPLETION_INDEX"
MAX_PREFIX = 58
"""Of a generated name: 63 less the five letters that the server adds."""


def pod_for(job: batch_v1.Job, index: int | None, replaced: core_v1.Pod | None = None) -> core_v1.Pod:
    """`replaced` is the index's last failed Pod, where failures are counted per index."""
    spec = job.spec or batch_v1.JobSpec()
    pod = pod_from(spec.template, job)
    held = pod.metadata.finalizers or []
    pod.metadata.finalizers = held if FINALIZER in held else [*held, FINALIZER]
    if index is None:
        return pod
    ending = f"-{index}-"
    name = job.metadata.name or ""
    pod.metadata.generate_name = name[: MAX_PREFIX - len(ending)] + ending
    pod.metadata.labels = {**(pod.metadata.labels or {}), INDEX: str(index)}
    pod.metadata.annotations = {**(pod.metadata.annotations or {}), INDEX: str(index)}
    if spec.backoff_limit_per_index is not None:
        pod.metadata.annotations.update(_failure_counts(spec, replaced))
    if pod.spec is not None:
        pod.spec.hostname = f"{name}-{index}"
        for container in (*(pod.spec.init_containers or ()), *pod.spec.containers):
            _tell_index(container)
    return pod


def _failure_counts(spec: batch_v1.JobSpec, replaced: core_v1.Pod | None) -> dict[str, str]:
    if replaced is None:
        return {FAILURES: "0"}
    counted, ignored = failures(replaced), ignored_failures(replaced)
    if policies.judge_failure(spec.pod_failure_policy, replaced).counts:
        counted += 1
    else:
        ignored += 1
    return {FAILURES: str(counted), **({IGNORED: str(ignored)} if ignored else {})}


def _tell_index(container: core_v1.Container) -> None:
    if any(each.name == ENVIRONMENT for each in container.env or ()):
        return
    field = core_v1.ObjectFieldSelector(field_path=f"metadata.annotations['{INDEX}']")
    told = core_v1.EnvVar(name=ENVIRONMENT, value_from=core_v1.EnvVarSource(field_ref=field))
    container.env = [*(container.env or ()), told]
