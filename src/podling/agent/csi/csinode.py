"""What the API shows of a node's CSI drivers: its CSINode, an annotation and the topology's labels of its Node.

(Source: kubelet `pkg/volume/csi/nodeinfomanager`.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from podling.api.errors import NotFound
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.client.client import Client

from .drivers import Driver

NODE_IDS = "csi.volume.kubernetes.io/nodeid"


class CsiNode:
    """``node`` gives the Node's object as last known."""

    def __init__(self, client: Client, node: Callable[[], core_v1.Node]) -> None:
        self._nodes = client.resource(core_v1.Node)
        self._objects = client.resource(storage_v1.CSINode)
        self._node = node

    async def write(self, drivers: Sequence[Driver]) -> None:
        """Show exactly these drivers.  Raises ApiError and ClientError."""
        node = self._node()
        shown = [show(driver) for driver in drivers]
        try:
            found = await self._objects.get(node.metadata.name or "")
        except NotFound:
            await self._objects.create(_new(node, shown))
        else:
            if found.spec.drivers != shown:
                found.spec.drivers = shown
                await self._objects.update(found)
        await self._tell_node(node, drivers)

    async def _tell_node(self, node: core_v1.Node, drivers: Sequence[Driver]) -> None:
        ids = {driver.name: driver.node_id for driver in drivers}
        known = (node.metadata.annotations or {}).get(NODE_IDS)
        if not ids and known is None:
            return
        labels = {key: value for driver in drivers for key, value in driver.topology.items()}
        notes = {NODE_IDS: json.dumps(ids, separators=(",", ":")) if ids else None}
        patch = {"metadata": {"annotations": notes, **({"labels": labels} if labels else {})}}
        await self._nodes.patch(node.metadata.name or "", patch)


def show(driver: Driver) -> storage_v1.CSINodeDriver:
    """One driver's entry."""
    count = driver.max_volumes
    return storage_v1.CSINodeDriver(
        name=driver.name,
        node_id=driver.node_id,
        topology_keys=sorted(driver.topology) or None,
        allocatable=storage_v1.VolumeNodeResources(count=count) if count > 0 else None,
    )


def _new(node: core_v1.Node, drivers: list[storage_v1.CSINodeDriver]) -> storage_v1.CSINode:
    meta = node.metadata
    owner = meta_v1.OwnerReference(api_version="v1", kind="Node", name=meta.name or "", uid=meta.uid or "")
    return storage_v1.CSINode(
        metadata=meta_v1.ObjectMeta(name=meta.name, owner_references=[owner]),
        spec=storage_v1.CSINodeSpec(drivers=drivers),
    )
