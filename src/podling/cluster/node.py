"""A node at work: its agent and the endpoints that the API server calls, on the mechanisms that ``machine`` made.

The same for the node in the main process and for those in processes of their own; they differ in their client and in
their ``Host``.
"""

from __future__ import annotations

import asyncio
import random

from podling.agent.agent import Agent
from podling.agent.config import AgentConfig
from podling.agent.imagegc.decision import Policy
from podling.agent.server.access import Delegated
from podling.agent.server.server import KubeletServer
from podling.aio.clock import SystemClock
from podling.apiserver.config import TlsFiles
from podling.apiserver.tls import server_context
from podling.client import Client

from . import caps, guard, manifests
from .config import ClusterConfig
from .layout import Layout
from .machine import NodeParts
from .nodes import NodePlan


class Node:
    """One node.  ``start`` once, ``stop`` once, also after a start that failed; ``parts.network`` is its caller's."""

    def __init__(
        self, layout: Layout, config: ClusterConfig, plan: NodePlan, *, parts: NodeParts, client: Client
    ) -> None:
        self._layout = layout
        self._config = config
        self._plan = plan
        self._parts = parts
        self._endpoints: KubeletServer | None = None
        guarded = guard.of(config)
        self._agent = Agent(
            AgentConfig(
                node_name=plan.name,
                kubelet_version=f"v1.{config.minor}.0",
                address=parts.address,
                cluster_domain=config.cluster_domain,
                pod_cidrs=(parts.pod_cidr,),
                lease_seconds=config.lease_seconds,
                cpus=config.node_cpus or None,
                memory=config.node_memory_bytes or None,
                allowed_unsafe_sysctls=config.sysctls,
                eviction=guarded.eviction,
                reserved=guarded.reserved,
                pod_pids=guarded.pod_pids,
                image_records=layout.images / "pulls",
                parallel_pulls=config.max_parallel_image_pulls,
                image_garbage=Policy(
                    high_percent=config.image_gc_high_threshold, low_percent=config.image_gc_low_threshold
                ),
            ),
            host=parts.host,
            client=client,
            runtime=parts.runtime,
            images=parts.images,
            clock=SystemClock(),
            random=random.Random(),
            manifests=manifests.of(config),
        )

    async def start(self) -> None:
        """Return when the node is registered and Ready, and its endpoints are served."""
        if self._parts.caps:
            await asyncio.to_thread(caps.impose, self._config, self._plan, self._parts.host.cgroup)
        start_images = getattr(self._parts.images, "start", None)
        if start_images is not None:
            await start_images()
        listening = self._parts.host.listen(self._parts.address, 0)
        agent = self._agent
        agent.port = listening.getsockname()[1]
        await agent.start()
        self._endpoints = KubeletServer(
            agent.kit,
            agent.pods,
            authorize=Delegated(agent.kit.client, node=self._plan.name, clock=agent.kit.clock),
        )
        name, pki = f"kubelet-{self._plan.name}", self._layout.pki
        tls = TlsFiles(certificate=pki / f"{name}.crt", key=pki / f"{name}.key")
        await self._endpoints.listen(listening, server_context(tls, client_ca=(pki / "ca.crt").read_bytes()))

    async def stop(self, *, keep_pods: bool) -> None:
        """Stop; unless ``keep_pods``, the Pods' containers end first, within their grace."""
        await self._agent.stop(keep_pods=keep_pods)
        if self._endpoints is not None:
            await self._endpoints.close()
