"""Registers the node and keeps its object true: at the start, when something changes, and every few minutes.

An object that is there already is taken over: what an administrator added to it (labels, taints, ranges) stays.  One that is
deleted while the agent runs is made again.  Life itself is shown by the Lease, which is renewed every ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from podling.agent.config import AgentConfig
from podling.agent.eviction.pressure import Pressure
from podling.agent.kit import NodeFacts
from podling.agent.machine import Machine, capacity
from podling.aio.backoff import Backoff
from podling.aio.clock import Clock
from podling.aio.tasks import Tasks
from podling.api.errors import AlreadyExists, ApiError, NotFound
from podling.api.types import core_v1, meta_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.leases import Heartbeat
from podling.client.resource import PatchType
from podling.runtime.interface import Images, RuntimeInfo

from . import allocatable, status

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=0.2, cap=7.0)
SETTLE_SECONDS = 1.0
"""Changes within this time are told together."""


class NodeObject:
    """``port`` is where the agent's own endpoints are served, 0 for nowhere."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        client: Client,
        machine: Machine,
        facts: NodeFacts,
        info: RuntimeInfo,
        images: Images,
        pressure: Pressure,
        port: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._config = config
        self._nodes = client.resource(core_v1.Node)
        self._machine = machine
        self._facts = facts
        self._info = info
        self._images = images
        self._pressure = pressure
        self._port = port
        self._clock = clock
        self._changed = asyncio.Event()
        self._taken: dict[str, None] = {}
        """Extended resources that the node had and that it must say it has no more."""
        self._node: core_v1.Node | None = None
        self._heartbeat = Heartbeat(
            client,
            name=config.node_name,
            owner=self._owner,
            clock=clock,
            duration_seconds=config.lease_seconds,
        )

    @property
    def node(self) -> core_v1.Node:
        """The object as last written."""
        return self._node or core_v1.Node(metadata=meta_v1.ObjectMeta(name=self._config.node_name))

    @property
    def labels(self) -> dict[str, str]:
        return status.labels(self._machine, self._config, self._info)

    def changed(self) -> None:
        """Something that the object shows is different now."""
        self._changed.set()

    def learn(self, node: core_v1.Node) -> None:
        """The API shows the object so. Where it was given up as lost, as after a broken connection, it is told that the node lives."""
        self._extend((node.status.capacity if node.status else None) or {})
        conditions = (node.status.conditions if node.status else None) or ()
        if any(each.type == "Ready" and each.status == "Unknown" for each in conditions):
            self.changed()

    async def register(self) -> None:
        """Make the object or take over the one that is there; it is not Ready yet.  Waits for the API server."""
        failures = 0
        while True:
            try:
                self._node = await self._make()
            except (ApiError, ClientError) as error:
                failures += 1
                log.warning("cannot register node %s: %s", self._config.node_name, error)
                await asyncio.sleep(_AGAIN.delay(failures))
            else:
                self._extend((self.node.status.capacity if self.node.status else None) or {})
                return

    def _extend(self, capacity: Mapping[str, str]) -> None:
        """Offer the extended resources that an administrator has given the node, and those alone."""
        wanted, offered = allocatable.extended(capacity), allocatable.extended(self._facts.allocatable)
        if wanted == offered:
            return
        for name in offered.keys() - wanted.keys():
            del self._facts.allocatable[name]
            self._taken[name] = None
        self._facts.allocatable.update(wanted)
        self.changed()

    async def run(self, tasks: Tasks) -> None:
        """Renew the lease and keep the object true until cancelled."""
        tasks.start(self._heartbeat.run(), name="lease")
        while True:
            try:
                async with asyncio.timeout(self._config.status_seconds):
                    await self._changed.wait()
                    await asyncio.sleep(SETTLE_SECONDS)
            except TimeoutError:
                log.debug("node %s: status is due", self._config.node_name)
            self._changed.clear()
            await self._write_patiently()

    async def write(self, *, trouble: str = "") -> None:
        """Write the status now; ``trouble``: why the node is not ready.  Raises ApiError and ClientError."""
        patch = msgspec.json.encode({"status": await self._status(trouble)})
        try:
            self._node = await self._nodes.patch(
                self._config.node_name, patch, type=PatchType.STRATEGIC, subresource="status"
            )
        except NotFound:
            log.warning("node %s was deleted, registering it again", self._config.node_name)
            self._node = await self._make()
            await self.write(trouble=trouble)

    async def _write_patiently(self) -> None:
        failures = 0
        while True:
            try:
                await self.write()
            except (ApiError, ClientError) as error:
                failures += 1
                log.log(
                    logging.WARNING if failures == 1 else logging.DEBUG, "cannot write node status: %s", error
                )
                await asyncio.sleep(_AGAIN.delay(failures))
            else:
                return

    async def _make(self) -> core_v1.Node:
        config = self._config
        annotations = status.notes(config, self._info)
        cidrs = list(config.pod_cidrs)
        wanted = core_v1.Node(
            metadata=meta_v1.ObjectMeta(name=config.node_name, labels=self.labels, annotations=annotations),
            spec=core_v1.NodeSpec(pod_cidr=cidrs[0] if cidrs else None, pod_cidrs=cidrs or None),
        )
        try:
            return await self._nodes.create(wanted)
        except AlreadyExists:
            labels = {status.ISOLATION: None, **self.labels}  # None goes: what another runtime left
            notes = {status.NOT_ISOLATED: None, **annotations}
            patch = {"metadata": {"labels": labels, "annotations": notes}}
            return await self._nodes.patch(config.node_name, patch)

    async def _status(self, trouble: str) -> dict[str, Any]:
        config, node = self._config, self.node
        before = (node.status.conditions if node.status else None) or []
        whole = capacity(self._machine, config)
        told = core_v1.NodeStatus(
            addresses=status.addresses(self._facts.host_ips, config),
            capacity=whole,
            allocatable=self._facts.allocatable,
            conditions=status.conditions(
                before, now=self._clock.now(), pressure=self._pressure.conditions, trouble=trouble
            ),
            daemon_endpoints=core_v1.NodeDaemonEndpoints(
                kubelet_endpoint=core_v1.DaemonEndpoint(port=self._port())
            ),
            images=status.images(await self._images.list()),
            node_info=status.node_info(self._machine, config, self._info),
            runtime_handlers=status.runtime_handlers(self._info),
            features=core_v1.NodeFeatures(supplemental_groups_policy=self._info.strict_groups),
        )
        found: dict[str, Any] = msgspec.to_builtins(told)
        found["allocatable"] = {**self._taken, **found["allocatable"]}
        self._taken.clear()
        return found

    def _owner(self) -> meta_v1.OwnerReference | None:
        meta = self.node.metadata
        if not meta.uid:
            return None
        return meta_v1.OwnerReference(api_version="v1", kind="Node", name=meta.name or "", uid=meta.uid)
