"""A day of a hundred nodes does not grow the database: Leases renewed every ten seconds, Events that come, repeat and end.

The API server, its cache and its expiry are the real ones, on SQLite in a real file; only the clock is ours. The file
and its write-ahead log are measured again and again: once as many Events have gathered as live at a time, nothing may
grow. Others lost disks to exactly this (k3s#3660, kine#213).
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podling.api import kinds, times
from podling.store.sqlite import SqliteStore

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
EVENTS = "/api/v1/namespaces/default/events"
NODES, RENEW_SECONDS = 100, 10
HOUR = 3600
MEGABYTE = 1_000_000

figures = logging.getLogger("figures")


@dataclass(frozen=True)
class Sample:
    """The store at one moment, in bytes and rows."""

    file: int
    log: int
    keys: int
    rows: int
    """All rows in the file: living ones, history and what waits to be swept."""


@dataclass
class Churn:
    """A hundred nodes that renew one after the other, and a cluster that has something to say every second."""

    api: Any
    clock: Any
    store: SqliteStore
    folder: Path
    chance: random.Random = field(default_factory=lambda: random.Random(11))
    recent: list[str] = field(default_factory=list)
    made: int = 0
    writes: int = 0

    async def begin(self):
        self.cache = self.api.server.cache
        self.leases = self.api.server._services.world.collection(kinds.LEASE)
        for number in range(NODES):
            spec = {"holderIdentity": f"node-{number}", "leaseDurationSeconds": 40}
            await self.api.make(LEASES, {"metadata": {"name": f"node-{number}"}, "spec": spec})
        self.keys = [self.leases.key("kube-node-lease", f"node-{number}") for number in range(NODES)]
        self.bodies = [msgspec.json.decode(self.leases.get(key).value) for key in self.keys]
        for body in self.bodies:
            del body["metadata"]["resourceVersion"]

    async def live(self, seconds, *, at_once):
        """So many seconds, `at_once` of them in one turn; returns the sample at the end."""
        for second in range(0, seconds, at_once):
            self.clock.time += at_once
            turn = range(second, second + at_once)
            due = [
                number
                for number in range(NODES)
                if any(number % RENEW_SECONDS == at % RENEW_SECONDS for at in turn)
            ]
            await asyncio.gather(*map(self.renew, due), *map(self.event, turn))
        return self.sample()

    def sample(self):
        file, log = [(self.folder / name).stat().st_size for name in ("store.db", "store.db-wal")]
        kept = self.store.statistics()
        return Sample(file, log, kept["keys"], kept["keys"] + kept["history"] + kept["garbage"])

    async def renew(self, number):
        body = self.bodies[number]
        body["spec"]["renewTime"] = times.rfc3339_micro(self.clock.now())
        key = self.keys[number]
        expected = self.leases.get(key).revision
        await self.cache.update(self.leases, key, msgspec.json.encode(body), expected=expected)
        self.writes += 1

    async def event(self, second):
        """Every other second something new, in between something that happens again."""
        if second % 2 or not self.recent:
            self.made += 1
            name = f"pod-{self.made}.{self.made:x}"
            about = {
                "kind": "Pod",
                "namespace": "default",
                "name": f"pod-{self.made}",
                "uid": f"u-{self.made}",
            }
            await self.api.make(
                EVENTS,
                {
                    "metadata": {"name": name},
                    "involvedObject": about,
                    "reason": "BackOff",
                    "message": "Back-off restarting failed container main in pod " + about["name"],
                    "type": "Warning",
                    "count": 1,
                    "firstTimestamp": times.rfc3339(self.clock.now()),
                    "lastTimestamp": times.rfc3339(self.clock.now()),
                    "source": {"component": "kubelet", "host": f"node-{self.made % NODES}"},
                },
            )
            self.recent = [*self.recent[-49:], name]
        else:
            name = self.chance.choice(self.recent)
            again = {"count": second, "lastTimestamp": times.rfc3339(self.clock.now())}
            answer = await self.api.patch(f"{EVENTS}/{name}", again)
            assert answer.status == 200, answer.text
        self.writes += 1


@asynccontextmanager
async def churning(serve, folder, clock, **config):
    store = SqliteStore(folder / "store.db")
    await store.start()
    try:
        async with serve(store, clock, **config) as api:
            yield Churn(api, clock, store, folder)
    finally:
        await store.close()


def assert_whole(folder):
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def churned(serve, folder, clock, *, turns, seconds, at_once, time_to_live):
    """The samples after so many turns of so many seconds, from when the Events that live at a time have gathered."""
    began, cpu = time.monotonic(), time.process_time()
    async with churning(serve, folder, clock, event_ttl_seconds=time_to_live) as churn:
        await churn.begin()
        samples = [await churn.live(seconds, at_once=at_once) for _ in range(turns)]
        assert churn.writes == turns * seconds * (NODES // RENEW_SECONDS + 1)
    for sample in samples:
        figures.info("%s", sample)
    spent = time.monotonic() - began, time.process_time() - cpu
    figures.info("writes %s, seconds %.1f, of them computing %.1f", churn.writes, *spent)
    assert_whole(folder)
    return samples[time_to_live // seconds :]


def assert_flat(samples, *, events):
    """What so many Events take that live at a time, and nothing of those before."""
    first, last = samples[0], samples[-1]
    for sample in samples:
        assert sample.keys < events + NODES + 500, (
            "what lives: Events, Leases, and what a server has of its own"
        )
        assert sample.rows < sample.keys + 6000
        assert sample.log < 17 * MEGABYTE
    assert last.file <= first.file + MEGABYTE
    assert last.file < 12 * MEGABYTE


async def test_the_file_is_as_large_after_an_hour_as_after_a_quarter(serve, tmp_path, clock):
    """The day below in little: Events live for a quarter of an hour, five seconds pass at once."""
    samples = await churned(serve, tmp_path, clock, turns=5, seconds=900, at_once=5, time_to_live=900)
    assert_flat(samples, events=450)


@pytest.mark.long
async def test_the_file_is_as_large_after_a_day_as_after_an_hour(serve, tmp_path, clock):
    """864,000 renewals and 86,400 writes of Events, each second a commit of its own."""
    samples = await churned(serve, tmp_path, clock, turns=24, seconds=HOUR, at_once=1, time_to_live=HOUR)
    assert_flat(samples, events=1800)
