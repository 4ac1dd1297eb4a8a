"""When a cron schedule is due (pure): the format of CronJobs, as robfig/cron's standard parser reads it.

Five fields (minute, hour, day of month, month, day of week), each a list of `*`, `?`, numbers, names (jan, mon), ranges `a-b` and steps `/n`; or
`@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly` and their likes; or `@every 1h30m`. A leading `TZ=` or `CRON_TZ=` names a zone. A day suits if
both its fields do; if neither of them has a star, one is enough.

A schedule is due at every instant whose wall clock in its zone fits: a time that a clock put forward leaves out is left out, one that a clock put
back shows twice is due twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from . import durations, timezones
from .gotext import quote

FIELDS = 5
YEARS = 5
"""How far ahead a time is looked for before a schedule counts as one that is never due."""
MINUTE, HOUR, DAY = 60, 3600, 86400
SECOND_IN_NANOSECONDS = 1_000_000_000


class Schedule(Protocol):
    def next(self, after: float) -> float | None:
        """The first time later than `after` (epoch seconds); None if there is none within five years."""


@dataclass(frozen=True, slots=True)
class Every:
    """At a fixed distance, counted from wherever one begins."""

    seconds: int

    def next(self, after: float) -> float:
        return after // 1 + self.seconds


@dataclass(frozen=True, slots=True)
class _Field:
    """What a field may hold, and whether it was left open with a star."""

    allowed: frozenset[int]
    star: bool

    def __contains__(self, value: int) -> bool:
        return value in self.allowed


@dataclass(frozen=True, slots=True)
class WallClock:
    """At the times of the day and the days of the calendar of one zone."""

    minute: _Field
    hour: _Field
    day: _Field
    month: _Field
    weekday: _Field
    zone: tzinfo

    def next(self, after: float) -> float | None:
        wall = datetime.fromtimestamp(after // 1, self.zone)
        last_year = wall.year + YEARS
        at = after // 1 + MINUTE - wall.second
        while (wall := datetime.fromtimestamp(at, self.zone)).year <= last_year:
            if not self.suits(wall):
                at = self._skip(at, wall, DAY - wall.hour * HOUR - wall.minute * MINUTE)
            elif wall.hour not in self.hour:
                at = self._skip(at, wall, HOUR - wall.minute * MINUTE)
            elif wall.minute not in self.minute:
                at += MINUTE
            else:
                return at
        return None

    def suits(self, wall: datetime) -> bool:
        """Whether the day does."""
        if wall.month not in self.month:
            return False
        by_date, by_weekday = wall.day in self.day, wall.isoweekday() % 7 in self.weekday
        if self.day.star or self.weekday.star:
            return by_date and by_weekday
        return by_date or by_weekday

    def _skip(self, at: float, wall: datetime, seconds: int) -> float:
        """So far at once, unless the clock is put forward or back on the way: then a minute."""
        there = datetime.fromtimestamp(at + seconds, self.zone)
        return at + (seconds if there.utcoffset() == wall.utcoffset() else MINUTE)


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: int
    high: int
    names: Mapping[str, int]


def _names(text: str, first: int) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(text.split(), first)}


_BOUNDS = (
    _Bounds(0, 59, {}),
    _Bounds(0, 23, {}),
    _Bounds(1, 31, {}),
    _Bounds(1, 12, _names("jan feb mar apr may jun jul aug sep oct nov dec", 1)),
    _Bounds(0, 6, _names("sun mon tue wed thu fri sat", 0)),
)
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_ZONES = ("TZ=", "CRON_TZ=")
_INT = 2**63


def parse(text: str, zone: tzinfo = UTC) -> Schedule:
    """The schedule; `zone` is for one that names none itself. Raises ValueError in the words of robfig/cron."""
    if not text:
        raise ValueError("empty spec string")
    if text.startswith(_ZONES):
        head, _, rest = text.partition(" ")
        zone, text = _zone(head.partition("=")[2]), rest.strip()
    if text.startswith("@"):
        return _descriptor(text, zone)
    parts = text.split()
    if len(parts) != FIELDS:
        found = f"[{' '.join(parts)}]"
        raise ValueError(f"expected exactly {FIELDS} fields, found {len(parts)}: {found}")
    minute, hour, day, month, weekday = map(_field, parts, _BOUNDS)
    return WallClock(minute, hour, day, month, weekday, zone)


def _zone(name: str) -> tzinfo:
    try:
        return timezones.load(name)
    except ValueError as error:
        raise ValueError(f"provided bad location {name}: {error}") from error


def _descriptor(text: str, zone: tzinfo) -> Schedule:
    if text in _NAMED:
        return parse(_NAMED[text], zone)
    if not text.startswith(_EVERY):
        raise ValueError(f"unrecognized descriptor: {text}")
    try:
        length = durations.parse(text.removeprefix(_EVERY))
    except ValueError as error:
        raise ValueError(f"failed to parse duration {text}: {error}") from error
    return Every(max(1, length // SECOND_IN_NANOSECONDS))


def _field(text: str, bounds: _Bounds) -> _Field:
    ranges = [_range(part, bounds) for part in text.split(",") if part]
    return _Field(frozenset().union(*(each.allowed for each in ranges)), any(each.star for each in ranges))


def _range(text: str, bounds: _Bounds) -> _Field:
    ends, *steps = text.split("/")
    low, *more = ends.split("-")
    star = low in ("*", "?")
    if star:
        start, end = bounds.low, bounds.high
    else:
        start = end = _number(low, bounds.names)
        if len(more) > 1:
            raise ValueError(f"too many hyphens: {text}")
        if more:
            end = _number(more[0], bounds.names)
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    step = _number(steps[0], {}) if steps else 1
    if steps and not more:
        end = bounds.high
    _check(text, start, end, step, bounds)
    return _Field(frozenset(range(start, end + 1, step)), star and step == 1)


def _check(text: str, start: int, end: int, step: int, bounds: _Bounds) -> None:
    if start < bounds.low:
        raise ValueError(f"beginning of range ({start}) below minimum ({bounds.low}): {text}")
    if end > bounds.high:
        raise ValueError(f"end of range ({end}) above maximum ({bounds.high}): {text}")
    if start > end:
        raise ValueError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")


def _number(text: str, names: Mapping[str, int]) -> int:
    if (named := names.get(text.lower())) is not None:
        return named
    why = f"failed to parse int from {text}: strconv.Atoi: parsing {quote(text)}"
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{why}: invalid syntax")
    number = int(text)
    if not -_INT <= number < _INT:
        raise ValueError(f"{why}: value out of range")
    if number < 0:
        raise ValueError(f"negative number ({number}) not allowed: {text}")
    return number
