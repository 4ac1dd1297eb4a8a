"""Writes the Endpoints of Services with a selector, and removes those of Services that are gone, whoever wrote them."""

from __future__ import annotations

from typing import Any

from podling.api import kinds
from podling.api.errors import ApiError, NotFound
from podling.api.selectors import from_set
from podling.api.types import core_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.informer import Handler
from podling.controllers import backing
from podling.controllers.expectations import Expectations
from podling.controllers.reconcile import DONE, Context, Controller, Enqueue, Key, Outcome, Watch, own_key
from podling.controllers.termination import TERMINATING_CAUSE

from .decide import MANAGED_BY, MANAGER, decide

NAME = "endpoints-controller"


class ServiceEndpoints:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        self.watches = (
            Watch(kind=kinds.SERVICE, keys=own_key),
            Watch(kind=kinds.ENDPOINTS, keys=own_key),
            Watch(kind=kinds.POD, keys=lambda _: ()),
        )
        self._services, self._known, self._pods = (
            watch.informer(context.informers) for watch in self.watches
        )
        self._writes = context.clients(NAME).resource(core_v1.Endpoints)
        self._expectations = Expectations(self._known)
        self._events = events
        self._times = backing.TriggerTimes()
        self._bereaved: set[Key] = set()

    async def feed(self, enqueue: Enqueue) -> None:
        """Pods, as far as they matter; and which Services have gone: Endpoints that never had one are nobody's to remove."""

        def gone(service: core_v1.Service) -> None:
            (key,) = own_key(service)
            self._bereaved.add(key)
            enqueue(key)

        handler: Handler[Any] = Handler(on_delete=gone)
        self._services.add_handler(handler)
        follow = backing.following(self._pods, lambda pod: backing.services_of(pod, self._services))
        try:
            await follow(enqueue)
        finally:
            self._services.remove_handler(handler)

    async def reconcile(self, key: Key) -> Outcome:
        service = self._services.get(key.namespace, key.name)
        current = self._known.get(key.namespace, key.name)
        if service is None:
            await self._clean_up(key, current)
        elif backing.selects(service) and self._expectations.satisfied(key):
            pods = self._pods.list(key.namespace, from_set(service.spec.selector))
            time = self._times.next(key, service, pods)
            wanted = decide(service, pods, current)
            if wanted is not None:
                await self._write(key, service, _stamped(wanted, time), is_new=current is None)
        return DONE

    async def _clean_up(self, key: Key, current: core_v1.Endpoints | None) -> None:
        self._expectations.forget(key)
        self._times.forget(key)
        if current is not None:
            labels = current.metadata.labels or {}
            if key in self._bereaved or labels.get(MANAGED_BY) == MANAGER:
                await self._delete(current)
        self._bereaved.discard(key)

    async def _delete(self, current: core_v1.Endpoints) -> None:
        meta = current.metadata
        try:
            await self._writes.delete(meta.name or "", namespace=meta.namespace, uid=meta.uid)
        except NotFound:
            return

    async def _write(
        self, key: Key, service: core_v1.Service, wanted: core_v1.Endpoints, *, is_new: bool
    ) -> None:
        try:
            written = await (self._writes.create if is_new else self._writes.update)(wanted)
        except (ApiError, ClientError) as error:
            if isinstance(error, ApiError) and error.has_cause(TERMINATING_CAUSE):
                return
            reason, what = (
                ("FailedToCreateEndpoint", "create endpoint for service")
                if is_new
                else ("FailedToUpdateEndpoint", "update endpoint")
            )
            self._events.event(service, "Warning", reason, f"Failed to {what} {key}: {error}")
            raise
        self._expectations.created(key, written)


def _stamped(wanted: core_v1.Endpoints, time: str | None) -> core_v1.Endpoints:
    kept = dict(wanted.metadata.annotations or {})
    kept.pop(backing.TRIGGER_TIME, None)
    wanted.metadata.annotations = {**kept, backing.TRIGGER_TIME: time} if time else kept
    return wanted


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="endpoint-controller", clock=context.clock)
    endpoints = ServiceEndpoints(context, events)
    return Controller(
        name=NAME,
        watches=endpoints.watches,
        reconcile=endpoints.reconcile,
        workers=5,
        services=(events,),
        feed=endpoints.feed,
    )
