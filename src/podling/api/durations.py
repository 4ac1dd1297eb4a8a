"""Durations as Go writes them: `1h30m`, `2.5s`, `-300ms` (Go's time.ParseDuration). Pure."""

from __future__ import annotations

import re

from .gotext import quote

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # the sign on keyboards, U+00B5
    "μs": 1_000,  # the Greek letter, U+03BC
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<unit>[^0-9.]*)")
_MOST = 2**63 - 1


def parse(text: str) -> int:
    """Nanoseconds. Raises ValueError in Go's words."""
    rest = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f"time: invalid duration {quote(text)}")
    total = 0
    while rest:
        match = _TERM.match(rest)
        assert match is not None  # all of its parts may be empty
        total += _term(match, text)
        rest = rest[match.end() :]
    if total > _MOST:
        raise ValueError(f"time: invalid duration {quote(text)}")
    return -total if text.startswith("-") else total


def _term(match: re.Match[str], text: str) -> int:
    whole, fraction, unit = match["whole"], match["fraction"] or "", match["unit"]
    if not whole and not fraction:
        raise ValueError(f"time: invalid duration {quote(text)}")
    if not unit:
        raise ValueError(f"time: missing unit in duration {quote(text)}")
    if unit not in NANOSECONDS:
        raise ValueError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
    scale = NANOSECONDS[unit]
    parts: int = 10 ** len(fraction)
    return int(whole or 0) * scale + int(fraction or 0) * scale // parts


def text(nanoseconds: int) -> str:
    """As Go's Duration prints itself: `1h0m0.5s`, `15.02s`, `500ms`, `0s`; no unit above hours, no trailing zeros."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    second = NANOSECONDS["s"]
    if 0 < rest < second:
        unit = next(name for name in ("ms", "µs", "ns") if rest >= NANOSECONDS[name])
        return f"{sign}{_decimal(rest, NANOSECONDS[unit])}{unit}"
    minutes, left = divmod(rest, 60 * second)
    hours, minutes = divmod(minutes, 60)
    whole = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{whole}{_decimal(left, second)}s"


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    digits = f"{fraction:0{len(str(unit)) - 1}d}".rstrip("0") if unit > 1 else ""
    return f"{whole}.{digits}" if digits else str(whole)
