"""Which Jobs that have ended are to go (pure): the oldest beyond the limits."""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import times
from podling.api.types import batch_v1

from .active import end_of


def surplus(cron: batch_v1.CronJob, jobs: Iterable[batch_v1.Job]) -> list[batch_v1.Job]:
    """Jobs that ended alike are counted together; one without a limit keeps all."""
    limits = {
        "Complete": cron.spec.successful_jobs_history_limit,
        "Failed": cron.spec.failed_jobs_history_limit,
    }
    known = list(jobs)
    found: list[batch_v1.Job] = []
    for end, limit in limits.items():
        ended = sorted((job for job in known if end_of(job) == end), key=_age)
        if limit is not None:
            found.extend(ended[: max(0, len(ended) - limit)])
    return [job for job in found if job.metadata.deletion_timestamp is None]


def _age(job: batch_v1.Job) -> tuple[float, str]:
    start = job.status.start_time if job.status else None
    return (times.parse(start) if start else float("inf"), job.metadata.name or "")
