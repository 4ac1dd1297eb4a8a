"""The rules of Jobs, and of the Jobs that a CronJob makes."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError, Path
from podling.api.types import batch_v1, core_v1

from . import workload
from .metadata import IMMUTABLE
from .pod_spec import one_of
from .workload import SPEC

_ENDING = ("OnFailure", "Never")
_MODES = ("NonIndexed", "Indexed")
_FIXED = {"completions": "completions", "selector": "selector", "completion_mode": "completionMode"}


def create(job: batch_v1.Job) -> Iterator[FieldError]:
    yield from faults(job.spec or batch_v1.JobSpec(), SPEC)


def update(job: batch_v1.Job, old: batch_v1.Job) -> Iterator[FieldError]:
    yield from create(job)
    spec, before = job.spec or batch_v1.JobSpec(), old.spec or batch_v1.JobSpec()
    for attribute, name in _FIXED.items():
        if not codec.semantic_equal(getattr(spec, attribute), getattr(before, attribute)):
            yield field.invalid(SPEC / name, getattr(spec, attribute), IMMUTABLE)
    if not before.suspend and not codec.semantic_equal(spec.template, before.template):
        yield field.invalid(SPEC / "template", spec.template, IMMUTABLE)


def faults(spec: batch_v1.JobSpec, path: Path) -> Iterator[FieldError]:
    yield from workload.counts(
        path,
        parallelism=spec.parallelism,
        completions=spec.completions,
        activeDeadlineSeconds=spec.active_deadline_seconds,
        backoffLimit=spec.backoff_limit,
        ttlSecondsAfterFinished=spec.ttl_seconds_after_finished,
    )
    if spec.completion_mode is not None:
        yield from one_of(spec.completion_mode, path / "completionMode", _MODES)
        if spec.completion_mode == "Indexed" and spec.completions is None:
            why = "when completion mode is Indexed"
            yield field.required(path / "completions", why)
    yield from workload.pods(spec.template, path / "template")
    policy = (spec.template.spec or core_v1.PodSpec()).restart_policy
    if policy in (None, "", "Always"):
        why = "valid values: " + ", ".join(f'"{name}"' for name in _ENDING)
        yield field.required(path / "template" / "spec" / "restartPolicy", why)
    elif policy not in _ENDING:
        yield field.not_supported(path / "template" / "spec" / "restartPolicy", policy, _ENDING)
