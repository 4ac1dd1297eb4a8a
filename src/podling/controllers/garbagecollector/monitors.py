"""Keeps the graph true to the server: an informer of metadata for every kind that can be collected, as discovery names them.

Kinds that come later (CustomResourceDefinitions, aggregated API servers) are found when those objects change. Until all informers have had
their first list `complete` is False: nothing may be concluded from what is not in the graph.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from podling.api import kinds
from podling.api.kinds import Kind
from podling.client.client import Client
from podling.client.discovery import Discovery, discover
from podling.client.informer import Handler
from podling.client.informers import Informers
from podling.controllers.reconcile import Enqueue, Key

from .graph import Graph, node_of

log = logging.getLogger(__name__)

_NEEDED = {"delete", "list", "watch"}
_IGNORED = {("", "events"), ("events.k8s.io", "events")}
"""Events own nothing, nobody owns them, and there are many; upstream ignores them too."""
_TELL_OF_KINDS = (kinds.CUSTOM_RESOURCE_DEFINITION, kinds.API_SERVICE)


def collectable(discovery: Discovery) -> list[Kind]:
    """The kinds whose objects may be collected."""
    return [
        row
        for row in discovery.preferred()
        if set(row.verbs) >= _NEEDED and (row.group, row.plural) not in _IGNORED
    ]


class Monitors:
    def __init__(self, client: Client, informers: Informers) -> None:
        self.graph = Graph()
        self.complete = False
        self._client = client
        self._informers = informers
        self._watched: dict[tuple[str, str], Kind] = {}
        self._rows: dict[tuple[str, str], Kind] = {}
        self._kinds_changed = asyncio.Event()

    def row(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an owner reference names, in whatever version; None where the server has none such."""
        try:
            return kinds.by_api_version(api_version, kind)
        except kinds.UnknownKind:
            return self._rows.get((api_version, kind))

    async def feed(self, enqueue: Enqueue) -> None:
        """Watch all kinds and bring up what events concern, until cancelled."""
        while True:
            self._kinds_changed.clear()
            discovery = await discover(self._client)
            self._rows = {(row.api_version, row.kind): row for row in discovery.resources}
            await self._watch(collectable(discovery), enqueue)
            self.complete = True
            for uid in self.graph.all_of_interest():
                enqueue(Key("", uid))
            await self._kinds_changed.wait()

    async def _watch(self, rows: Iterable[Kind], enqueue: Enqueue) -> None:
        fresh = [row for row in rows if (row.group, row.plural) not in self._watched]
        informers = []
        for row in fresh:
            self._watched[row.group, row.plural] = row
            informer = self._informers.metadata(row)
            informer.add_handler(self._handler(row, enqueue))
            informers.append(informer)
        for informer in informers:
            await informer.wait_synced()

    def _handler(self, row: Kind, enqueue: Enqueue) -> Handler[Any]:
        def put(obj: Any) -> None:
            self._bring_up(self.graph.put(node_of(row, obj)), enqueue)

        def updated(old: Any, new: Any) -> None:
            put(new)

        def drop(obj: Any) -> None:
            self._bring_up(self.graph.drop(node_of(row, obj).uid), enqueue)
            tell_of_kinds(obj)

        def added(obj: Any) -> None:
            put(obj)
            tell_of_kinds(obj)

        def tell_of_kinds(_obj: Any) -> None:
            if row in _TELL_OF_KINDS and self.complete:
                self._kinds_changed.set()

        return Handler(on_add=added, on_update=updated, on_delete=drop)

    def _bring_up(self, uids: Iterable[str], enqueue: Enqueue) -> None:
        if self.complete:
            for uid in uids:
                enqueue(Key("", uid))
