"""Broadcast: order, independence of readers, overflow."""

import asyncio

import pytest

from podling.aio.broadcast import Broadcast, Overflow


async def test_every_subscriber_gets_every_item_in_order():
    broadcast: Broadcast[int] = Broadcast("b")
    with broadcast.subscribe() as one, broadcast.subscribe() as two:
        for item in range(3):
            broadcast.publish(item)
        broadcast.close()
        assert [item async for item in one] == [item async for item in two] == [0, 1, 2]


async def test_a_slow_subscriber_is_told_and_the_others_are_unharmed():
    broadcast: Broadcast[int] = Broadcast("b")
    slow, fast = broadcast.subscribe(limit=2), broadcast.subscribe(limit=10)
    for item in range(3):
        broadcast.publish(item)
    with pytest.raises(Overflow, match="more than 2 items behind"):
        await slow.get()
    assert fast.take_nowait() == [0, 1, 2]
    assert (broadcast.statistics().subscribers, broadcast.statistics().overflowed) == (1, 1)


async def test_a_waiting_reader_wakes_on_publish_and_on_close():
    broadcast: Broadcast[int] = Broadcast("b")
    subscription = broadcast.subscribe()
    reader = asyncio.create_task(anext(subscription), name="reader")
    await asyncio.sleep(0)
    broadcast.publish(7)
    assert await reader == 7
    reader = asyncio.create_task(subscription.get(), name="reader")
    await asyncio.sleep(0)
    subscription.close()
    with pytest.raises(EOFError):
        await reader
    assert broadcast.statistics().subscribers == 0


async def test_publishing_after_close_is_loud():
    broadcast: Broadcast[int] = Broadcast("b")
    broadcast.close()
    with pytest.raises(RuntimeError, match="closed"):
        broadcast.publish(1)
    assert [item async for item in broadcast.subscribe()] == []
