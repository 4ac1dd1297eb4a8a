"""The SQLite store gives space back: history within its limits, what a big deletion leaves, and what a burst wrote ahead."""

import asyncio
from contextlib import closing

import pytest

from podling.store.interface import Compacted
from podling.store.ledger import HistoryLimits
from podling.store.sqlite import SqliteSettings, SqliteStore
from podling.store.sqlite.database import Database

MEGABYTE = 1_000_000


def sizes(folder):
    return [(folder / name).stat().st_size for name in ("store.db", "store.db-wal")]


async def create(store, count, size):
    """So many objects, a hundred in a commit; revisions by key."""
    made = {}
    for first in range(0, count, 100):
        keys = [f"/configmaps/{number}" for number in range(first, first + 100)]
        made.update(
            zip(keys, await asyncio.gather(*(store.create(key, b"x" * size) for key in keys)), strict=True)
        )
    return made


async def delete(store, made):
    keys = list(made)
    for first in range(0, len(keys), 100):
        few = keys[first : first + 100]
        await asyncio.gather(*(store.delete(key, expected=made[key]) for key in few))


async def test_what_a_big_deletion_leaves_is_given_back_without_further_writes(tmp_path):
    store = SqliteStore(tmp_path / "store.db", SqliteSettings(history=HistoryLimits(rows=50)))
    await store.start()
    try:
        made = await create(store, 600, 100_000)
        full, _ = sizes(tmp_path)
        assert full > 45 * MEGABYTE
        await delete(store, made)
        await store.create("/configmaps/last", b"x")
        async with asyncio.timeout(20):
            while sizes(tmp_path)[0] > 25 * MEGABYTE:
                await store.get("/configmaps/last")  # waits behind one step of the housekeeping
        assert sizes(tmp_path)[1] <= 17 * MEGABYTE
    finally:
        await store.close()


def test_space_is_given_back_in_steps_that_writers_can_wait_for(tmp_path):
    with closing(Database(tmp_path / "store.db", quota_bytes=10**9)) as database:
        rows = [(number, number, 1, f"/c/{number}", b"x" * 60_000) for number in range(2, 502)]
        database.append(rows, [])
        database.tidy()
        before = sizes(tmp_path)[0]
        database.sweep([number for number, *_ in rows[:-1]], 0)
        steps = 0
        while database.tidy():
            after = sizes(tmp_path)[0]
            assert 0 < before - after <= 258 * 8192, "256 pages, and of the map of pages what told of them"
            before, steps = after, steps + 1
        assert steps > 5
        assert sizes(tmp_path)[0] < 17 * MEGABYTE
        assert [record.key for record in database.read([501])] == ["/c/501"]


async def test_objects_that_change_all_the_time_keep_a_bounded_past_and_a_flat_file(tmp_path):
    limits = HistoryLimits(rows=5000, bytes=2 * MEGABYTE)
    settings = SqliteSettings(history=limits, tidy_bytes=MEGABYTE, tidy_hard_bytes=2 * MEGABYTE)
    store = SqliteStore(tmp_path / "store.db", settings)
    await store.start()
    try:
        made = await create(store, 100, 10_000)
        first = max(made.values())

        async def change(key, times):
            for _ in range(times):
                made[key] = await store.update(key, b"y" * 10_000, expected=made[key])

        seen = []
        for _ in range(5):
            await asyncio.gather(*(change(key, 10) for key in made))
            kept = store.statistics()
            assert kept["history_bytes"] <= 2 * MEGABYTE
            assert kept["garbage"] <= 4096 + 200
            seen.append(sizes(tmp_path))
        # the living, the past and what may wait to be swept; then what may lie unused
        assert seen[-1][0] <= 60 * MEGABYTE
        assert seen[-1][0] <= seen[2][0] + MEGABYTE
        assert all(log <= 17 * MEGABYTE for _, log in seen)
        with pytest.raises(Compacted):
            async with store.watch("/", since=first):
                pass
        async with store.watch("/", since=await store.current_revision() - 100) as watch:
            assert len(await anext(watch)) == 100
    finally:
        await store.close()
