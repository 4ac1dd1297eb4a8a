"""The conformance suite of the store interface: every promise of `store.interface` as a test.

An implementation is put under it by one class::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def new_store(self, tmp_path):
            return lambda: MyStore(tmp_path / "store")

`new_store()` gives a store that has not been started. Called again after the first was closed it gives one on the
same medium where `durable` is true. What only one implementation can do (crash, full disk) is tested with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from podling.store.interface import (
    Change,
    Closed,
    Compacted,
    FutureRevision,
    KeyExists,
    Mismatch,
    Record,
    Store,
    Watch,
)

NewStore = Callable[[], Store]
_LIMIT = 10.0  # seconds after which a wait in these tests has failed


async def take(watch: Watch, count: int) -> list[Change]:
    """The next `count` changes of a watch; more than that is an error."""
    found: list[Change] = []
    async with asyncio.timeout(_LIMIT):
        while len(found) < count:
            found += await anext(aiter(watch))
    assert len(found) == count
    return found


class StoreSuite:
    """Derive, name the class `Test...` and add the fixture `new_store`."""

    durable = True
    keeps_unlogged_history = False
    """Whether the past of `history=False` keys is kept all the same."""

    @pytest.fixture
    def new_store(self) -> NewStore:
        raise NotImplementedError("the suite needs a fixture `new_store`")

    @pytest.fixture
    async def store(self, new_store: NewStore) -> AsyncIterator[Store]:
        store = new_store()
        await store.start()
        yield store
        await store.close()

    # Writes

    async def test_the_first_write_gets_a_revision_above_one(self, store: Store) -> None:
        assert await store.create("/a", b"1") > 1

    async def test_revisions_rise_over_all_keys_and_kinds_of_write(self, store: Store) -> None:
        one = await store.create("/a", b"1")
        two = await store.create("/b", b"1", history=False)
        three = await store.update("/a", b"2", expected=one)
        four = await store.delete("/b", expected=two, history=False)
        five = await store.create("/b", b"3", history=False)
        assert one < two < three < four < five == await store.current_revision()

    async def test_a_record_carries_the_revisions_of_its_creation_and_last_write(self, store: Store) -> None:
        created = await store.create("/a", b"1")
        assert await store.get("/a") == Record("/a", b"1", created, created)
        updated = await store.update("/a", b"2", expected=created)
        assert await store.get("/a") == Record("/a", b"2", updated, created)

    async def test_a_key_created_again_counts_as_new(self, store: Store) -> None:
        await store.delete("/a", expected=await store.create("/a", b"1"))
        assert await store.get("/a") is None
        again = await store.create("/a", b"2")
        assert await store.get("/a") == Record("/a", b"2", again, again)

    async def test_creating_what_exists_is_refused_and_changes_nothing(self, store: Store) -> None:
        revision = await store.create("/a", b"1")
        with pytest.raises(KeyExists) as caught:
            await store.create("/a", b"2")
        assert (caught.value.key, caught.value.revision) == ("/a", revision)
        assert await store.get("/a") == Record("/a", b"1", revision, revision)

    async def test_writing_at_an_old_revision_is_refused(self, store: Store) -> None:
        old = await store.create("/a", b"1")
        new = await store.update("/a", b"2", expected=old)
        with pytest.raises(Mismatch) as caught:
            await store.update("/a", b"3", expected=old)
        assert caught.value.revision == new
        with pytest.raises(Mismatch):
            await store.delete("/a", expected=old)
        assert await store.get("/a") == Record("/a", b"2", new, old)

    async def test_writing_what_is_absent_is_refused(self, store: Store) -> None:
        gone = await store.create("/a", b"1")
        await store.delete("/a", expected=gone)
        for expected in (gone, 7_000_000):
            with pytest.raises(Mismatch) as caught:
                await store.update("/a", b"2", expected=expected)
            assert caught.value.revision == 0
            with pytest.raises(Mismatch):
                await store.delete("/a", expected=expected)

    async def test_of_many_concurrent_creates_one_wins(self, store: Store) -> None:
        outcomes = await asyncio.gather(
            *(store.create("/a", b"%d" % n) for n in range(20)), return_exceptions=True
        )
        won = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(won) == 1
        assert sum(isinstance(outcome, KeyExists) for outcome in outcomes) == 19
        record = await store.get("/a")
        assert record is not None
        assert record.revision == won[0]

    async def test_of_many_concurrent_updates_of_one_revision_one_wins(self, store: Store) -> None:
        first = await store.create("/a", b"0")
        outcomes = await asyncio.gather(
            *(store.update("/a", b"%d" % n, expected=first) for n in range(20)), return_exceptions=True
        )
        won = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(won) == 1
        assert {type(outcome) for outcome in outcomes} == {int, Mismatch}

    async def test_concurrent_writes_all_happen(self, store: Store) -> None:
        revisions = await asyncio.gather(*(store.create(f"/many/{n:03}", b"%d" % n) for n in range(300)))
        assert len(set(revisions)) == 300
        page = await store.range("/many/")
        assert [record.value for record in page.records] == [b"%d" % n for n in range(300)]

    async def test_empty_and_large_values_and_unusual_keys_survive(self, store: Store) -> None:
        values = {"/e": b"", "/l": bytes(range(256)) * 6000, "/ü/é%_'\"": b"\x00\xff"}
        for key, value in values.items():
            await store.create(key, value)
        for key, value in values.items():
            record = await store.get(key)
            assert record is not None
            assert record.value == value

    # Ranges

    async def test_a_range_is_ordered_by_the_bytes_of_the_keys(self, store: Store) -> None:
        keys = ["/p/a/x", "/p/a-b/x", "/p/a.b/x", "/p/ab/x", "/p/é/x", "/p/a/y", "/q/a"]
        for key in keys:
            await store.create(key, b"1")
        page = await store.range("/p/")
        assert [record.key for record in page.records] == sorted(keys[:-1], key=str.encode)
        assert (page.more, page.remaining) == (False, 0)

    async def test_a_prefix_is_taken_literally(self, store: Store) -> None:
        for key in ("/a%/x", "/ab/x", "/a_/x", "/A%/x"):
            await store.create(key, b"1")
        assert [record.key for record in (await store.range("/a%")).records] == ["/a%/x"]
        assert [record.key for record in (await store.range("/a_/")).records] == ["/a_/x"]
        assert (await store.range("/nothing/")).records == ()

    async def test_pages_of_one_revision_show_one_state(self, store: Store) -> None:
        revisions = {key: await store.create(key, b"old") for key in ("/p/a", "/p/b", "/p/c", "/p/d")}
        first = await store.range("/p/", limit=2)
        assert ([r.key for r in first.records], first.more, first.remaining) == (["/p/a", "/p/b"], True, 2)
        await store.update("/p/c", b"new", expected=revisions["/p/c"])
        await store.delete("/p/d", expected=revisions["/p/d"])
        await store.create("/p/bb", b"new")
        second = await store.range("/p/", start="/p/b\0", limit=2, revision=first.revision)
        assert [(r.key, r.value) for r in second.records] == [("/p/c", b"old"), ("/p/d", b"old")]
        assert (second.more, second.remaining, second.revision) == (False, 0, first.revision)
        now = await store.range("/p/", start="/p/b\0")
        assert [(r.key, r.value) for r in now.records] == [("/p/bb", b"new"), ("/p/c", b"new")]

    async def test_every_past_state_can_be_read(self, store: Store) -> None:
        states: dict[int, dict[str, bytes]] = {}
        state: dict[str, tuple[bytes, int]] = {}
        for step in range(40):
            key = f"/p/{step * 7 % 5}"
            value = b"%d" % step
            if key not in state:
                revision = await store.create(key, value)
                state[key] = value, revision
            elif step % 3:
                revision = await store.update(key, value, expected=state[key][1])
                state[key] = value, revision
            else:
                revision = await store.delete(key, expected=state.pop(key)[1])
            states[revision] = {name: content for name, (content, _) in state.items()}
        for revision, expected in states.items():
            page = await store.range("/p/", revision=revision)
            assert {record.key: record.value for record in page.records} == expected

    async def test_the_future_cannot_be_read(self, store: Store) -> None:
        revision = await store.create("/a", b"1")
        with pytest.raises(FutureRevision):
            await store.range("/", revision=revision + 1)

    # Watches

    async def test_a_watch_tells_every_change_once_and_in_order(self, store: Store) -> None:
        before = await store.create("/p/a", b"1")
        async with store.watch("/p/", since=before) as watch:
            created = await store.create("/p/b", b"2")
            await store.create("/q/b", b"not here")
            updated = await store.update("/p/a", b"3", expected=before)
            deleted = await store.delete("/p/b", expected=created)
            assert await take(watch, 3) == [
                Change("/p/b", b"2", created, created),
                Change("/p/a", b"3", updated, before),
                Change("/p/b", None, deleted, created),
            ]
            assert watch.revision >= deleted

    async def test_a_watch_begins_with_the_past(self, store: Store) -> None:
        revisions = [await store.create(f"/p/{n}", b"%d" % n) for n in range(5)]
        async with store.watch("/p/", since=revisions[1]) as watch:
            last = await store.create("/p/last", b"x")
            changes = await take(watch, 4)
        assert [change.revision for change in changes] == [*revisions[2:], last]
        assert all(change.created and not change.deleted for change in changes)

    async def test_a_long_past_is_told_completely(self, store: Store) -> None:
        start = await store.current_revision()
        await asyncio.gather(*(store.create(f"/p/{n:04}", b"x") for n in range(2500)))
        async with store.watch("/p/", since=start) as watch:
            changes = await take(watch, 2500)
        assert [change.revision for change in changes] == sorted(change.revision for change in changes)
        assert len({change.key for change in changes}) == 2500

    async def test_watches_do_not_disturb_each_other(self, store: Store) -> None:
        start = await store.current_revision()
        async with store.watch("/", since=start) as one, store.watch("/p/", since=start) as two:
            await store.create("/p/a", b"1")
            assert [change.key for change in await take(one, 1)] == ["/p/a"]
            async with store.watch("/p/", since=start) as three:
                assert [change.key for change in await take(three, 1)] == ["/p/a"]
            await store.create("/p/b", b"1")
            assert [change.key for change in await take(two, 2)] == ["/p/a", "/p/b"]
            assert [change.key for change in await take(one, 1)] == ["/p/b"]

    async def test_a_written_change_is_told_before_or_right_after_its_writer(self, store: Store) -> None:
        async with store.watch("/", since=await store.current_revision()) as watch:
            for n in range(50):
                revision = await store.create(f"/p/{n}", b"1")
                assert [change.revision for change in await take(watch, 1)] == [revision]

    async def test_a_watch_cannot_begin_in_the_future(self, store: Store) -> None:
        with pytest.raises(FutureRevision):
            async with store.watch("/", since=await store.current_revision() + 5):
                pass

    async def test_cancelling_a_waiting_watch_loses_nothing(self, store: Store) -> None:
        async with store.watch("/", since=await store.current_revision()) as watch:
            waiting = asyncio.create_task(take(watch, 1), name="waiting")
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await store.create("/a", b"1")
            assert [change.key for change in await take(watch, 1)] == ["/a"]

    # Compaction

    async def test_compaction_keeps_current_records_and_drops_the_past(self, store: Store) -> None:
        first = await store.create("/p/a", b"1")
        kept = await store.create("/p/kept", b"k")
        second = await store.update("/p/a", b"2", expected=first)
        await store.compact(second)
        assert [record.value for record in (await store.range("/p/")).records] == [b"2", b"k"]
        assert (await store.range("/p/", revision=second)).revision == second
        for old in (first, kept):
            with pytest.raises(Compacted) as caught:
                await store.range("/p/", revision=old)
            assert caught.value.compacted == second
            with pytest.raises(Compacted):
                async with store.watch("/p/", since=old) as watch:
                    await anext(aiter(watch))
        async with store.watch("/p/", since=second) as watch:
            third = await store.update("/p/a", b"3", expected=second)
            assert [change.revision for change in await take(watch, 1)] == [third]

    async def test_compacting_twice_or_backwards_does_nothing_and_the_future_is_refused(
        self, store: Store
    ) -> None:
        revision = await store.create("/a", b"1")
        await store.compact(revision)
        await store.compact(revision)
        await store.compact(revision - 1)
        with pytest.raises(FutureRevision):
            await store.compact(revision + 1)
        assert (await store.range("/", revision=revision)).records[0].value == b"1"

    # Keys without history

    async def test_keys_without_history_are_told_to_watches(self, store: Store) -> None:
        async with store.watch("/", since=await store.current_revision()) as watch:
            revision = await store.create("/leases/a", b"0", history=False)
            for n in range(10):
                revision = await store.update("/leases/a", b"%d" % n, expected=revision, history=False)
            await store.delete("/leases/a", expected=revision, history=False)
            changes = await take(watch, 12)
        assert [change.deleted for change in changes] == [False] * 11 + [True]

    async def test_the_past_of_keys_without_history_cannot_be_told(self, store: Store) -> None:
        if self.keeps_unlogged_history:
            return
        start = await store.create("/pods/a", b"1")
        revision = await store.create("/leases/ns/a", b"0", history=False)
        later = await store.update("/leases/ns/a", b"1", expected=revision, history=False)
        for prefix in ("/leases/", "/leases/ns/", "/leases/ns/a", "/"):
            with pytest.raises(Compacted):
                async with store.watch(prefix, since=start):
                    pass
        async with store.watch("/pods/", since=start), store.watch("/leases/", since=later):
            pass

    async def test_churn_without_history_does_not_push_out_the_past_of_others(self, store: Store) -> None:
        start = await store.create("/pods/a", b"1")
        revision = await store.create("/leases/a", b"0", history=False)
        for n in range(2000):
            revision = await store.update("/leases/a", b"%d" % n, expected=revision, history=False)
        updated = await store.update("/pods/a", b"2", expected=start)
        async with store.watch("/pods/", since=start) as watch:
            assert [change.revision for change in await take(watch, 1)] == [updated]

    # Life

    async def test_closing_ends_watches_and_refuses_all_further_use(self, store: Store) -> None:
        async with store.watch("/", since=await store.current_revision()) as watch:
            waiting = asyncio.create_task(take(watch, 1), name="waiting")
            await asyncio.sleep(0)
            await store.close()
            with pytest.raises(Closed):
                await waiting
        with pytest.raises(Closed):
            await store.get("/a")
        with pytest.raises(Closed):
            await store.create("/a", b"1")
        await store.close()

    async def test_closing_lets_writes_under_way_finish(self, store: Store) -> None:
        writes = [asyncio.create_task(store.create(f"/{n}", b"1"), name=f"write-{n}") for n in range(10)]
        await asyncio.sleep(0)
        await store.close()
        assert all(isinstance(outcome, int) for outcome in await asyncio.gather(*writes))

    async def test_everything_is_there_after_reopening(self, store: Store, new_store: NewStore) -> None:
        if not self.durable:
            return
        first = await store.create("/p/a", b"1")
        gone = await store.create("/p/gone", b"1")
        second = await store.update("/p/a", b"2", expected=first)
        deleted = await store.delete("/p/gone", expected=gone)
        lease = await store.create("/leases/a", b"l", history=False)
        lease = await store.delete("/leases/a", expected=lease, history=False)
        await store.close()
        again = new_store()
        await again.start()
        try:
            assert await again.current_revision() >= lease
            assert (await again.range("/")).records == (Record("/p/a", b"2", second, first),)
            assert [r.key for r in (await again.range("/p/", revision=second)).records] == [
                "/p/a",
                "/p/gone",
            ]
            async with again.watch("/p/", since=first) as watch:
                assert [c.revision for c in await take(watch, 3)] == [gone, second, deleted]
            assert await again.create("/new", b"1") > lease
            if not self.keeps_unlogged_history:
                with pytest.raises(Compacted):
                    async with again.watch("/leases/", since=first):
                        pass
        finally:
            await again.close()

    async def test_compaction_survives_reopening(self, store: Store, new_store: NewStore) -> None:
        if not self.durable:
            return
        revision = await store.create("/p/a", b"0")
        old = revision
        for n in range(600):
            revision = await store.update("/p/a", b"%d" % n, expected=revision)
        await store.compact(revision)
        await store.close()
        again = new_store()
        await again.start()
        try:
            assert [record.value for record in (await again.range("/p/")).records] == [b"599"]
            with pytest.raises(Compacted):
                await again.range("/p/", revision=old)
        finally:
            await again.close()
