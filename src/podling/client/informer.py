"""A local copy of all objects of a kind (or a selection of them), kept up to date by a watch.

List once, watch from there on; when the server has lost our place (410), or refuses, list again and tell handlers the difference.
Handlers run in order, in the event loop, and must not wait. All readers share the same objects, so these are READ-ONLY: to change one,
send a patch, or change a `codec.struct_clone`. With `guard=True` (tests) an informer remembers what it handed out and raises
`MutatedObject` when somebody wrote into it.

managedFields are not kept: they are half of a small object, nobody here reads them, and as raw JSON they would hold the whole
message in memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any, Generic, TypeVar

import msgspec

from podling.aio.backoff import Backoff, Streak
from podling.api.errors import ApiError, Gone
from podling.api.selectors import LabelSelector

from .cache import Cache, IndexFunction
from .errors import ClientError
from .resource import Resource
from .watch import Follow, Selection
from .wire import Batch, Head

log = logging.getLogger(__name__)
T = TypeVar("T")

RELIST = Backoff(first=0.02, cap=30.0, jitter=0.5, reset_after=60.0)


class MutatedObject(AssertionError):
    """Somebody wrote into an object that belongs to an informer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler(Generic[T]):
    """Called after the informer's own state has changed. An exception in a handler ends the informer: handlers guard themselves."""

    on_add: Callable[[T], None] | None = None
    on_update: Callable[[T, T], None] | None = None
    """Old and new. Also after a relist, when something may have happened in between."""
    on_delete: Callable[[T], None] | None = None
    """The last state that was seen."""


@dataclass(frozen=True, slots=True)
class InformerStatistics:
    objects: int
    revision: str
    lists: int
    reconnects: int
    last_error: str


class Informer(Generic[T]):
    """Reads are immediate and show the state as of `revision`; `run()` keeps it going until cancelled."""

    def __init__(
        self,
        resource: Resource[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction[T]] | None = None,
        random: Random,
        guard: bool = False,
    ) -> None:
        self.resource = resource
        self.selection = Selection(namespace, label_selector, field_selector)
        self.revision = ""
        self.last_error: Exception | None = None
        """Why the copy may be behind the server; None while all is well."""
        self._random = random
        self._head = resource.view.head
        self._cache: Cache[T] = Cache(self._head)
        self._handlers: list[Handler[T]] = []
        self._synced = asyncio.Event()
        self._guard = _Guard() if guard else None
        self._lists = 0
        self._reconnects = 0
        for name, function in (indexers or {}).items():
            self.add_index(name, function)

    def get(self, namespace: str, name: str) -> T | None:
        """`namespace` is "" for kinds that have none."""
        return self._cache.get(namespace, name)

    def list(self, namespace: str | None = None, selector: LabelSelector | None = None) -> Sequence[T]:
        """Objects in the order in which they came to be known."""
        objects = self._cache.list(namespace)
        if selector is None:
            return objects
        return [obj for obj in objects if selector.matches(_labels(obj))]

    def by_index(self, index: str, value: str) -> Sequence[T]:
        """Objects that the index function gave this value. KeyError for an index that was never added."""
        return [*self._cache.by_index(index, value).values()]

    def index_size(self, index: str, value: str) -> int:
        """How many objects `by_index` would give."""
        return len(self._cache.by_index(index, value))

    def index_values(self, index: str) -> Sequence[str]:
        return [*self._cache.index_values(index)]

    def add_index(self, index: str, function: IndexFunction[T]) -> None:
        """May be called at any time; the same index by several users of a shared informer is one index."""
        self._cache.add_index(index, function)

    def add_handler(self, handler: Handler[T]) -> None:
        """Objects that are known already are told to it as added, at once."""
        self._handlers.append(handler)
        if handler.on_add is not None:
            for obj in self._cache.list():
                handler.on_add(obj)

    def remove_handler(self, handler: Handler[T]) -> None:
        self._handlers.remove(handler)

    @property
    def synced(self) -> bool:
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Wait until the first list has arrived and all handlers have been told."""
        await self._synced.wait()

    async def run(self) -> None:
        """List and watch until cancelled. Trouble is logged, shown in `last_error` and tried again."""
        streak = Streak(RELIST)
        while True:
            try:
                await self._list()
                await self._follow()
            except Gone as error:
                log.info("%r lists again: %s", self, error)
                self.last_error = error
            except (ApiError, ClientError) as error:
                self._complain(error)
            await asyncio.sleep(streak.fail(asyncio.get_running_loop().time(), self._random))

    def verify(self) -> None:
        """With a guard: raise MutatedObject if an object in here was written into."""
        if self._guard is not None:
            for obj in self._cache:
                self._guard.check(self._head(obj), obj)

    def statistics(self) -> InformerStatistics:
        return InformerStatistics(
            objects=len(self._cache),
            revision=self.revision,
            lists=self._lists,
            reconnects=self._reconnects,
            last_error=str(self.last_error or ""),
        )

    def __len__(self) -> int:
        return len(self._cache)

    def __repr__(self) -> str:
        return f"<Informer {self.resource.kind.resource} objects={len(self)} revision={self.revision}>"

    async def _list(self) -> None:
        selection = self.selection
        page = await self.resource.list(
            namespace=selection.namespace,
            label_selector=selection.label_selector,
            field_selector=selection.field_selector,
        )
        self._lists += 1
        self._replace(page.items)
        self.revision = page.resource_version
        self.last_error = None
        self._synced.set()

    async def _follow(self) -> None:
        follow = Follow(self.resource, self.selection, resource_version=self.revision, random=self._random)
        try:
            while True:
                self._apply(await follow.next())
                self.revision = follow.revision
        finally:
            self._reconnects += follow.reconnects
            await follow.aclose()

    def _complain(self, error: Exception) -> None:
        if self.last_error is None or str(self.last_error) != str(error):
            log.warning("%r is behind: %s", self, error)
        self.last_error = error

    def _apply(self, batch: Batch[T]) -> None:
        for event in batch:
            if event.type == "DELETED":
                self._drop(event.object)
            elif event.type != "BOOKMARK":
                self._put(event.object)

    def _replace(self, items: Sequence[T]) -> None:
        """Take a whole list; what is no longer in it has been deleted meanwhile."""
        present = {(head.namespace, head.name) for head in map(self._head, items)}
        for obj in self._cache.list():
            head = self._head(obj)
            if (head.namespace, head.name) not in present:
                self._drop(obj)
        for obj in items:
            self._put(obj)

    def _put(self, obj: T) -> None:
        head = self._head(obj)
        old = self._cache.get(head.namespace, head.name)
        old_head = None if old is None else self._head(old)
        if old_head is not None and old_head.resource_version == head.resource_version:
            return
        if old is not None and old_head is not None and old_head.uid != head.uid:
            self._drop(old)  # deleted and made anew while nobody looked
            old = None
        _trim(obj)
        if self._guard is not None:
            self._guard.replace(head, old, obj)
        self._cache.put(obj)
        for handler in self._handlers:
            if old is None:
                if handler.on_add is not None:
                    handler.on_add(obj)
            elif handler.on_update is not None:
                handler.on_update(old, obj)

    def _drop(self, last: T) -> None:
        head = self._head(last)
        old = self._cache.drop(head.namespace, head.name)
        if old is None:
            return
        if self._guard is not None:
            self._guard.drop(head, old)
        _trim(last)
        for handler in self._handlers:
            if handler.on_delete is not None:
                handler.on_delete(last)


class _Guard:
    """Remembers a digest of every object and compares it when the object leaves."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, str], bytes] = {}

    def replace(self, head: Head, old: Any, new: Any) -> None:
        if old is not None:
            self.check(head, old)
        self._digests[head.namespace, head.name] = _digest(new)

    def drop(self, head: Head, old: Any) -> None:
        self.check(head, old)
        del self._digests[head.namespace, head.name]

    def check(self, head: Head, obj: Any) -> None:
        if self._digests[head.namespace, head.name] != _digest(obj):
            raise MutatedObject(
                f"cannot trust {type(obj).__name__} {head.namespace}/{head.name}: it was changed in an informer's cache"
            )


def _digest(obj: Any) -> bytes:
    return blake2b(msgspec.json.encode(obj), digest_size=16).digest()


def _labels(obj: Any) -> dict[str, str]:
    labels = obj["metadata"].get("labels") if isinstance(obj, dict) else obj.metadata.labels
    return labels or {}


def _trim(obj: Any) -> None:
    if isinstance(obj, dict):
        obj["metadata"].pop("managedFields", None)
    else:
        obj.metadata.managed_fields = None
