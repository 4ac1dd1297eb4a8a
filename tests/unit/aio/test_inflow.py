"""What comes in faster than it is fetched."""

from __future__ import annotations

import asyncio

from podling.aio.inflow import Inflow


class Source:
    def __init__(self):
        self.said = []

    def pause_reading(self):
        self.said.append("pause")

    def resume_reading(self):
        self.said.append("resume")


def fed(inflow, size):
    inflow.came(size)
    inflow.fed()


def test_a_source_is_paused_once_and_resumed_when_half_is_left():
    source = Source()
    inflow = Inflow(source, most=100)
    fed(inflow, 100)
    assert source.said == []
    fed(inflow, 1)
    fed(inflow, 50)
    assert source.said == ["pause"]
    inflow.fetched(100)
    assert source.said == ["pause"]
    inflow.fetched(1)
    assert source.said == ["pause", "resume"]
    fed(inflow, 51)
    assert source.said == ["pause", "resume", "pause"]
    assert inflow.waiting == 101


async def test_who_waits_is_woken_by_what_comes_and_by_the_end():
    inflow = Inflow(Source(), most=100)
    for tell in (lambda: fed(inflow, 1), inflow.end):
        waiting = asyncio.ensure_future(inflow.wait_change())
        await asyncio.sleep(0)
        assert not waiting.done()
        tell()
        await asyncio.wait_for(waiting, 1)
    assert inflow.has_ended


async def test_what_came_before_is_no_change():
    inflow = Inflow(Source(), most=100)
    fed(inflow, 1)
    waiting = asyncio.ensure_future(inflow.wait_change())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
