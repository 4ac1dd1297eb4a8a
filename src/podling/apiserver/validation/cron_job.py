"""The rules of CronJobs (k8s.io/kubernetes/pkg/apis/batch/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podling.api import cron as schedules
from podling.api import field, timezones
from podling.api.field import FieldError, Path
from podling.api.types import batch_v1

from . import job, workload
from .metadata import METADATA
from .pod_spec import one_of
from .workload import SPEC

MAX_NAME = 52
"""The minute of a start is added to it, eleven characters, and the name of a Job is a label of its Pods."""
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_ZONE_PART = re.compile(r"[A-Za-z._0-9+][A-Za-z._\-0-9+]{0,13}")


def create(cron: batch_v1.CronJob) -> Iterator[FieldError]:
    spec = cron.spec or batch_v1.CronJobSpec()
    yield from _faults(spec)
    yield from _time_zone(spec.time_zone, SPEC / "timeZone")
    if len(cron.metadata.name or "") > MAX_NAME:
        why = f"must be no more than {MAX_NAME} characters"
        yield field.invalid(METADATA / "name", cron.metadata.name, why)


def update(cron: batch_v1.CronJob, old: batch_v1.CronJob) -> Iterator[FieldError]:
    spec, before = cron.spec or batch_v1.CronJobSpec(), old.spec or batch_v1.CronJobSpec()
    yield from _faults(spec, zone_in_schedule="TZ" in before.schedule)
    if spec.time_zone != before.time_zone:
        yield from _time_zone(spec.time_zone, SPEC / "timeZone")


def _faults(spec: batch_v1.CronJobSpec, *, zone_in_schedule: bool = False) -> Iterator[FieldError]:
    """`zone_in_schedule`: it names a zone already, as was possible before there was a field for it."""
    yield from _schedule(spec, SPEC / "schedule", zone_in_schedule=zone_in_schedule)
    yield from workload.counts(
        SPEC,
        startingDeadlineSeconds=spec.starting_deadline_seconds,
        successfulJobsHistoryLimit=spec.successful_jobs_history_limit,
        failedJobsHistoryLimit=spec.failed_jobs_history_limit,
    )
    yield from one_of(spec.concurrency_policy, SPEC / "concurrencyPolicy", _CONCURRENCY)
    template, path = spec.job_template.spec or batch_v1.JobSpec(), SPEC / "jobTemplate" / "spec"
    yield from job.faults(template, path)
    if template.selector is not None:
        yield field.invalid(path / "selector", template.selector, "`selector` will be auto-generated")
    if template.manual_selector:
        yield field.not_supported(path / "manualSelector", True, ("nil", "false"))


def _schedule(spec: batch_v1.CronJobSpec, path: Path, *, zone_in_schedule: bool) -> Iterator[FieldError]:
    text = spec.schedule
    if not text:
        yield field.required(path)
        return
    try:
        schedules.parse(text)
    except ValueError as error:
        yield field.invalid(path, text, str(error))
    if "TZ" not in text:
        return
    if not zone_in_schedule:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield field.invalid(path, text, why)
    elif spec.time_zone is not None:
        why = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield field.invalid(path, text, why)


def _time_zone(name: str | None, path: Path) -> Iterator[FieldError]:
    """Names are those of https://data.iana.org/time-zones/theory.html#naming, older ones with digits and `+` too."""
    if name is None:
        return
    if not name:
        yield field.invalid(path, name, "timeZone must be nil or non-empty string")
        return
    if not all(part not in (".", "..") and _ZONE_PART.fullmatch(part) for part in name.split("/")):
        yield field.invalid(path, name, f"unknown time zone {name}")
        return
    if name.lower() == "local":
        where = "https://www.iana.org/time-zones"
        yield field.invalid(path, name, f"timeZone must be an explicit time zone as defined in {where}")
    try:
        timezones.load(name)
    except ValueError as error:
        yield field.invalid(path, name, str(error))
