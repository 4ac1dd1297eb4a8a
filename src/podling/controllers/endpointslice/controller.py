"""Reads a Service's world, has it decided what its slices should say, and writes the difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from podling.api import kinds
from podling.api.selectors import from_set
from podling.api.types import core_v1
from podling.client.events import EventRecorder
from podling.client.indexes import NODE_NAME, by_node_name
from podling.client.informer import Handler
from podling.controllers import backing
from podling.controllers.reconcile import DONE, Context, Controller, Enqueue, Key, Outcome, Watch, own_key
from podling.controllers.slices import BY_SERVICE, Slice, Slices, Writes, by_service, service_key

from . import hints, packing, proportions
from .desired import ZONE, desired

NAME = "endpointslice-controller"


class Homeless(Exception):
    """Pods were left out because their nodes are not known (yet)."""


class ServiceSlices:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        self.watches = (
            Watch(kind=kinds.SERVICE, keys=own_key),
            Watch(
                kind=kinds.ENDPOINT_SLICE,
                keys=lambda slice_: service_key(slice_, packing.MANAGER),
                indexers={BY_SERVICE: by_service},
            ),
            Watch(kind=kinds.POD, keys=lambda _: (), indexers={NODE_NAME: by_node_name}),
            Watch(kind=kinds.NODE, keys=lambda _: ()),
        )
        informers = [watch.informer(context.informers) for watch in self.watches]
        self._services, known, self._pods, self._nodes = informers
        self._slices = Slices(context.clients(NAME), known, packing.MANAGER)
        self._events = events
        self._times = backing.TriggerTimes()

    async def feed(self, enqueue: Enqueue) -> None:
        """Pods and nodes tell of much that does not matter here; only what does brings a Service up."""
        nodes: Handler[Any] = Handler(
            on_add=lambda node: self._node_changed(None, node, enqueue),
            on_update=lambda old, new: self._node_changed(old, new, enqueue),
            on_delete=lambda node: self._node_changed(node, None, enqueue),
        )
        self._nodes.add_handler(nodes)
        follow = backing.following(self._pods, lambda pod: backing.services_of(pod, self._services))
        try:
            await follow(enqueue)
        finally:
            self._nodes.remove_handler(nodes)

    def _node_changed(self, old: core_v1.Node | None, new: core_v1.Node | None, enqueue: Enqueue) -> None:
        if old is not None and new is not None and _of_interest(old) == _of_interest(new):
            return
        present = new or old
        assert present is not None
        for key in {*self._services_on(present.metadata.name or ""), *self._in_proportion()}:
            enqueue(key)

    def _services_on(self, node: str) -> Iterable[Key]:
        for pod in self._pods.by_index(NODE_NAME, node):
            yield from backing.services_of(pod, self._services)

    def _in_proportion(self) -> Iterable[Key]:
        for service in self._services.list():
            if hints.is_auto(service):
                yield own_key(service)[0]

    async def reconcile(self, key: Key) -> Outcome:
        service = self._services.get(key.namespace, key.name)
        if service is None:
            self._slices.forget(key)
            self._times.forget(key)
            return DONE
        if not backing.selects(service) or not self._slices.is_current(key):
            return DONE
        pods = self._pods.list(key.namespace, from_set(service.spec.selector))
        wanted = desired(service, pods, lambda name: self._nodes.get("", name))
        current = self._slices.of(key)
        writes = packing.plan(service, current, wanted)
        events = self._give_hints(service, current, writes)
        writes.recycle(service)
        if service.metadata.deletion_timestamp is not None:
            writes.create.clear()
        _stamp((*writes.create, *writes.update), self._times.next(key, service, pods))
        await self._slices.carry_out(key, writes)
        for type, reason, message in events:
            self._events.event(service, "Warning" if type == "Warning" else "Normal", reason, message)
        if wanted.homeless:
            raise Homeless(_missing(wanted.homeless, service))
        return DONE

    def _give_hints(
        self, service: core_v1.Service, current: list[Slice], writes: Writes
    ) -> list[hints.Event]:
        shares = proportions.ratios(self._nodes.list()) if hints.is_auto(service) else None
        return [
            event
            for family in backing.families(service)
            for event in hints.give(service, current, writes, shares, family)
        ]


def _stamp(slices: Iterable[Slice], time: str | None) -> None:
    for slice_ in slices:
        kept = dict(slice_.metadata.annotations or {})
        kept.pop(backing.TRIGGER_TIME, None)
        slice_.metadata.annotations = {**kept, backing.TRIGGER_TIME: time} if time else kept


def _missing(pods: Iterable[core_v1.Pod], service: core_v1.Service) -> str:
    where = f"{service.metadata.namespace}/{service.metadata.name}"
    return "; ".join(
        f"skipping Pod {pod.metadata.name} for Service {where}: "
        f"Node {(pod.spec.node_name if pod.spec else None) or ''} Not Found"
        for pod in pods
    )


def _of_interest(node: core_v1.Node) -> tuple[object, ...]:
    ready = [
        condition.status
        for condition in (node.status.conditions if node.status else None) or ()
        if condition.type == "Ready"
    ]
    cpu = ((node.status.allocatable if node.status else None) or {}).get("cpu")
    return (node.metadata.labels or {}).get(ZONE), ready, cpu


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    slices = ServiceSlices(context, events)
    return Controller(
        name=NAME,
        watches=slices.watches,
        reconcile=slices.reconcile,
        workers=5,
        services=(events,),
        feed=slices.feed,
    )
