"""Whether a CronJob is to start a Job now, or when to look again (pure; upstream's syncCronJob)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from podling.api import cron as schedules
from podling.api import times, timezones
from podling.api.cron import Schedule
from podling.api.gotext import quote
from podling.api.types import batch_v1

from . import starts
from .active import Told
from .draft import job_name


@dataclass(frozen=True, slots=True)
class Plan:
    """`start`: the time of the schedule that a Job is to be made for. `again`: seconds until the next look; None: not before a change."""

    start: float | None = None
    again: float | None = None
    told: list[Told] = field(default_factory=list)


def decide(cron: batch_v1.CronJob, status: batch_v1.CronJobStatus, *, since: float = 0.0, now: float) -> Plan:
    """`status` is up to date. Times of the schedule before `since` are not meant: the schedule was another then."""
    if cron.metadata.deletion_timestamp is not None:
        return Plan()
    told: list[Told] = []
    schedule = _schedule(cron, told)
    if schedule is None:
        return Plan(told=told)
    begin = max(_begin(cron, status), since)
    again = starts.wait(schedule, begin, now)
    try:
        recent = starts.most_recent(schedule, max(begin, _deadline(cron, now)), now)
    except ValueError as error:
        message = f"invalid schedule: {cron.spec.schedule} : {error}"
        return Plan(told=[*told, ("Warning", "InvalidSchedule", message)])
    if recent.at is None:
        return Plan(again=again, told=told)
    if recent.missed > starts.MANY:
        why = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        told.append(("Warning", "TooManyMissedTimes", why))
    hindrance = _hindrance(cron, status, recent.at, now)
    if hindrance is None:
        return Plan(start=recent.at, again=starts.wait(schedule, recent.at, now), told=told)
    return Plan(again=again, told=[*told, *hindrance])


def _schedule(cron: batch_v1.CronJob, told: list[Told]) -> Schedule | None:
    """None if there is none to follow: suspended, or (an Event says so) not understood, as validation may have been laxer once."""
    text, zone = cron.spec.schedule, cron.spec.time_zone
    try:
        where = timezones.load(zone or "")
    except ValueError as error:
        told.append(("Warning", "UnknownTimeZone", f"invalid timeZone: {quote(zone or '')}: {error}"))
        return None
    if cron.spec.suspend:
        return None
    if "TZ" in text:
        why = "is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"
        message = f"CRON_TZ or TZ used in schedule {quote(text)} {why} for more details"
        told.append(("Warning", "UnsupportedSchedule", message))
    try:
        return schedules.parse(text, where)
    except ValueError as error:
        message = f"unparseable schedule: {quote(text)} : {error}"
        told.append(("Warning", "UnparseableSchedule", message))
        return None


def _begin(cron: batch_v1.CronJob, status: batch_v1.CronJobStatus) -> float:
    """What became due before this is over and done with."""
    at = status.last_schedule_time or cron.metadata.creation_timestamp
    return times.parse(at) if at else 0.0


def _deadline(cron: batch_v1.CronJob, now: float) -> float:
    limit = cron.spec.starting_deadline_seconds
    return now - limit if limit is not None else 0.0


def _hindrance(
    cron: batch_v1.CronJob, status: batch_v1.CronJobStatus, at: float, now: float
) -> list[Told] | None:
    """What there is to tell about not starting; None if nothing is in the way."""
    if at < _deadline(cron, now):
        when = format_datetime(datetime.fromtimestamp(at, UTC))
        return [("Warning", "MissSchedule", f"Missed scheduled time to start a job: {when}")]
    running = status.active or ()
    last = status.last_schedule_time
    if job_name(cron, at) in {each.name for each in running} or (last and times.parse(last) == at):
        return []
    if cron.spec.concurrency_policy == "Forbid" and running:
        why = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return [("Normal", "JobAlreadyActive", why)]
    return None
