"""The SQLite store in trouble: killed, out of space, shared, damaged, under churn."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from contextlib import closing

import pytest

from podling.store.interface import Compacted, KeyExists, StoreFault, StoreInUse
from podling.store.ledger import HistoryLimits
from podling.store.sqlite import SqliteSettings, SqliteStore

WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from podling.store.sqlite import SqliteSettings, SqliteStore
    from podling.store.ledger import HistoryLimits

    async def main():
        limits = HistoryLimits(rows=50)
        store = SqliteStore(Path(sys.argv[1]), SqliteSettings(history=limits, tidy_bytes=20_000, tidy_hard_bytes=40_000))
        await store.start()

        async def write(n):
            count, revision = 0, 0
            while True:
                value = b"%d " % count * 50
                if revision == 0:
                    revision = await store.create(f"/w/{n}", value)
                elif count % 7 == 6:
                    await store.delete(f"/w/{n}", expected=revision)
                    revision = 0
                else:
                    revision = await store.update(f"/w/{n}", value, expected=revision, history=n % 2 == 0)
                print(n, count, revision, flush=True)
                count += 1

        await asyncio.gather(*(write(n) for n in range(8)))

    asyncio.run(main())
    """
)


def kill_a_writer(path, after_lines):
    """Run writers in a process, kill it in full flight, return what it said had been acknowledged."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) == after_lines:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return [tuple(map(int, line.split())) for line in lines if line.endswith(b"\n")]


@pytest.mark.parametrize("after_lines", [1, 40, 333, 1500])
async def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path, after_lines):
    path = tmp_path / "store.db"
    acknowledged = kill_a_writer(path, after_lines)
    latest = {n: (count, revision) for n, count, revision in acknowledged}
    store = SqliteStore(path)
    await store.start()
    try:
        for n, (count, revision) in latest.items():
            record = await store.get(f"/w/{n}")
            # one write more may have landed unacknowledged
            found = None if record is None else int(record.value.split()[0])
            after = count + 1
            assert found in (None if revision == 0 else count, None if after % 7 == 6 else after)
        newest = max((revision for _, _, revision in acknowledged), default=0)
        assert await store.current_revision() >= newest
        page = await store.range("/w/")
        assert page.revision == await store.current_revision()
        assert await store.create("/new", b"1") > page.revision
    finally:
        await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_full_store_refuses_the_whole_batch_and_goes_on_when_there_is_room(tmp_path):
    store = SqliteStore(tmp_path / "store.db", SqliteSettings(quota_bytes=600_000))
    await store.start()
    try:
        revisions = {f"/p/{n}": await store.create(f"/p/{n}", b"x" * 20_000) for n in range(20)}
        with pytest.raises(StoreFault, match="full"):
            await store.create("/p/big", b"x" * 300_000)
        before = await store.range("/p/")
        assert {record.key: record.revision for record in before.records} == revisions
        async with store.watch("/", since=before.revision) as watch:
            outcomes = await asyncio.gather(
                *(store.create(f"/q/{n}", b"x" * 200_000) for n in range(3)),
                store.update("/p/0", b"small", expected=revisions["/p/0"]),
                store.create("/p/1", b"conflict"),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [StoreFault] * 4 + [KeyExists]
            assert (await store.range("/")).records == before.records
            # what failed has not happened: it can be done, and the one that conflicts still does
            small = await store.update("/p/0", b"small", expected=revisions["/p/0"])
            assert [change.revision for change in await anext(watch)] == [small]
        await store.compact(await store.current_revision())
    finally:
        await store.close()


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_writes_that_rest_on_a_failed_batch_fail_with_it(tmp_path):
    store = SqliteStore(tmp_path / "store.db", SqliteSettings(quota_bytes=400_000))
    await store.start()
    try:
        revision = await store.create("/a", b"1")

        gate = threading.Event()
        store._worker.submit(gate.wait, lambda *_: None)  # the disk is slow
        too_big = asyncio.create_task(store.update("/a", b"x" * 900_000, expected=revision), name="too-big")
        await turns(3)
        assert store._flying is not None
        conflicting = asyncio.create_task(store.update("/a", b"2", expected=revision), name="conflicting")
        dependent = asyncio.create_task(store.update("/a", b"3", expected=revision + 1), name="dependent")
        await turns(3)
        assert store._filling.changes
        gate.set()
        with pytest.raises(StoreFault):
            await too_big
        with pytest.raises(StoreFault):
            await dependent
        # judged anew once the write that stood against it had failed
        again = await conflicting
        assert (await store.get("/a")).revision == again
    finally:
        await store.close()


def test_a_second_process_is_refused_by_name(tmp_path):
    path = tmp_path / "store.db"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)

    async def open_and_close():
        store = SqliteStore(path)
        await store.start()
        await store.close()

    try:
        process.stdout.readline()
        with pytest.raises(StoreInUse, match=f"store.db: process {process.pid} has it open"):
            asyncio.run(open_and_close())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    asyncio.run(open_and_close())


async def test_the_files_are_readable_by_their_owner_only(tmp_path):
    (tmp_path / "store.db").touch(mode=0o644)
    store = SqliteStore(tmp_path / "store.db")
    await store.start()
    await store.create("/a", b"secret")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    await store.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db.lock": 0o600}


@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 1000, b"SQLite format 3\0" + b"\0" * 5000]
)
async def test_a_damaged_file_is_a_clear_fault(tmp_path, content):
    path = tmp_path / "store.db"
    path.write_bytes(content)
    store = SqliteStore(path)
    with pytest.raises(StoreFault, match=r"cannot open the store .*store\.db: "):
        await store.start()
    with pytest.raises(StoreFault):  # and the lock was given back
        await SqliteStore(path).start()


async def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreFault, match="its format is 7, this program knows 1"):
        await SqliteStore(path).start()


async def test_a_missing_directory_is_a_clear_fault(tmp_path):
    with pytest.raises(StoreFault, match="No such file or directory"):
        await SqliteStore(tmp_path / "missing" / "store.db").start()


async def test_the_file_stays_flat_under_lease_and_event_churn(tmp_path):
    settings = SqliteSettings(tidy_bytes=200_000, tidy_hard_bytes=400_000)
    store = SqliteStore(tmp_path / "store.db", settings)
    await store.start()
    try:
        leases = [await store.create(f"/leases/{n}", b"0" * 400, history=False) for n in range(32)]

        async def renew(n, times):
            for turn in range(times):
                value = b"%d" % turn * 100
                leases[n] = await store.update(f"/leases/{n}", value, expected=leases[n], history=False)

        await asyncio.gather(*(renew(n, 60) for n in range(32)))
        early = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
        for _ in range(3):
            await asyncio.gather(*(renew(n, 60) for n in range(32)))
        late = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
        assert late["store.db"] <= early["store.db"] * 1.5 + 400_000
        assert late["store.db-wal"] <= 2_500_000
        assert store.statistics()["garbage"] < 8000
    finally:
        await store.close()


async def test_history_is_bounded_by_itself(tmp_path):
    settings = SqliteSettings(history=HistoryLimits(rows=100))
    store = SqliteStore(tmp_path / "store.db", settings)
    await store.start()
    try:
        first = revision = await store.create("/a", b"0")
        for n in range(700):
            revision = await store.update("/a", b"%d" % n, expected=revision)
        assert store.statistics()["history"] == 100
        with pytest.raises(Compacted):
            async with store.watch("/", since=first):
                pass
        async with store.watch("/", since=revision - 50) as watch:
            assert len(await anext(watch)) == 50
    finally:
        await store.close()


async def test_writes_that_wait_share_one_commit(tmp_path):
    store = SqliteStore(tmp_path / "store.db")
    await store.start()
    try:
        await asyncio.gather(*(store.create(f"/p/{n}", b"x") for n in range(500)))
        assert store.statistics()["commits"] == 1
    finally:
        await store.close()
