"""The rules of Jobs, and of the Jobs that a CronJob makes (k8s.io/kubernetes/pkg/apis/batch/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.selectors import from_struct
from podling.api.types import batch_v1, core_v1, meta_v1

from . import job_policies, job_status, scheduling, workload
from .metadata import IMMUTABLE, METADATA
from .pod_spec import one_of
from .workload import SPEC

MAX_PARALLELISM = MAX_FAILED = MAX_COMPLETIONS = 100_000
HIGH_PARALLELISM = HIGH_FAILED = 10_000
"""With more completions than `MAX_COMPLETIONS` and tries counted by index."""
MAX_MANAGER = 63
_ENDING = ("OnFailure", "Never")
_MODES = ("NonIndexed", "Indexed")
_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_FIXED = {
    "selector": "selector",
    "completion_mode": "completionMode",
    "pod_failure_policy": "podFailurePolicy",
    "backoff_limit_per_index": "backoffLimitPerIndex",
    "managed_by": "managedBy",
    "success_policy": "successPolicy",
}
_GENERATED = (
    ("controller-uid", "uid"),
    ("job-name", "name"),
    ("batch.kubernetes.io/controller-uid", "uid"),
    ("batch.kubernetes.io/job-name", "name"),
)


def create(job: batch_v1.Job) -> Iterator[FieldError]:
    spec = job.spec or batch_v1.JobSpec()
    yield from _generated(job, spec)
    yield from _whole(spec)
    if spec.completion_mode == "Indexed" and spec.completions:
        hostname = f"{job.metadata.name}-{spec.completions - 1}"
        if names.dns1123_label(hostname):
            why = f"will not able to create pod with invalid DNS label: {hostname}"
            yield field.invalid(METADATA / "name", job.metadata.name, why)


def update(job: batch_v1.Job, old: batch_v1.Job) -> Iterator[FieldError]:
    spec, before = job.spec or batch_v1.JobSpec(), old.spec or batch_v1.JobSpec()
    yield from _whole(spec)
    yield from _completions(spec, before)
    for attribute, name in _FIXED.items():
        if not codec.semantic_equal(getattr(spec, attribute), getattr(before, attribute)):
            yield field.invalid(SPEC / name, getattr(spec, attribute), IMMUTABLE)
    allowed = _with_directives(before.template, spec.template) if _is_at_rest(old) else before.template
    if not codec.semantic_equal(spec.template, allowed):
        yield field.invalid(SPEC / "template", spec.template, IMMUTABLE)


update_status = job_status.update


def faults(spec: batch_v1.JobSpec, path: Path) -> Iterator[FieldError]:
    """What Jobs and the templates of CronJobs share."""
    yield from workload.counts(
        path,
        parallelism=spec.parallelism,
        completions=spec.completions,
        activeDeadlineSeconds=spec.active_deadline_seconds,
        backoffLimit=spec.backoff_limit,
        ttlSecondsAfterFinished=spec.ttl_seconds_after_finished,
        backoffLimitPerIndex=spec.backoff_limit_per_index,
        maxFailedIndexes=spec.max_failed_indexes,
    )
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        yield field.required(path / "backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.managed_by is not None:
        yield from _manager(spec.managed_by, path / "managedBy")
    if spec.completion_mode is not None:
        yield from one_of(spec.completion_mode, path / "completionMode", _MODES)
    if spec.completion_mode == "Indexed":
        yield from _indexed(spec, path)
    elif spec.completion_mode in (None, "NonIndexed"):
        for value, name in (
            (spec.backoff_limit_per_index, "backoffLimitPerIndex"),
            (spec.max_failed_indexes, "maxFailedIndexes"),
        ):
            if value is not None:
                yield field.invalid(path / name, value, "requires indexed completion mode")
    yield from job_policies.faults(spec, path)
    yield from workload.pods(spec.template, path / "template")
    yield from _restart(spec, path / "template" / "spec" / "restartPolicy")


def _whole(spec: batch_v1.JobSpec) -> Iterator[FieldError]:
    yield from faults(spec, SPEC)
    if spec.selector is None:
        yield field.required(SPEC / "selector")
        return
    refused = [*scheduling.label_selector(spec.selector, SPEC / "selector")]
    yield from refused
    found = (spec.template.metadata or meta_v1.ObjectMeta()).labels or {}
    if not refused and not from_struct(spec.selector).matches(found):
        why = "`selector` does not match template `labels`"
        yield field.invalid(SPEC / "template" / "metadata" / "labels", found, why)


def _generated(job: batch_v1.Job, spec: batch_v1.JobSpec) -> Iterator[FieldError]:
    """The selector and labels that the server makes must not be those of somebody else."""
    if spec.manual_selector or spec.selector is None:
        return
    found = (spec.template.metadata or meta_v1.ObjectMeta()).labels or {}
    wanted = {label: getattr(job.metadata, source) or "" for label, source in _GENERATED}
    path = SPEC / "template" / "metadata" / "labels"
    for label, value in wanted.items():
        if label not in found:
            yield field.required(path.key(label), f"must be '{value}'")
        if found.get(label, "") != value:
            yield field.invalid(path.key(label), found, f"must be '{value}'")
    if not any(scheduling.label_selector(spec.selector, SPEC)) and not from_struct(spec.selector).matches(
        wanted
    ):
        yield field.invalid(SPEC / "selector", spec.selector, "`selector` not auto-generated")


def _indexed(spec: batch_v1.JobSpec, path: Path) -> Iterator[FieldError]:
    completions, failed, parallelism = spec.completions, spec.max_failed_indexes, spec.parallelism
    if completions is None:
        yield field.required(path / "completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > MAX_PARALLELISM:
        why = f"must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed"
        yield field.invalid(path / "parallelism", parallelism, why)
    if failed is not None:
        if completions is not None and failed > completions:
            yield field.invalid(
                path / "maxFailedIndexes", failed, "must be less than or equal to completions"
            )
        if failed > MAX_FAILED:
            why = f"must be less than or equal to {MAX_FAILED}"
            yield field.invalid(path / "maxFailedIndexes", failed, why)
    if completions is None or completions <= MAX_COMPLETIONS or spec.backoff_limit_per_index is None:
        return
    if failed is None:
        why = f"must be specified when completions is above {MAX_COMPLETIONS}"
        yield field.required(path / "maxFailedIndexes", why)
    high = f"when completions are above {MAX_COMPLETIONS} and used with backoff limit per index"
    for value, limit, name in (
        (parallelism, HIGH_PARALLELISM, "parallelism"),
        (failed, HIGH_FAILED, "maxFailedIndexes"),
    ):
        if value is not None and value > limit:
            yield field.invalid(path / name, value, f"must be less than or equal to {limit} {high}")


def _manager(value: str, path: Path) -> Iterator[FieldError]:
    host, _, rest = value.partition("/")
    if not value:
        yield field.required(path)
    elif not host or not rest:
        yield field.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        for fault in names.dns1123_subdomain(host):
            yield field.invalid(path, host, fault)
        if not re.fullmatch(_PATH, rest):
            yield field.invalid(path, rest, f"invalid path (regex used for validation is '{_PATH}')")
    if len(value) > MAX_MANAGER:
        yield field.too_long(path, MAX_MANAGER)


def _restart(spec: batch_v1.JobSpec, path: Path) -> Iterator[FieldError]:
    policy = (spec.template.spec or core_v1.PodSpec()).restart_policy
    if policy in (None, "", "Always"):
        why = "valid values: " + ", ".join(f'"{name}"' for name in _ENDING)
        yield field.required(path, why)
    elif policy not in _ENDING:
        yield field.not_supported(path, policy, _ENDING)
    elif spec.pod_failure_policy is not None and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        yield field.invalid(path, policy, why)


def _completions(spec: batch_v1.JobSpec, before: batch_v1.JobSpec) -> Iterator[FieldError]:
    """Fixed; those of an Indexed Job may go up and down together with its parallelism (KEP-3715)."""
    if spec.completions == before.completions:
        return
    if spec.completion_mode != "Indexed":
        yield field.invalid(SPEC / "completions", spec.completions, IMMUTABLE)
    elif spec.completions is not None and spec.completions != spec.parallelism:
        why = "can only be modified in tandem with spec.parallelism"
        yield field.invalid(SPEC / "completions", spec.completions, why)


def _is_at_rest(old: batch_v1.Job) -> bool:
    """Suspended, and no Pod is left that was made from the template (KEP-2926, KEP-5440)."""
    status = old.status or batch_v1.JobStatus()
    if not (old.spec and old.spec.suspend) or status.active:
        return False
    return status.start_time is None or job_status.is_true(status, "Suspended")


def _with_directives(
    before: core_v1.PodTemplateSpec, after: core_v1.PodTemplateSpec
) -> core_v1.PodTemplateSpec:
    """The old template with that of the new one which may change: where its Pods go, and what their containers get."""
    allowed = codec.struct_clone(before)
    allowed.metadata = codec.struct_clone(before.metadata)
    allowed.metadata.labels, allowed.metadata.annotations = after.metadata.labels, after.metadata.annotations
    spec, new = allowed.spec, after.spec
    if spec is None or new is None:
        return allowed
    node_affinity = new.affinity.node_affinity if new.affinity is not None else None
    if spec.affinity is not None or node_affinity is not None:
        spec.affinity = spec.affinity or core_v1.Affinity()
        spec.affinity.node_affinity = node_affinity
    spec.node_selector, spec.tolerations = new.node_selector, new.tolerations
    spec.scheduling_gates = new.scheduling_gates
    for held, given in ((spec.containers, new.containers), (spec.init_containers, new.init_containers)):
        for one, other in zip(held or (), given or (), strict=False):
            one.resources = other.resources
    return allowed
