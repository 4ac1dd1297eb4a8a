"""Time zones by their IANA names.

The zone database is taken as constant data, as the tables of `kinds` are: the system's where there is one, else that of the PyPI package
`tzdata`. Zones are read once and kept.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=256)
def load(name: str) -> tzinfo:
    """The zone; "" is UTC. Raises ValueError if there is none of that name, in the words of Go's time.LoadLocation."""
    if name in ("", "UTC"):
        return UTC
    if ".." in name or name[0] in "/\\":
        raise ValueError("time: invalid location name")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name}") from error
