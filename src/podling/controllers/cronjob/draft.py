"""The Job for one time of the schedule (pure).

Its name is that time in minutes, so however often it is made, by however many, there is one.
"""

from __future__ import annotations

from datetime import datetime

from podling.api import codec, times, timezones
from podling.api.types import batch_v1, meta_v1
from podling.controllers.ownership import controller_reference

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def job_name(cron: batch_v1.CronJob, at: float) -> str:
    return f"{cron.metadata.name}-{int(at // 60)}"


def job_for(cron: batch_v1.CronJob, at: float) -> batch_v1.Job:
    """`at` in epoch seconds. Raises ValueError for an unknown time zone."""
    template = codec.struct_clone(cron.spec.job_template)
    metadata = meta_v1.ObjectMeta(
        name=job_name(cron, at),
        namespace=cron.metadata.namespace,
        labels=template.metadata.labels,
        annotations={**(template.metadata.annotations or {}), SCHEDULED: _stamp(cron, at)},
        owner_references=[controller_reference(cron)],
    )
    return batch_v1.Job(metadata=metadata, spec=template.spec)


def scheduled_for(cron: batch_v1.CronJob, job: batch_v1.Job) -> float | None:
    """The time that this controller made the Job for; None if it did not."""
    try:
        at = times.parse((job.metadata.annotations or {}).get(SCHEDULED, ""))
    except ValueError:
        return None
    return at if job.metadata.name == job_name(cron, at) else None


def _stamp(cron: batch_v1.CronJob, at: float) -> str:
    """RFC 3339 in the CronJob's own zone, as Go writes it."""
    wall = datetime.fromtimestamp(at, timezones.load(cron.spec.time_zone or ""))
    return wall.isoformat().replace("+00:00", "Z")
