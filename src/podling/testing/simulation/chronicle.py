"""Everything that is written to the store, in order: what there is now, what has changed, and a digest of it all.

Informers of several kinds may run ahead of one another; the store's own feed does not, so laws about more than one object are judged here.
Leases and Events are part of the digest and of nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from podling.api import codec, kinds
from podling.api.kinds import Kind
from podling.store.interface import Change, Store

PREFIX = "/registry/"
UNNOTICED = ("/registry/leases/", "/registry/events/")
KEPT = (
    kinds.POD,
    kinds.REPLICA_SET,
    kinds.DEPLOYMENT,
    kinds.STATEFUL_SET,
    kinds.DAEMON_SET,
    kinds.CONTROLLER_REVISION,
    kinds.REPLICATION_CONTROLLER,
    kinds.JOB,
    kinds.CRON_JOB,
    kinds.POD_DISRUPTION_BUDGET,
    kinds.NODE,
)

Listener = Callable[[Any, Any], None]
"""Called with an object before and after a change; None where there is none."""


class Chronicle:
    """Follows a store with `run` until cancelled; `listen` to be told of the objects of KEPT kinds."""

    def __init__(self, store: Store) -> None:
        self.changed_at = 0.0
        """Loop time of the last change that was no mere sign of life."""
        self.changed = asyncio.Event()
        self._store = store
        self._kinds = {kind.key_prefix(): kind for kind in KEPT}
        self._objects: dict[Kind, dict[str, Any]] = {kind: {} for kind in KEPT}
        self._listeners: list[Listener] = []
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of every write so far, in hexadecimal."""
        return self._hash.hexdigest()

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def objects(self, kinds: Iterable[Kind] = KEPT) -> dict[Kind, list[Any]]:
        """What there is, in the order in which it was made."""
        return {kind: [*self._objects[kind].values()] for kind in kinds}

    async def run(self) -> None:
        async with self._store.watch(PREFIX, since=0) as feed:
            async for changes in feed:
                for change in changes:
                    self._take(change)

    def _take(self, change: Change) -> None:
        self._hash.update(f"{change.revision} {change.key} ".encode())
        self._hash.update(change.value or b"gone")
        if change.key.startswith(UNNOTICED):
            return
        self.changed_at = asyncio.get_running_loop().time()
        kind = next((kind for prefix, kind in self._kinds.items() if change.key.startswith(prefix)), None)
        if kind is not None:
            self._keep(kind, change)
        self.changed.set()

    def _keep(self, kind: Kind, change: Change) -> None:
        held = self._objects[kind]
        before, after = held.get(change.key), None
        if change.value is None:
            held.pop(change.key, None)
        else:
            after = held[change.key] = codec.decode(kind, change.value).body
        for listener in self._listeners:
            listener(before, after)
