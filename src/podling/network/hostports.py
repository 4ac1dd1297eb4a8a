"""The node's nftables table: masquerade towards outside, and the ``hostPort`` forwards of its Pods.

``rules`` decides what the table holds; this shell keeps it so.  It is written whole when the node starts and changed
by one transaction when a Pod with hostPorts comes or goes; no other Pod passes through here.  nft is a process of
6 ms, run in the node's namespace.

The forwards of each Pod are kept in a file of its own, so that a restarted node writes the same table again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path

from podling.aio import spawn

from . import rules
from .errors import NetworkFault, RulesRefused
from .rules import Forward

NFT_SECONDS = 20.0


class PortTaken(NetworkFault):
    """Another Pod of this node has the hostPort."""


class HostPorts:
    """Owner of one table.  ``owner`` strings are the names of the Pods' interfaces."""

    def __init__(self, table: str, *, bridge: str, pods: str, cluster: str, folder: Path, thread: Executor):
        self._table = table
        self._bridge = bridge
        self._pods = pods
        self._cluster = cluster
        self._folder = folder
        self._thread = thread
        self._by_owner: dict[str, list[Forward]] = {}
        self._lock = asyncio.Lock()

    async def start(self, *, owners: Sequence[str]) -> None:
        """Write the table anew with the forwards recorded for those of ``owners``; forget the others'."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(self._folder.glob("*.json")):
            if file.stem in owners:
                self._by_owner[file.stem] = [Forward(**entry) for entry in json.loads(file.read_text())]
            else:
                file.unlink()
        everything = [forward for forwards in self._by_owner.values() for forward in forwards]
        await self._nft(
            rules.table(
                self._table, bridge=self._bridge, pods=self._pods, cluster=self._cluster, forwards=everything
            )
        )

    async def publish(self, owner: str, forwards: Sequence[Forward]) -> None:
        """Add the forwards of one Pod: all or none.  Raises ``PortTaken`` and ``RulesRefused``."""
        async with self._lock:
            self._refuse_taken(forwards)
            self._record(owner, forwards)
            try:
                await self._nft(rules.change(self._table, add=forwards))
            except BaseException:
                (self._folder / f"{owner}.json").unlink(missing_ok=True)
                raise
            self._by_owner[owner] = list(forwards)

    async def withdraw(self, owner: str) -> None:
        """Take a Pod's forwards away; nothing happens if it has none."""
        async with self._lock:
            if owner in self._by_owner:
                await self._nft(rules.change(self._table, remove=self._by_owner[owner]))
                del self._by_owner[owner]
                (self._folder / f"{owner}.json").unlink(missing_ok=True)

    async def destroy(self) -> None:
        """Remove the table and the records."""
        async with self._lock:
            await self._nft(rules.drop_table(self._table))
            for file in self._folder.glob("*.json"):
                file.unlink()
            self._by_owner.clear()

    def _refuse_taken(self, forwards: Sequence[Forward]) -> None:
        taken = {held.claim for others in self._by_owner.values() for held in others}
        for forward in forwards:
            if forward.claim in taken:
                raise PortTaken(
                    f"cannot forward hostPort {forward.host_port}/{forward.protocol}: another Pod of this node has it"
                )
            taken.add(forward.claim)

    def _record(self, owner: str, forwards: Sequence[Forward]) -> None:
        temporary = self._folder / f".{owner}.new"
        temporary.write_text(json.dumps([asdict(forward) for forward in forwards]))
        os.replace(temporary, self._folder / f"{owner}.json")

    async def _nft(self, script: str) -> None:
        try:
            done = await spawn.run(
                ["nft", "-f", "-"], input=script.encode(), limit_seconds=NFT_SECONDS, thread=self._thread
            )
        except spawn.SpawnFault as error:
            raise RulesRefused(f"cannot set packet rules of table {self._table}: {error}") from error
        if done.returncode != 0:
            raise RulesRefused(f"cannot set packet rules of table {self._table}: {done.error_text}")
