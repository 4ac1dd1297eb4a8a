"""WorkQueue: client-go's semantics."""

import asyncio

import pytest

from podling.aio.backoff import Backoff
from podling.aio.workqueue import Shutdown, WorkQueue
from podling.testing.virtualtime import virtual


async def test_a_key_added_twice_is_handed_out_once():
    queue: WorkQueue[str] = WorkQueue("q")
    for key in ("a", "b", "a"):
        queue.add(key)
    assert [await queue.get(), await queue.get(), len(queue)] == ["a", "b", 0]


async def test_a_key_added_while_processed_comes_back_only_after_done():
    queue: WorkQueue[str] = WorkQueue("q")
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_done_without_get_is_loud():
    with pytest.raises(KeyError, match="not being processed"):
        WorkQueue("q").done("a")


@virtual
async def test_add_after_keeps_the_earliest_wish():
    queue: WorkQueue[str] = WorkQueue("q")
    now = asyncio.get_running_loop().time
    queue.add_after("a", 50)
    queue.add_after("a", 20)
    queue.add_after("a", 90)
    assert (await queue.get(), now()) == ("a", 20)
    assert queue.statistics().delayed == 0


@virtual
async def test_an_immediate_add_replaces_a_delayed_one():
    queue: WorkQueue[str] = WorkQueue("q")
    queue.add_after("a", 50)
    queue.add("a")
    assert await queue.get() == "a"
    assert queue.statistics().delayed == 0


@virtual
async def test_rate_limited_adds_wait_longer_until_forgotten():
    queue: WorkQueue[str] = WorkQueue("q", backoff=Backoff(first=1, cap=4))
    times = []
    for _ in range(4):
        start = asyncio.get_running_loop().time()
        queue.add_rate_limited("a")
        queue.done(await queue.get())
        times.append(asyncio.get_running_loop().time() - start)
    assert (times, queue.retries("a")) == ([1, 2, 4, 4], 4)
    queue.forget("a")
    assert queue.retries("a") == 0


async def test_after_shutdown_queued_keys_are_still_handed_out_and_then_the_worker_ends():
    queue: WorkQueue[str] = WorkQueue("q")
    queue.add("a")
    queue.add_after("b", 60)
    queue.shutdown()
    queue.add("c")
    assert await queue.get() == "a"
    with pytest.raises(Shutdown):
        await queue.get()


async def test_shutdown_wakes_waiting_workers():
    queue: WorkQueue[str] = WorkQueue("q")
    workers = [asyncio.create_task(queue.get(), name=f"worker-{n}") for n in range(3)]
    await asyncio.sleep(0)
    queue.shutdown()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert [type(result) for result in results] == [Shutdown] * 3


async def test_a_cancelled_worker_loses_no_key():
    queue: WorkQueue[str] = WorkQueue("q")
    first = asyncio.create_task(queue.get(), name="first")
    second = asyncio.create_task(queue.get(), name="second")
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await second == "a"
    assert (await asyncio.gather(first, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_wait_drained_waits_for_what_is_processed():
    queue: WorkQueue[str] = WorkQueue("q")
    queue.add("a")
    key = await queue.get()
    drained = asyncio.create_task(queue.wait_drained(), name="drained")
    await asyncio.sleep(0)
    assert not drained.done()
    queue.done(key)
    await drained
