"""The latest time at which a CronJob should have started, and the next (pure; upstream's mostRecentScheduleTime)."""

from __future__ import annotations

from dataclasses import dataclass

from podling.api.cron import Schedule

MANY = 100
"""More missed starts than these are told of: a clock may be wrong."""
DELAY = 0.1
"""Seconds after a start is due at which it is looked at, as clocks differ a little."""


@dataclass(frozen=True, slots=True)
class Recent:
    """`at` is the latest start that is due, if any; `missed` about how many there were in all."""

    at: float | None
    missed: int


def most_recent(schedule: Schedule, earliest: float, now: float) -> Recent:
    """What has become due after `earliest`. Raises ValueError for a schedule without a second time.

    `missed` is counted by the distance of the first two times: exact for even schedules, near enough for others to tell few from many, and fast however
    long ago `earliest` is. `at` is exact: where upstream finds nothing in the last two of these distances, here is looked further back.
    """
    first = schedule.next(earliest)
    if first is not None and now < first:
        return Recent(None, 0)
    second = schedule.next(first) if first is not None else None
    if first is not None and second is not None and now < second:
        return Recent(first, 0)
    between = round(second - first) if first is not None and second is not None else 0
    if first is None or between < 1:
        raise ValueError("time difference between two schedules is less than 1 second")
    missed = int(now - first) // between + 1
    return Recent(_latest(schedule, first, between, missed, now), missed)


def _latest(schedule: Schedule, first: float, between: int, missed: int, now: float) -> float:
    """Steps through the times of the last two distances up to `now`, of the last four if there are none, and so on."""
    back = 2
    while back < missed:
        begin = first + (missed - back) * between
        found = _last_between(schedule, begin, now)
        if found is not None:
            return found
        back *= 2
    return _last_between(schedule, first, now) or first


def _last_between(schedule: Schedule, begin: float, now: float) -> float | None:
    latest, at = None, schedule.next(begin)
    while at is not None and at <= now:
        latest, at = at, schedule.next(at)
    return latest


def wait(schedule: Schedule, earliest: float, now: float) -> float | None:
    """Seconds until it is worth looking again; None for a schedule that is never due."""
    try:
        recent = most_recent(schedule, earliest, now)
    except ValueError:
        recent = Recent(now, 0)
    begin = recent.at if recent.at is not None else now if recent.missed else earliest
    following = schedule.next(begin)
    return following + DELAY - now if following is not None else None
