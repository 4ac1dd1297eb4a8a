"""The virtual-time loop."""

import asyncio
import time

import pytest

from podling.testing.virtualtime import Deadlock, VirtualTimeLoop, run, virtual


@virtual
async def test_a_year_passes_at_once_and_exactly():
    started = time.monotonic()
    await asyncio.sleep(365 * 86400.5)
    assert asyncio.get_running_loop().time() == 365 * 86400.5
    assert time.monotonic() - started < 5


@virtual
async def test_timers_fire_in_the_order_of_their_times():
    order = []

    async def note(delay):
        await asyncio.sleep(delay)
        order.append((delay, asyncio.get_running_loop().time()))

    await asyncio.gather(*(note(delay) for delay in (3, 0.1, 0.2, 1e-6, 2)))
    assert order == [(d, d) for d in (1e-6, 0.1, 0.2, 2, 3)]


@virtual
async def test_time_stands_still_while_a_thread_works():
    ticks = []

    async def tick():
        while True:
            await asyncio.sleep(1)
            ticks.append(1)

    ticking = asyncio.create_task(tick(), name="tick")
    await asyncio.to_thread(time.sleep, 0.02)
    assert (asyncio.get_running_loop().time(), ticks) == (0, [])
    ticking.cancel()


@virtual
async def test_sockets_work_and_cost_no_virtual_time():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        async with asyncio.timeout(60):
            assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()
    assert asyncio.get_running_loop().time() == 0


@virtual
async def test_a_timeout_cuts_off_the_longer_sleep():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.sleep(6)
    assert asyncio.get_running_loop().time() == 5


def test_waiting_for_nothing_is_a_deadlock_not_a_hang():
    loop = VirtualTimeLoop(patience=0.01)
    task = loop.create_task(asyncio.Event().wait(), name="forever")
    with pytest.raises(Deadlock):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()


def test_two_runs_give_the_same_story():
    async def story():
        events = []

        async def actor(name, step):
            for _ in range(50):
                await asyncio.sleep(step)
                events.append((name, asyncio.get_running_loop().time()))

        await asyncio.gather(*(actor(n, 0.1 * n) for n in range(1, 8)))
        return events

    assert run(story()) == run(story())
