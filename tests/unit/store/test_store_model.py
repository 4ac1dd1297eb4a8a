"""Any history of concurrent writes, reopenings and compactions, against a plain dict."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.store.interface import Change, Compacted, Conflict
from podling.store.memory import MemoryStore
from podling.store.sqlite import SqliteStore
from podling.testing.store_suite import take

KEYS = [f"/p/{name}" for name in ("a", "a-b", "b", "ü")]

WRITE = st.tuples(
    st.sampled_from(["create", "update", "delete"]),
    st.sampled_from(KEYS),
    st.binary(max_size=20),
    st.integers(0, 2),  # how stale the expectation is
)
STEP = st.one_of(
    st.lists(WRITE, min_size=1, max_size=6),
    st.just("reopen"),
    st.tuples(st.just("compact"), st.integers(0, 30)),
)


@dataclass
class Model:
    """The truth: every successful write in the order of revisions."""

    changes: list[Change] = field(default_factory=list)
    compacted: int = 0

    def state(self, revision):
        records = {}
        for change in self.changes:
            if change.revision > revision:
                break
            if change.deleted:
                del records[change.key]
            else:
                records[change.key] = (change.value, change.revision, change.create_revision)
        return records

    def accept(self, key, value, revision, expected):
        """Enter a write that the store says has happened; it must have been right to let it."""
        record = self.state(revision - 1).get(key)
        assert (record[1] if record else 0) == expected
        created = record[2] if record else revision
        self.changes.append(Change(key, value, revision, created))


async def write(store, model, step):
    """Several writes at once, each expecting what its writer last saw."""
    seen = model.state(10**9)

    async def one(verb, key, value, staleness):
        expected = seen[key][1] - staleness if key in seen else 0
        if verb == "create":
            return key, value, 0, await store.create(key, value)
        if verb == "update":
            return key, value, expected or 7_777, await store.update(key, value, expected=expected or 7_777)
        return key, None, expected or 7_777, await store.delete(key, expected=expected or 7_777)

    outcomes = await asyncio.gather(*(one(*each) for each in step), return_exceptions=True)
    happened = [outcome for outcome in outcomes if not isinstance(outcome, Conflict)]
    for key, value, expected, revision in sorted(happened, key=lambda outcome: outcome[3]):
        model.accept(key, value, revision, expected)


async def check(store, model):
    newest = await store.current_revision()
    assert newest == (model.changes[-1].revision if model.changes else newest)
    for revision in {newest, *(change.revision for change in model.changes[-8:])}:
        if revision < model.compacted:
            with pytest.raises(Compacted):
                await store.range("/p/", revision=revision)
            continue
        page = await store.range("/p/", revision=revision)
        shown = {
            record.key: (record.value, record.revision, record.create_revision) for record in page.records
        }
        assert shown == model.state(revision)
        assert list(shown) == sorted(shown, key=str.encode)
    since = model.compacted
    expected = [change for change in model.changes if change.revision > since]
    async with store.watch("/p/", since=since) as watch:
        assert await take(watch, len(expected)) == expected


async def live(new_store, steps):
    store, model = new_store(), Model()
    await store.start()
    try:
        for step in steps:
            if step == "reopen":
                await store.close()
                if not isinstance(store, MemoryStore):
                    store = new_store()
                await store.start()
            elif step[0] == "compact":
                if model.changes:
                    model.compacted = max(
                        model.compacted, model.changes[min(step[1], len(model.changes) - 1)].revision
                    )
                    await store.compact(model.compacted)
            else:
                await write(store, model, step)
            await check(store, model)
    finally:
        await store.close()


@given(steps=st.lists(STEP, max_size=12))
@settings(max_examples=150, deadline=None)
def test_the_memory_store_agrees_with_the_model(steps):
    asyncio.run(live(MemoryStore, steps))


@given(steps=st.lists(STEP, max_size=8))
@settings(max_examples=40, deadline=None)
def test_the_sqlite_store_agrees_with_the_model(steps):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(live(lambda: SqliteStore(Path(directory) / "store.db"), steps))
