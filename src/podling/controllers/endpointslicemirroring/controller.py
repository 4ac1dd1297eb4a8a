"""Keeps the slices that mirror hand-made Endpoints, as long as those are there and are the Service's."""

from __future__ import annotations

from podling.api import kinds
from podling.client.events import EventRecorder
from podling.controllers.reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.slices import BY_SERVICE, Slices, Writes, by_service, service_key

from .decide import MANAGER, mirror, plan, should_mirror

NAME = "endpointslice-mirroring-controller"


class Mirrors:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        self.watches = (
            Watch(kind=kinds.ENDPOINTS, keys=own_key),
            Watch(kind=kinds.SERVICE, keys=own_key),
            Watch(
                kind=kinds.ENDPOINT_SLICE,
                keys=lambda slice_: service_key(slice_, MANAGER),
                indexers={BY_SERVICE: by_service},
            ),
        )
        self._endpoints, self._services, known = (watch.informer(context.informers) for watch in self.watches)
        self._slices = Slices(context.clients(NAME), known, MANAGER)
        self._events = events

    async def reconcile(self, key: Key) -> Outcome:
        endpoints = self._endpoints.get(key.namespace, key.name)
        if not self._slices.is_current(key):
            return DONE
        current = self._slices.of(key)
        if endpoints is None or not should_mirror(endpoints, self._services.get(key.namespace, key.name)):
            await self._slices.carry_out(key, Writes(delete=current))
            return DONE
        wanted = mirror(endpoints)
        for reason, message in wanted.events():
            self._events.event(endpoints, "Warning", reason, message)
        writes = plan(endpoints, current, wanted)
        writes.recycle(endpoints)
        if endpoints.metadata.deletion_timestamp is not None:
            writes.create.clear()
        await self._slices.carry_out(key, writes)
        return DONE


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    mirrors = Mirrors(context, events)
    return Controller(
        name=NAME, watches=mirrors.watches, reconcile=mirrors.reconcile, workers=5, services=(events,)
    )
