"""Reads and sets the size of whatever has a `/scale`, by group and kind, custom resources included."""

from __future__ import annotations

from typing import NamedTuple

from podling.api import codec, kinds
from podling.api.gotext import quote
from podling.api.kinds import Kind
from podling.api.types import autoscaling_v1, autoscaling_v2
from podling.client.client import Client
from podling.client.discovery import discover

Reference = autoscaling_v2.CrossVersionObjectReference


class UnknownTarget(Exception):
    """The reference names no kind that is served; the text is upstream's."""


class Target(NamedTuple):
    """What is scaled, and its size as last read."""

    row: Kind
    scale: autoscaling_v1.Scale

    @property
    def wanted(self) -> int:
        """Replicas that are asked for."""
        return (self.scale.spec.replicas if self.scale.spec else None) or 0

    @property
    def there(self) -> int:
        """Replicas that there are."""
        return self.scale.status.replicas if self.scale.status else 0

    @property
    def selector(self) -> str:
        return (self.scale.status.selector if self.scale.status else None) or ""


class Scaling:
    """In the name of the controller."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, namespace: str, reference: Reference) -> Target:
        """Raises UnknownTarget, ApiError, ClientError."""
        row = await self.row(reference)
        answer = await self._client.get_raw(row.url(namespace, reference.name, "scale"))
        return Target(row, codec.struct_decode(autoscaling_v1.Scale, answer))

    async def set(self, namespace: str, target: Target, replicas: int) -> None:
        """Resize what was read; raises Conflict if it has changed since, and what `get` raises."""
        scale = codec.struct_clone(target.scale)
        scale.spec = autoscaling_v1.ScaleSpec(replicas=replicas)
        path = target.row.url(namespace, scale.metadata.name or "", "scale")
        await self._client.put_raw(path, codec.struct_encode(scale))

    async def row(self, reference: Reference) -> Kind:
        """The preferred version of the kind that is meant, whatever version it is written in."""
        group = (reference.api_version or "").rpartition("/")[0]
        for row in kinds.ALL:
            if (row.group, row.kind) == (group, reference.kind) and row.verbs and row.served_by_default:
                return row
        for row in (await discover(self._client)).resources:
            if (row.group, row.kind) == (group, reference.kind):
                return row
        raise UnknownTarget(f"no matches for kind {quote(reference.kind)} in group {quote(group)}")
