"""The shell around ``storage``: informers keep it up to date, and plans are written to the API and waited for.

A plan is written in two sorts of words: a volume that is there is made to refer to its claim, and a claim whose volume is to be made
is told the node.  The binder and a provisioner do the rest; they answer in the same objects.  A provisioner that cannot make the
volume there takes the node off the claim again, and the Pod is placed anew.  (Source: upstream's volumebinding plugin, PreBind.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from podling.api import codec
from podling.api.storage import binding, claims, marks
from podling.api.types import core_v1, storage_v1
from podling.client import Client
from podling.client.informer import Handler, Informer
from podling.client.informers import Informers

from .framework import Cause
from .storage import Claim, Plan, Storage, Volume, key_of

BIND_SECONDS = 600.0
"""How long a Pod waits for its volumes before it is placed anew; upstream's bindTimeoutSeconds."""


class Unfulfilled(Exception):
    """The plan did not come true; the Pod needs another."""


class VolumeBinder:
    """``wake`` is told what changed; ``is_wanted`` whether a Pod still waits for a node."""

    def __init__(
        self,
        client: Client,
        informers: Informers,
        storage: Storage,
        *,
        wake: Callable[[Cause], None],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._claim_writes = client.resource(core_v1.PersistentVolumeClaim)
        self._volume_writes = client.resource(core_v1.PersistentVolume)
        self._storage = storage
        self._wake = wake
        self._is_wanted = is_wanted
        self._changed = asyncio.Event()
        self._informers: list[Informer[Any]] = [
            self._follow(
                informers, core_v1.PersistentVolumeClaim, storage.claims, key_of, Cause.CLAIM_CHANGED
            ),
            self._follow(informers, core_v1.PersistentVolume, storage.volumes, _name, Cause.VOLUME_CHANGED),
            self._follow(informers, storage_v1.StorageClass, storage.classes, _name, Cause.CLASS_CHANGED),
            self._follow(informers, storage_v1.CSINode, storage.limits, _name, Cause.CLASS_CHANGED, _limits),
        ]

    async def wait_synced(self) -> None:
        for informer in self._informers:
            await informer.wait_synced()

    def nudge(self) -> None:
        """Let those who wait for volumes look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def fulfil(self, uid: str, plan: Plan) -> None:
        """Return when every claim of the plan is bound.  Raises ``Unfulfilled``, and what the API says against it."""
        static = {key_of(claim): await self._bind(claim, volume) for claim, volume in plan.static}
        dynamic = [await self._place(claim, plan.node) for claim in plan.dynamic]
        try:
            async with asyncio.timeout(BIND_SECONDS):
                while not self._is_true(uid, static, dynamic, plan.node):
                    await self._changed.wait()
        except TimeoutError as error:
            raise Unfulfilled("binding volumes: context deadline exceeded") from error

    async def _bind(self, claim: Claim, volume: Volume) -> Volume:
        changed = binding.bound_volume(volume, claim)
        return volume if changed is None else await self._volume_writes.update(changed)

    async def _place(self, claim: Claim, node: str) -> Claim:
        notes = claim.metadata.annotations or {}
        if notes.get(marks.SELECTED_NODE) == node:
            return claim
        changed = codec.struct_clone(claim)
        changed.metadata.annotations = notes | {marks.SELECTED_NODE: node}
        return await self._claim_writes.update(changed)

    def _is_true(self, uid: str, static: dict[str, Volume], dynamic: list[Claim], node: str) -> bool:
        if not self._is_wanted(uid):
            raise Unfulfilled("binding volumes: pod does not exist any more")
        bound = [self._is_bound(key, volume) for key, volume in static.items()]
        return all(bound + [self._is_made(claim, node) for claim in dynamic])

    def _is_bound(self, key: str, written: Volume) -> bool:
        volume = self._storage.volumes.get(written.metadata.name or "")
        if volume is None or _is_older(volume, written):
            return False
        ref = volume.spec.claim_ref if volume.spec else None
        if ref is None or not ref.uid:
            name = written.metadata.name
            raise Unfulfilled(f'binding volumes: ClaimRef got reset for pv "{name}"')
        claim = self._storage.claims.get(key)
        return claim is not None and claims.is_bound(claim)

    def _is_made(self, written: Claim, node: str) -> bool:
        claim = self._storage.claims.get(key_of(written))
        if claim is None or claim.metadata.uid != written.metadata.uid:
            raise Unfulfilled(
                "binding volumes: failed to check provisioning pvc: "
                f'could not find v1.PersistentVolumeClaim "{key_of(written)}"'
            )
        if _is_older(claim, written):
            return False
        if (claim.metadata.annotations or {}).get(marks.SELECTED_NODE) != node:
            raise Unfulfilled(f'binding volumes: provisioning failed for PVC "{claim.metadata.name}"')
        return claims.is_bound(claim)

    def _follow(
        self,
        informers: Informers,
        kind: type[Any],
        known: dict[str, Any],
        key: Callable[[Any], str],
        cause: Cause,
        read: Callable[[Any], Any] = lambda obj: obj,
    ) -> Informer[Any]:
        """Keep ``known`` as the API has it, and tell of every change."""

        def put(obj: Any) -> None:
            known[key(obj)] = read(obj)
            self.nudge()
            self._wake(cause)

        def drop(obj: Any) -> None:
            known.pop(key(obj), None)
            self.nudge()

        informer: Informer[Any] = informers.get(kind)
        informer.add_handler(Handler(on_add=put, on_update=lambda _, new: put(new), on_delete=drop))
        return informer


def _name(obj: Any) -> str:
    return obj.metadata.name or ""


def _limits(node: storage_v1.CSINode) -> dict[str, int]:
    return {
        driver.name: driver.allocatable.count
        for driver in node.spec.drivers
        if driver.allocatable is not None and driver.allocatable.count is not None
    }


def _is_older(seen: Claim | Volume, written: Claim | Volume) -> bool:
    return int(seen.metadata.resource_version or 0) < int(written.metadata.resource_version or 0)
