"""Carrying out what `ownership.claim` found: taking over what nobody controls, letting go of what matches no longer.

Before anything is adopted the server is asked whether the owner is still there and is to stay: informers lag, and an object adopted by an owner that
is being deleted would be deleted with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from podling.api import codec
from podling.api.errors import Conflict, Invalid, NotFound
from podling.api.selectors import LabelSelector
from podling.client.resource import PatchType, Resource

from .ownership import claim, controller_reference


class Adoption:
    """`owners` and `objects`: both kinds, through the controller's own client. `finalizers`: put on what is adopted."""

    def __init__(
        self, owners: Resource[Any], objects: Resource[Any], *, finalizers: Sequence[str] = ()
    ) -> None:
        self._owners = owners
        self._objects = objects
        self._finalizers = {"finalizers": [*finalizers]} if finalizers else {}

    async def settle(self, owner: Any, selector: LabelSelector, candidates: Iterable[Any]) -> list[Any]:
        """The objects that the owner controls, after adopting and releasing."""
        found = claim(owner, selector, candidates)
        if found.adopt and await self._may_adopt(owner):
            for obj in found.adopt:
                if await self._adopt(owner, obj):
                    found.owned.append(obj)
        for obj in found.release:
            await self._release(owner, obj)
        return found.owned

    async def _may_adopt(self, owner: Any) -> bool:
        try:
            fresh = await self._owners.get(owner.metadata.name, namespace=owner.metadata.namespace)
        except NotFound:
            return False
        return bool(fresh.metadata.uid == owner.metadata.uid and fresh.metadata.deletion_timestamp is None)

    async def _adopt(self, owner: Any, obj: Any) -> bool:
        reference = codec.to_dict(controller_reference(owner))
        return await self._patch(obj, {"ownerReferences": [reference], **self._finalizers})

    async def _release(self, owner: Any, obj: Any) -> bool:
        return await self._patch(obj, {"ownerReferences": [{"$patch": "delete", "uid": owner.metadata.uid}]})

    async def _patch(self, obj: Any, metadata: dict[str, Any]) -> bool:
        """Whether it was done: the object may be gone, or somebody else's by now."""
        patch = {"metadata": {"uid": obj.metadata.uid, **metadata}}
        try:
            await self._objects.patch(
                obj.metadata.name, patch, namespace=obj.metadata.namespace, type=PatchType.STRATEGIC
            )
        except (NotFound, Invalid, Conflict):
            return False
        return True
