"""One informer for each kind and selection in a process, however many programs want it.

Ask with `get` at any time: informers asked for before `start()` start with it, later ones at once. All of them stop together. Readers
share objects and indexes; see `informer` for what that obliges them to.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, TypeVar, overload

import msgspec

from podling.aio.service import Service, State
from podling.api.kinds import Kind

from .cache import IndexFunction
from .client import Client
from .informer import Informer
from .watch import Selection

T = TypeVar("T", bound=msgspec.Struct)


class Informers(Service):
    """The informers over one client. With `guard` (tests) each of them catches writes into its objects."""

    def __init__(self, client: Client, *, random: Random, guard: bool = False) -> None:
        super().__init__("informers")
        self._client = client
        self._random = random
        self._guard = guard
        self._informers: dict[tuple[Kind, Selection | None], Informer[Any]] = {}

    @overload
    def get(
        self,
        kind: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction[T]] | None = None,
    ) -> Informer[T]: ...

    @overload
    def get(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction[Any]] | None = None,
    ) -> Informer[Any]: ...

    def get(
        self,
        kind: Kind | type[Any],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction[Any]] | None = None,
    ) -> Informer[Any]:
        """The informer for this selection, made if nobody has asked before; `indexers` are added to it."""
        resource = self._client.resource(kind)
        key = (resource.kind, Selection(namespace, label_selector, field_selector))
        informer = self._informers.get(key)
        if informer is None:
            informer = self._informers[key] = Informer(
                resource,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                random=self._random,
                guard=self._guard,
            )
            if self.state in (State.STARTING, State.READY):
                self._run(informer)
        for name, function in (indexers or {}).items():
            informer.add_index(name, function)
        return informer

    def metadata(self, kind: Kind) -> Informer[Any]:
        """An informer of at least the metadata of all objects: the whole one if somebody has asked for it, else one of metadata only."""
        resource = self._client.partial(kind)
        whole = self._informers.get((resource.kind, Selection()))
        if whole is not None:
            return whole
        informer = self._informers.get((resource.kind, None))
        if informer is None:
            informer = Informer(resource, random=self._random, guard=self._guard)
            self._informers[resource.kind, None] = informer
            if self.state in (State.STARTING, State.READY):
                self._run(informer)
        return informer

    async def wait_synced(self) -> None:
        """Wait until all informers that were asked for so far have had their first list."""
        for informer in [*self._informers.values()]:
            await informer.wait_synced()

    def verify(self) -> None:
        """With a guard: raise MutatedObject if any object was written into."""
        for informer in self._informers.values():
            informer.verify()

    def statistics(self) -> Mapping[str, Any]:
        return {repr(informer): informer.statistics() for informer in self._informers.values()}

    async def _start(self) -> None:
        for informer in self._informers.values():
            self._run(informer)

    def _run(self, informer: Informer[Any]) -> None:
        self.tasks.start(informer.run(), name=informer.resource.kind.resource)
