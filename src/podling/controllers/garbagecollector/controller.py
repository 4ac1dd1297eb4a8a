"""Acts on the graph: keys are UIDs.

Whether an owner that is not in the graph exists is asked of the server itself, and what is to be changed or deleted is read afresh and changed
only as it was read: watches of different kinds run at different speeds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from podling.api import codec
from podling.api.errors import NotFound
from podling.api.types import core_v1, meta_v1
from podling.client.events import EventRecorder
from podling.client.wire import PartialObject
from podling.controllers.reconcile import DONE, Context, Controller, Enqueue, Key, Outcome, Terminal

from . import decide
from .decide import Standing
from .graph import Node, Owner, node_of
from .monitors import Monitors

NAME = "garbage-collector-controller"
WORKERS = 20


class GarbageCollector:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        self._client = context.clients(NAME)
        self._monitors = Monitors(self._client, context.informers)
        self._graph = self._monitors.graph
        self._events = events
        self._enqueue: Enqueue = _nowhere

    async def feed(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        await self._monitors.feed(enqueue)

    async def reconcile(self, key: Key) -> Outcome:
        node = self._graph.get(key.name)
        if node is not None and self._monitors.complete:
            if node.is_deleting:
                await self._reconcile_deleting(node)
            elif node.owners:
                await self._reconcile_dependent(node)
        return DONE

    async def _reconcile_deleting(self, node: Node) -> None:
        match decide.of_deleting(node, self._graph.dependents(node.uid)):
            case decide.FreeDependents(dependents):
                async with asyncio.TaskGroup() as group:
                    for each in dependents:
                        group.create_task(
                            self._drop_owners(each, frozenset((node.uid,))), name=f"{NAME}/free"
                        )
                await self._take_off_finalizer(node)
            case decide.LetGo():
                await self._take_off_finalizer(node)
            case decide.AskDependents(uids):
                for uid in uids:
                    self._enqueue(Key("", uid))
            case decide.Leave():
                pass

    async def _reconcile_dependent(self, node: Node) -> None:
        cached = [(owner, await self._standing(node, owner)) for owner in node.owners]
        if isinstance(decide.of_dependent(node, cached, ()), decide.Leave):
            return
        fresh = await self._read(node)
        if fresh is None:
            return
        now = node_of(node.kind, fresh)
        if now.is_deleting:
            return
        standings = [(owner, await self._standing(now, owner)) for owner in now.owners]
        match decide.of_dependent(now, standings, self._graph.dependents(now.uid)):
            case decide.DropOwners(uids):
                await self._drop_owners(now, uids)
            case decide.Delete(policy, unblock):
                if unblock:
                    fresh = await self._unblock(now, fresh)
                await self._delete(now, fresh, policy)
            case decide.Leave():
                pass

    async def _standing(self, node: Node, owner: Owner) -> Standing:
        row = self._monitors.row(owner.api_version, owner.kind)
        if row is None:
            raise Terminal(
                f"cannot tell whether the owner of {node} exists: there is no {owner.api_version} {owner.kind}"
            )
        if row.namespaced and not node.namespace:
            raise Terminal(
                f"{node} has no namespace, so {owner.kind} {owner.name}, which has one, cannot own it"
            )
        known = self._graph.get(owner.uid)
        if known is not None and (known.kind.kind, known.name) == (row.kind, owner.name):
            if known.namespace in ("", node.namespace):
                return Standing.WAITING if known.waits_for_dependents else Standing.THERE
            self._tell_of_wrong_namespace(node, owner)
        with contextlib.suppress(NotFound):
            namespace = node.namespace if row.namespaced else None
            found = await self._client.partial(row).get(owner.name, namespace=namespace)
            if found.metadata.uid == owner.uid:
                waits = node_of(row, found).waits_for_dependents
                return Standing.WAITING if waits else Standing.THERE
        return Standing.GONE

    def _tell_of_wrong_namespace(self, node: Node, owner: Owner) -> None:
        about = core_v1.ObjectReference(
            kind=node.kind.kind,
            api_version=node.kind.api_version,
            namespace=node.namespace,
            name=node.name,
            uid=node.uid,
        )
        named = f"[{owner.api_version}/{owner.kind}, namespace: {node.namespace}, name: {owner.name}, uid: {owner.uid}]"
        self._events.event(
            about,
            "Warning",
            "OwnerRefInvalidNamespace",
            f'ownerRef {named} does not exist in namespace "{node.namespace}"',
        )

    async def _read(self, node: Node) -> PartialObject | None:
        """The object as it is now; None when it is gone or another one of that name."""
        try:
            found = await self._client.partial(node.kind).get(node.name, namespace=node.namespace or None)
        except NotFound:
            return None
        return found if found.metadata.uid == node.uid else None

    async def _drop_owners(self, node: Node, uids: frozenset[str]) -> None:
        fresh = await self._read(node)
        if fresh is None:
            return
        references = fresh.metadata.owner_references or []
        kept = [reference for reference in references if reference.uid not in uids]
        if len(kept) != len(references):
            await self._write_owners(node, fresh, kept)

    async def _unblock(self, node: Node, fresh: PartialObject) -> PartialObject:
        for reference in fresh.metadata.owner_references or ():
            reference.block_owner_deletion = False
        return await self._write_owners(node, fresh, fresh.metadata.owner_references or ())

    async def _write_owners(
        self, node: Node, fresh: PartialObject, references: Sequence[meta_v1.OwnerReference]
    ) -> PartialObject:
        listed = [codec.to_dict(reference) for reference in references]
        return await self._patch(node, fresh, {"ownerReferences": listed or None})

    async def _take_off_finalizer(self, node: Node) -> None:
        fresh = await self._read(node)
        names = (fresh.metadata.finalizers if fresh else None) or []
        if fresh is not None and node.finalizer in names:
            kept = [name for name in names if name != node.finalizer]
            await self._patch(node, fresh, {"finalizers": kept or None})

    async def _patch(self, node: Node, fresh: PartialObject, change: dict[str, Any]) -> PartialObject:
        """Change metadata of exactly the object that was read: Conflict if it is another by now."""
        base = {"uid": node.uid, "resourceVersion": fresh.metadata.resource_version}
        try:
            return await self._client.partial(node.kind).patch(
                node.name, {"metadata": {**base, **change}}, namespace=node.namespace or None
            )
        except NotFound:
            return fresh

    async def _delete(self, node: Node, fresh: PartialObject, policy: str) -> None:
        with contextlib.suppress(NotFound):
            await self._client.partial(node.kind).delete(
                node.name,
                namespace=node.namespace or None,
                propagation_policy=policy,
                uid=node.uid,
                resource_version=fresh.metadata.resource_version,
            )


def _nowhere(key: Key) -> None:
    """Before the feed runs nothing is reconciled, so nothing is brought up either."""


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    collector = GarbageCollector(context, events)
    return Controller(
        name=NAME,
        watches=(),
        reconcile=collector.reconcile,
        feed=collector.feed,
        services=(events,),
        workers=WORKERS,
    )
