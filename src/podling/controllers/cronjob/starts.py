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

    Counted by the distance of the first two times: exact for even schedules, near enough for others to tell few from many, and fast however long
    ago `earliest` is.
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
    latest = None
    at = schedule.next(first + (missed - 2) * between)
    while at is not None and at <= now:
        latest, at = at, schedule.next(at)
    return Recent(latest, missed)


def wait(schedule: Schedule, earliest: float, now: float) -> float | None:
    """Seconds until it is worth looking again; None for a schedule that is never due."""
    try:
        recent = most_recent(schedule, earliest, now)
    except ValueError:
        recent = Recent(now, 0)
    begin = recent.at if recent.at is not None else now if recent.missed else earliest
    following = schedule.next(begin)
    return following + DELAY - now if following is not None else None
