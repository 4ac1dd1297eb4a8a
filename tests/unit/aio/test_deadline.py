"""Time limits that are set only for who waits."""

from __future__ import annotations

import asyncio

import pytest

from podling.aio.deadline import within
from podling.testing.virtualtime import virtual


async def at_once():
    return "done"


async def after(seconds, seen=None):
    try:
        await asyncio.sleep(seconds)
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if seen is not None:
            seen.append("cancelled")
        raise
    return "done"


async def test_who_does_not_wait_gets_no_timer(monkeypatch):
    monkeypatch.setattr(asyncio, "timeout", None)
    assert await within(1, at_once()) == "done"


@virtual
async def test_who_waits_less_than_the_limit_is_let_be():
    assert await within(5, after(2)) == "done"


@virtual
async def test_who_waits_longer_is_cancelled_at_the_limit():
    seen, started = [], asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await within(3, after(2, seen))
    assert asyncio.get_running_loop().time() - started == 3
    assert seen == ["cancelled"]


@virtual
async def test_cancelling_reaches_what_is_waited_for_first():
    seen = []
    task = asyncio.create_task(waiting(seen))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def waiting(seen):
    return await within(60, after(2, seen))


@virtual
async def test_errors_before_and_after_waiting_come_through():
    async def fails(seconds):
        if seconds:
            await asyncio.sleep(seconds)
        raise ZeroDivisionError

    for seconds in (0, 1):
        with pytest.raises(ZeroDivisionError):
            await within(5, fails(seconds))
