"""Lets go of local volumes whose node is gone for good: nobody else is left who would (`api/storage/localpath`).

Only of those that are released or deleted; a claim that still has such a volume keeps it, and says by its Pod that the node is missing. As
with Pods, a node must be gone for a while, as it may just be registered anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from podling.api import codec, kinds
from podling.api.errors import NotFound
from podling.api.storage import localpath
from podling.api.types import core_v1

from .reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key

NAME = "local-path-controller"


def is_left(volume: core_v1.PersistentVolume) -> bool:
    """Whether the volume waits for the agent of its node to let go of it."""
    held = localpath.FINALIZER in (volume.metadata.finalizers or ())
    return held and (localpath.is_to_be_removed(volume) or localpath.is_let_go(volume))


class LocalVolumes:
    """Remembers since when volumes have no node; everything else it sees in the informers."""

    def __init__(self, context: Context) -> None:
        self.watches = (
            Watch(kind=kinds.PERSISTENT_VOLUME, keys=own_key),
            Watch(kind=kinds.NODE, keys=lambda _: self._left()),
        )
        self._volumes, self._nodes = (watch.informer(context.informers) for watch in self.watches)
        self._writes = context.clients(NAME).resource(core_v1.PersistentVolume)
        self._seconds = context.settings.missing_node_seconds
        self._since: dict[str, float] = {}

    def _left(self) -> Iterable[Key]:
        for volume in self._volumes.list():
            if is_left(volume):
                yield own_key(volume)[0]

    async def reconcile(self, key: Key) -> Outcome:
        volume: core_v1.PersistentVolume | None = self._volumes.get("", key.name)
        if volume is None or not is_left(volume) or self._has_node(volume):
            self._since.pop(key.name, None)
            return DONE
        now = asyncio.get_running_loop().time()
        due = self._since.setdefault(key.name, now) + self._seconds
        if now < due:
            return Again(due - now)
        changed = codec.struct_clone(volume)
        changed.metadata.finalizers = [
            each for each in volume.metadata.finalizers or () if each != localpath.FINALIZER
        ]
        with contextlib.suppress(NotFound):
            await self._writes.update(changed)
            await self._writes.delete(key.name, uid=volume.metadata.uid)
        return DONE

    def _has_node(self, volume: core_v1.PersistentVolume) -> bool:
        names = (
            (node.metadata.labels or {}).get(localpath.HOSTNAME, node.metadata.name or "")
            for node in self._nodes.list()
        )
        return any(localpath.is_on(volume, name) for name in names)


def controller(context: Context) -> Controller:
    volumes = LocalVolumes(context)
    return Controller(name=NAME, watches=volumes.watches, reconcile=volumes.reconcile)
