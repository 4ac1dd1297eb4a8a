"""The rules of CronJobs; what a schedule means is their controller's to know, how many fields it has is checked here."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError
from podling.api.types import batch_v1

from . import job, workload
from .pod_spec import one_of
from .workload import SPEC

FIELDS = 5
_CONCURRENCY = ("Allow", "Forbid", "Replace")


def create(cron: batch_v1.CronJob) -> Iterator[FieldError]:
    spec = cron.spec or batch_v1.CronJobSpec()
    path = SPEC / "schedule"
    parts = spec.schedule.split()
    if not parts:
        yield field.required(path)
    elif not parts[0].startswith("@") and len(parts) != FIELDS:
        why = f"expected exactly {FIELDS} fields, found {len(parts)}: [{' '.join(parts)}]"
        yield field.invalid(path, spec.schedule, why)
    yield from workload.counts(
        SPEC,
        startingDeadlineSeconds=spec.starting_deadline_seconds,
        successfulJobsHistoryLimit=spec.successful_jobs_history_limit,
        failedJobsHistoryLimit=spec.failed_jobs_history_limit,
    )
    yield from one_of(spec.concurrency_policy, SPEC / "concurrencyPolicy", _CONCURRENCY)
    template = spec.job_template.spec or batch_v1.JobSpec()
    yield from job.faults(template, SPEC / "jobTemplate" / "spec")


def update(cron: batch_v1.CronJob, _: batch_v1.CronJob) -> Iterator[FieldError]:
    yield from create(cron)
