"""Clocks."""

import asyncio

from podling.aio.clock import LoopClock, SystemClock
from podling.testing.virtualtime import virtual


@virtual
async def test_a_loop_clock_follows_virtual_time_from_its_epoch():
    clock = LoopClock(1_700_000_000)
    await asyncio.sleep(3600)
    assert clock.now() == 1_700_003_600


def test_the_system_clock_tells_seconds_since_the_epoch():
    assert SystemClock().now() > 1_700_000_000
