"""Times on the wire and how long ago they were.

Kubernetes writes times as RFC 3339 in UTC: whole seconds for `Time`, six digits for `MicroTime`. Here a point in time is a float of epoch
seconds, as `aio.clock.Clock.now()` gives it; nothing in this module reads a clock.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
"""As Kubernetes itself writes times; read in C."""
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))")

_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"(?:{_TERM.pattern})+", re.ASCII)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def rfc3339(epoch: float) -> str:
    """`2024-05-01T12:00:00Z`; fractions of a second are cut off."""
    return _second(int(epoch // 1))


@lru_cache(maxsize=64)
def _second(epoch: int) -> str:
    """Many things happen in one second."""
    at = _EPOCH + timedelta(seconds=epoch)
    return f"{at.year:04d}-{at.month:02d}-{at.day:02d}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}Z"


def rfc3339_micro(epoch: float) -> str:
    """`2024-05-01T12:00:00.123456Z`."""
    micros = round(epoch * 1_000_000)
    return f"{rfc3339(micros // 1_000_000)[:-1]}.{micros % 1_000_000:06d}Z"


def rfc3339_nano(epoch_nanoseconds: int) -> str:
    """`2024-05-01T12:00:00.123456789Z`, as lines of container logs are stamped."""
    return f"{rfc3339(epoch_nanoseconds // 1_000_000_000)[:-1]}.{epoch_nanoseconds % 1_000_000_000:09d}Z"


def parse(text: str) -> float:
    """Epoch seconds of an RFC 3339 time with any offset and fraction. Raises ValueError."""
    if _USUAL.fullmatch(text):
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError as error:
            raise ValueError(f"cannot read {text!r} as a time: {error}") from error
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read {text!r} as a time: it is not in RFC 3339 form")
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = match.groups()
    fields = (int(year), int(month), int(day), int(hour), int(minute), int(second))
    try:
        datetime(*fields, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"cannot read {text!r} as a time: {error}") from error
    seconds: float = timegm(fields)
    if fraction:
        seconds += float(f"0.{fraction}")
    if sign:
        offset = int(off_hour) * 3600 + int(off_minute) * 60
        seconds -= offset if sign == "+" else -offset
    return seconds


def parse_duration(text: str) -> float:
    """Seconds of a duration as Go writes them and upstream's flags take them: `1h`, `90s`, `1h30m0s`, `250ms`, `0`.

    Raises ValueError.
    """
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits == "0":
        return 0.0
    if not _DURATION.fullmatch(digits):
        raise ValueError(f"cannot read {text!r} as a duration: it must be like 90s or 1h30m")
    return sign * sum(float(number) * _UNITS[unit] for number, unit in _TERM.findall(digits))


def human_duration(seconds: float) -> str:
    """A duration as kubectl's AGE shows it: about two or three significant figures (k8s.io/apimachinery/pkg/util/duration)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
