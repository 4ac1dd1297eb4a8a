"""The gate by the rules that are stored: changes are taken in when the next request comes, so they count from it on."""

from __future__ import annotations

from collections.abc import Callable

from podling.api import kinds
from podling.apiserver.world import World
from podling.store.interface import Compacted, Lagging
from podling.store.watchcache import Selection, Subscription

from .gate import Gate

KINDS = (kinds.FLOW_SCHEMA, kinds.PRIORITY_LEVEL_CONFIGURATION)


class FollowingGate(Gate):
    def __init__(self, world: World, total: int, now: Callable[[], float]) -> None:
        super().__init__(total, now)
        self._world = world
        self._changes: list[Subscription] = []
        self._seen = 0
        """The revision up to which rules are known."""

    def start(self) -> None:
        """Take what is stored, and follow it from there."""
        self.close()
        for kind in KINDS:
            collection = self._world.collection(kind)
            self._changes.append(collection.subscribe(Selection(), since=collection.revision))
        self._read()

    def close(self) -> None:
        for changes in self._changes:
            changes.close()
        self._changes.clear()

    def catch_up(self) -> None:
        """Before a request is looked at."""
        newest = self._world.revision
        if newest == self._seen:
            return
        self._seen = newest
        try:
            changed = [batch for changes in self._changes for batch in changes.take_nowait()]
        except (Compacted, Lagging):
            self.start()
        else:
            if any(batch.views for batch in changed):
                self._read()

    def _read(self) -> None:
        schemas, levels = ([*self._world.bodies(kind)] for kind in KINDS)
        self.follow(schemas, levels)
