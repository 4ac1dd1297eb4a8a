"""The templates that a DaemonSet or StatefulSet has had, each kept as a ControllerRevision that `kubectl rollout undo` can apply.

A revision's data is a patch that puts the template back. The current one is that whose data says what the owner says now; it has the highest number.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import msgspec

from podling.api import codec
from podling.api.errors import AlreadyExists, NotFound
from podling.api.selectors import LabelSelector
from podling.api.types import apps_v1, meta_v1
from podling.client.client import Client
from podling.client.indexes import CONTROLLER_UID
from podling.client.informer import Informer

from .adoption import Adoption
from .hashing import short_hash
from .ownership import controller_of, controller_reference

HASH = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class History:
    current: apps_v1.ControllerRevision
    old: list[apps_v1.ControllerRevision]

    @property
    def hash(self) -> str:
        return (self.current.metadata.labels or {}).get(HASH, "")


class Taken(Exception):
    """Another revision has the name: count one collision more."""


def content(owner: Any) -> dict[str, Any]:
    """The patch that brings the owner's present template back."""
    template = codec.to_dict(owner.spec.template)
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def same(revision: apps_v1.ControllerRevision, wanted: dict[str, Any]) -> bool:
    return bool(msgspec.json.decode(bytes(revision.data)) == msgspec.json.decode(msgspec.json.encode(wanted)))


def make(owner: Any, wanted: dict[str, Any], number: int) -> apps_v1.ControllerRevision:
    hash_ = short_hash(wanted, owner.status.collision_count if owner.status else None)
    metadata = meta_v1.ObjectMeta(
        name=f"{owner.metadata.name}-{hash_}",
        namespace=owner.metadata.namespace,
        labels={**(owner.spec.template.metadata.labels or {}), HASH: hash_},
        annotations=owner.metadata.annotations,
        owner_references=[controller_reference(owner)],
    )
    data = msgspec.Raw(msgspec.json.encode(wanted))
    return apps_v1.ControllerRevision(metadata=metadata, data=data, revision=number)


def surplus(history: History, limit: int, live: Set[str]) -> list[apps_v1.ControllerRevision]:
    """Old revisions beyond `limit`, lowest first; one whose hash a Pod still bears counts, but stays."""
    spent = [each for each in history.old if (each.metadata.labels or {}).get(HASH) not in live]
    spent.sort(key=lambda each: each.revision or 0)
    return spent[: max(0, len(history.old) - limit)]


class Revisions:
    """Keeps the history of owners of one kind."""

    def __init__(self, client: Client, kind: type[Any], known: Informer[Any]) -> None:
        self._writes = client.resource(apps_v1.ControllerRevision)
        self._adoption = Adoption(client.resource(kind), self._writes)
        self._known = known

    async def settle(self, owner: Any, selector: LabelSelector) -> History:
        """The history with the present template at its head. Raises Taken, ApiError."""
        namespace = owner.metadata.namespace
        free = [
            each for each in self._known.by_index(CONTROLLER_UID, "") if each.metadata.namespace == namespace
        ]
        mine = self._known.by_index(CONTROLLER_UID, owner.metadata.uid)
        owned = await self._adoption.settle(owner, selector, [*mine, *free])
        wanted = content(owner)
        fitting = sorted((each for each in owned if same(each, wanted)), key=lambda each: each.revision or 0)
        old = [each for each in owned if not fitting or each is not fitting[-1]]
        number = max((each.revision or 0 for each in old), default=0) + 1
        if not fitting:
            return History(await self._create(owner, wanted, number), old)
        current = fitting[-1]
        if (current.revision or 0) < number:
            current = codec.struct_clone(current)
            current.revision = number
            current = await self._writes.update(current)
        return History(current, old)

    async def remove(self, doomed: Sequence[apps_v1.ControllerRevision]) -> None:
        for each in doomed:
            with contextlib.suppress(NotFound):
                await self._writes.delete(
                    each.metadata.name or "", namespace=each.metadata.namespace, uid=each.metadata.uid
                )

    async def _create(self, owner: Any, wanted: dict[str, Any], number: int) -> apps_v1.ControllerRevision:
        made = make(owner, wanted, number)
        try:
            return await self._writes.create(made)
        except AlreadyExists as error:
            present = await self._writes.get(made.metadata.name or "", namespace=made.metadata.namespace)
            reference = controller_of(present)
            if reference is not None and reference.uid == owner.metadata.uid and same(present, wanted):
                return present  # our informer just has not heard of it
            raise Taken(str(error)) from error
