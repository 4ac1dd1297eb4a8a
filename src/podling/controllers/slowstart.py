"""Doing one thing many times, carefully at first: 1, then 2, 4, 8 ... at a time, and no further batch after a failure.

So a Pod that a quota or an admission hook refuses costs one request, not hundreds (upstream's slowStartBatch).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from podling.api.errors import ApiError
from podling.client.errors import ClientError


async def slow_start(count: int, act: Callable[[], Awaitable[None]]) -> Exception | None:
    """Call `act` up to `count` times; the first error of the batch that ended it early."""
    remaining, batch = count, 1
    while remaining > 0:
        batch = min(batch, remaining)
        results = await asyncio.gather(*(_outcome(act) for _ in range(batch)))
        failures = [result for result in results if result is not None]
        if failures:
            return failures[0]
        remaining -= batch
        batch *= 2
    return None


async def _outcome(act: Callable[[], Awaitable[None]]) -> Exception | None:
    try:
        await act()
    except (ApiError, ClientError) as error:
        return error
    return None
