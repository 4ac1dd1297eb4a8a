"""What is used of ResourceQuotas, counted from what there is.

The API server charges a quota when something is made; whatever gives back (deletions, Pods that finish, Services that need fewer ports)
is found here, by counting again: when such a thing happens, when the quota itself is changed, and every few minutes in any case
(upstream's pkg/controller/resourcequota). Written by compare-and-swap, so that no charge made meanwhile is lost; and as an object is charged
just before it is stored, nothing is given back within a moment of the last charge.

Kinds that are only counted are known by their metadata, and only once a quota names them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from podling.api import codec, kinds, quota
from podling.api.kinds import Kind
from podling.api.quota import amounts
from podling.api.types import core_v1
from podling.client.discovery import discover
from podling.client.informer import Handler, Informer

from .reconcile import DONE, Again, Context, Controller, Enqueue, Key, Outcome, Watch, own_key

NAME = "resourcequota-controller"
RESYNC_SECONDS = 300.0
"""Upstream's."""
SETTLE_SECONDS = 0.25
"""From the charge for an object to its being seen here, at the most."""
SECOND_LOOK_SECONDS = 10.0
"""After something was given back it is counted again, in case an object was longer on its way."""
COUNT = "count/"
MEASURED = (kinds.POD, kinds.SERVICE, kinds.PERSISTENT_VOLUME_CLAIM)
"""Kinds that use more than their number; the others are counted."""


class Quotas:
    def __init__(self, context: Context) -> None:
        client = context.clients(NAME)
        self.watches = tuple(
            Watch(kind=kind, keys=lambda _: ()) for kind in (kinds.RESOURCE_QUOTA, *MEASURED)
        )
        self._quotas, *measured = (watch.informer(context.informers) for watch in self.watches)
        self._objects: dict[str, Informer[Any]] = dict(
            zip((kind.resource for kind in MEASURED), measured, strict=True)
        )
        self._informers = context.informers
        self._client = client
        self._writes = client.resource(core_v1.ResourceQuota)
        self._clock = context.clock
        self._charged: dict[Key, float] = {}
        self._enqueue: Enqueue = lambda _key: None

    async def feed(self, enqueue: Enqueue) -> None:
        """Quotas that are new or changed, and those of a namespace in which something gives back."""
        self._enqueue = enqueue
        handlers = [(self._quotas, self._handler_of_quotas())]
        handlers += [(informer, self._handler(resource)) for resource, informer in self._objects.items()]
        for informer, handler in handlers:
            informer.add_handler(handler)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for informer, handler in handlers:
                informer.remove_handler(handler)

    def _handler_of_quotas(self) -> Handler[Any]:
        def added(new: core_v1.ResourceQuota) -> None:
            self._enqueue(own_key(new)[0])

        def updated(old: core_v1.ResourceQuota, new: core_v1.ResourceQuota) -> None:
            (key,) = own_key(new)
            if not codec.semantic_equal(old.spec, new.spec):
                self._enqueue(key)
            if not codec.semantic_equal(old.status, new.status):
                self._charged[key] = asyncio.get_running_loop().time()

        def deleted(last: core_v1.ResourceQuota) -> None:
            self._charged.pop(own_key(last)[0], None)

        return Handler(on_add=added, on_update=updated, on_delete=deleted)

    def _handler(self, resource: str) -> Handler[Any]:
        measure = quota.of(resource)

        def updated(old: Any, new: Any) -> None:
            namespace = new.metadata.namespace or ""
            if self._quotas.list(namespace):
                now = self._clock.now()
                if measure.usage(old, now) != measure.usage(new, now):
                    self._bring_up(namespace)

        def deleted(last: Any) -> None:
            self._bring_up(last.metadata.namespace or "")

        return Handler(on_update=updated, on_delete=deleted)

    def _bring_up(self, namespace: str) -> None:
        for each in self._quotas.list(namespace):
            self._enqueue(own_key(each)[0])

    async def reconcile(self, key: Key) -> Outcome:
        stored = self._quotas.get(key.namespace, key.name)
        if stored is None or stored.spec is None:
            return DONE
        objects = await self._counted(stored.spec, key.namespace)
        now = self._clock.now()
        status = quota.count(stored.spec, stored.status, objects, now)
        if _say_the_same(status, stored.status):
            return Again(RESYNC_SECONDS)
        if _gives_back(status, stored.status):
            left = self._charged.get(key, 0.0) + SETTLE_SECONDS - asyncio.get_running_loop().time()
            if left > 0:
                return Again(left)
        changed = codec.struct_clone(stored)
        changed.status = status
        await self._writes.update(changed, subresource="status")
        return Again(SECOND_LOOK_SECONDS)

    async def _counted(
        self, spec: core_v1.ResourceQuotaSpec, namespace: str
    ) -> dict[quota.Measure, Callable[[], Iterable[Any]]]:
        """For each measure that the quota names how to list the namespace's objects."""
        found: dict[quota.Measure, Callable[[], Iterable[Any]]] = {}
        for resource in await self._resources(spec.hard or {}):
            informer = self._objects[resource]
            await informer.wait_synced()
            found[quota.of(resource)] = partial(informer.list, namespace)
        return found

    async def _resources(self, names: Iterable[str]) -> list[str]:
        """The resources that a quota's names are about, each with an informer; those that the server does not have are left out."""
        measured = [kind.resource for kind in MEASURED if quota.of(kind.resource).names(names)]
        counted = {name.removeprefix(COUNT) for name in names if name.startswith(COUNT)}
        counted |= {
            name for name in names if quota.of(name).names((name,))
        }  # those of old, by their plain name
        counted -= {kind.resource for kind in MEASURED}
        missing = [resource for resource in sorted(counted) if resource not in self._objects]
        for kind in await self._kinds(missing):
            if kind.resource in self._objects:
                continue
            informer = self._informers.metadata(kind)
            informer.add_handler(self._handler_of_counted())
            self._objects[kind.resource] = informer
        known = [resource for resource in sorted(counted) if resource in self._objects]
        return [*measured, *(each for each in known if quota.of(each).names(names))]

    async def _kinds(self, resources: Iterable[str]) -> list[Kind]:
        """Built-in kinds by their table; where a name with `.` is none of them, whatever the server says that it has."""
        wanted = set(resources)
        found = {kind.resource: kind for kind in kinds.ALL if kind.resource in wanted and _is_countable(kind)}
        if any("." in name for name in wanted - found.keys()):
            discovery = await discover(self._client)
            found |= {
                kind.resource: kind
                for kind in discovery.preferred()
                if kind.resource in wanted - found.keys() and kind.namespaced
            }
        return list(found.values())

    def _handler_of_counted(self) -> Handler[Any]:
        def deleted(last: Any) -> None:
            self._bring_up(last.metadata.namespace or "")

        return Handler(on_delete=deleted)


def _is_countable(kind: Kind) -> bool:
    return kind.namespaced and kind.is_stored and kind.served_by_default and "watch" in kind.verbs


def _say_the_same(one: core_v1.ResourceQuotaStatus, other: core_v1.ResourceQuotaStatus | None) -> bool:
    return other is not None and all(
        amounts.parsed(mine) == amounts.parsed(theirs)
        for mine, theirs in ((one.hard, other.hard), (one.used, other.used))
    )


def _gives_back(new: core_v1.ResourceQuotaStatus, old: core_v1.ResourceQuotaStatus | None) -> bool:
    """Whether less of something is used than was said."""
    before = amounts.parsed(old.used if old else None)
    return bool(amounts.beyond(amounts.masked(before, new.used or {}), amounts.parsed(new.used)))


def controller(context: Context) -> Controller:
    quotas = Quotas(context)
    return Controller(
        name=NAME, watches=quotas.watches, reconcile=quotas.reconcile, workers=5, feed=quotas.feed
    )
