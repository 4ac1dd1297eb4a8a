"""Wall-clock time as an argument.

Why: timestamps in objects (creation, lease renewal, certificate validity) must be reproducible from a seed
and must jump with virtual time. Product code therefore takes a `Clock` and never asks the operating system.
What is decided here: one method, seconds since the epoch. Durations and delays do NOT come from here: they
use `asyncio.get_running_loop().time()` and `asyncio.sleep`, which the loop itself may virtualise.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Tells wall time. Not monotonic: an administrator may set it back."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def __repr__(self) -> str:
        return "SystemClock()"


class LoopClock:
    """Wall time that is a fixed epoch plus the running loop's time: jumps with a virtual-time loop.

    Asking outside of a running loop raises RuntimeError, as such a time has no meaning.
    """

    def __init__(self, epoch: float = 0.0) -> None:
        self._epoch = epoch

    def now(self) -> float:
        return self._epoch + asyncio.get_running_loop().time()

    def __repr__(self) -> str:
        return f"LoopClock(epoch={self._epoch!r})"
