"""How many Pods the owners of some Pods want.

The kinds that make Pods are looked up in informers; a ReplicaSet of a Deployment counts as its Deployment, so that a rollout is not two
owners. Any other kind is asked for its `/scale`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from podling.api import codec, kinds
from podling.api.errors import NotFound
from podling.api.gotext import quote
from podling.api.kinds import Kind
from podling.api.types import autoscaling_v1, core_v1, meta_v1
from podling.client.client import Client
from podling.client.discovery import discover
from podling.client.informer import Informer
from podling.controllers.ownership import controller_of

KNOWN = (kinds.REPLICATION_CONTROLLER, kinds.REPLICA_SET, kinds.DEPLOYMENT, kinds.STATEFUL_SET)


class Uncountable(Exception):
    """There is no telling how many Pods there should be; the text says why."""


@dataclass(frozen=True, slots=True)
class Scale:
    total: int
    unmanaged: bool
    """Some Pod has no owner."""


class Scales:
    """`informers` are those of `KNOWN`, in this order."""

    def __init__(self, client: Client, informers: Iterable[Informer[Any]]) -> None:
        self._client = client
        self._known = {(row.group, row.kind): found for row, found in zip(KNOWN, informers, strict=True)}

    async def of(self, pods: Iterable[core_v1.Pod]) -> Scale:
        """The sum over all owners; raises Uncountable, ApiError, ClientError."""
        wanted: dict[str, int] = {}
        unmanaged = False
        for pod in pods:
            owner = controller_of(pod)
            if owner is None:
                unmanaged = True
            elif owner.uid not in wanted:
                found = await self._owner(owner, pod.metadata.namespace or "")
                if found is None:
                    raise Uncountable(f"found no controllers for pod {quote(pod.metadata.name or '')}")
                uid, replicas = found
                wanted[uid] = replicas
        return Scale(sum(wanted.values()), unmanaged)

    async def _owner(self, owner: meta_v1.OwnerReference, namespace: str) -> tuple[str, int] | None:
        """UID and wanted Pods of what is behind the reference; None if it is gone or another of that name."""
        informer = self._known.get((owner.api_version.rpartition("/")[0], owner.kind))
        if informer is None:
            return await self._ask(owner, namespace)
        found = informer.get(namespace, owner.name)
        if found is None or found.metadata.uid != owner.uid:
            return None
        above = controller_of(found)
        if above is not None and (owner.kind, above.kind) == ("ReplicaSet", "Deployment"):
            return await self._owner(above, namespace)
        return owner.uid, found.spec.replicas or 0

    async def _ask(self, owner: meta_v1.OwnerReference, namespace: str) -> tuple[str, int] | None:
        row = await self._row(owner)
        if "scale" not in row.subresources:
            raise Uncountable(f"{row.resource} does not implement the scale subresource")
        try:
            answer = await self._client.get_raw(row.url(namespace, owner.name, "scale"))
            scale = codec.struct_decode(autoscaling_v1.Scale, answer)
        except NotFound:
            return None
        except codec.Malformed as error:
            raise Uncountable(f"cannot read the scale of {row.resource} {owner.name}: {error}") from error
        if scale.metadata.uid != owner.uid:
            return None
        return owner.uid, (scale.spec.replicas if scale.spec else None) or 0

    async def _row(self, owner: meta_v1.OwnerReference) -> Kind:
        try:
            return kinds.by_api_version(owner.api_version, owner.kind)
        except kinds.UnknownKind:
            for row in (await discover(self._client)).resources:
                if (row.api_version, row.kind) == (owner.api_version, owner.kind):
                    return row
        raise Uncountable(f'no matches for kind "{owner.kind}" in version "{owner.api_version}"')
