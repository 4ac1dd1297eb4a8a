"""The cluster as seen from within the server: objects decoded from the watch caches, read-only.

For admission, authorization and token checks; each look decodes what it returns, so it is always the present state.
Kinds that every Pod asks about (Namespaces, ServiceAccounts, PriorityClasses) are decoded once per revision.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

from podling.api import codec, kinds, names
from podling.api.kinds import Kind
from podling.store.watchcache import Collection, Entry, Selection

from .config import Config

_REMEMBERED = 4096


class World:
    """Implements `admission.World`."""

    def __init__(self, collections: dict[str, Collection], config: Config, chance: random.Random) -> None:
        self._collections = collections
        self._chance = chance
        self._bodies: dict[tuple[str, int], Any] = {}
        self.service_account_token_seconds = config.service_account_token_seconds
        self.not_ready_toleration_seconds = config.default_not_ready_toleration_seconds
        self.unreachable_toleration_seconds = config.default_unreachable_toleration_seconds

    def collection(self, kind: Kind) -> Collection:
        return self._collections[kind.prefix]

    @property
    def revision(self) -> int:
        """What is read is the state after this revision."""
        return self.collection(kinds.NAMESPACE).revision

    def read(self, kind: Kind, namespace: str, name: str) -> Any | None:
        """The body of an object; shared, so it must not be changed."""
        collection = self.collection(kind)
        entry = collection.get(collection.key(namespace, name))
        return self._decoded(kind, entry) if entry is not None else None

    def bodies(self, kind: Kind, selection: Selection | None = None) -> Iterator[Any]:
        """Every object of a kind, or those that a selection matches."""
        for entry in self.collection(kind).select(selection or Selection()):
            yield self._decoded(kind, entry)

    def in_namespace(self, kind: Kind, namespace: str) -> Iterator[Any]:
        """Every object of a kind in one namespace."""
        return self.bodies(kind, Selection(namespace))

    async def wait_read(self, kind: Kind, namespace: str, name: str, *, seconds: float) -> Any | None:
        """As `read`, but waits a while for the object to appear."""
        collection = self.collection(kind)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with collection.subscribe(Selection(namespace), since=collection.revision) as changes:
            while (found := self.read(kind, namespace, name)) is None and (
                left := deadline - loop.time()
            ) > 0:
                await changes.next(left)
        return found

    def uid(self, kind: Kind, namespace: str, name: str) -> str | None:
        """The UID of the object that has that name now."""
        body = self.read(kind, namespace, name)
        return body.metadata.uid if body is not None else None

    def generate_name(self, base: str) -> str:
        return names.generate_name(base, self._chance)

    def _decoded(self, kind: Kind, entry: Entry) -> Any:
        """The body of an entry; the same one until the object changes."""
        memo = (entry.key, entry.revision)
        body = self._bodies.get(memo)
        if body is None:
            if len(self._bodies) >= _REMEMBERED:
                self._bodies.clear()
            body = self._bodies[memo] = codec.decode(kind, entry.value).body
        return body
