"""The further nodes of a cluster, all of them: prepared while the other parts start, begun, ended, told apart by name.

The first node is not among them: it lives in the cluster's own process, with the API server, and ends with it.
"""

from __future__ import annotations

import asyncio

from podling.aio.tasks import Tasks

from . import machine, nodes
from .config import ClusterConfig
from .errors import BadConfig, ClusterError
from .layout import Layout
from .member import Member
from .nodehost import NodeHost, share_hosts


class Fleet:
    """All further nodes of one cluster.  Nothing happens where there are none."""

    def __init__(self, layout: Layout, config: ClusterConfig) -> None:
        self.first, *further = nodes.plans(config)
        self._layout = layout
        self._transit = machine.transit_of(layout, config)
        self._tasks = Tasks("nodes")
        self._go = asyncio.Event()
        self.members = {
            plan.name: Member(layout, plan, NodeHost(layout, plan, transit=self._transit)) for plan in further
        }

    async def prepare(self) -> None:
        """Make the hosts and start their processes, which then wait for ``begin``: they load while others start."""
        if self.members:
            await asyncio.to_thread(share_hosts, self._layout)
            await asyncio.to_thread(self._transit.set_up)
            async with asyncio.TaskGroup() as group:
                for member in self.members.values():
                    group.create_task(member.power_on(self._tasks, self._go), name=member.plan.name)

    def begin(self) -> None:
        """The API server listens where the nodes reach it."""
        self._go.set()

    async def wait_ready(self) -> None:
        """Return when every node is Ready.  Raises ``StartFailed``."""
        for member in self.members.values():
            await member.wait_ready()

    async def stop(self, *, keep_pods: bool) -> None:
        """End all agents side by side.  Safe to repeat."""
        await asyncio.gather(*(member.leave(keep_pods=keep_pods) for member in self.members.values()))
        await self._tasks.close()

    async def power_on(self, name: str) -> None:
        """Power a stopped node on and return when it is Ready."""
        member = self._member("start", name)
        await member.power_on(self._tasks, self._go)
        await member.wait_ready()

    async def power_off(self, name: str) -> None:
        """Cut a node's power."""
        await self._member("stop", name).power_off()

    async def pause(self, name: str) -> None:
        await self._member("pause", name).pause()

    async def unpause(self, name: str) -> None:
        await self._member("unpause", name).unpause()

    def _member(self, verb: str, name: str) -> Member:
        if name == self.first.name:
            raise BadConfig(
                f"cannot {verb} node {name}: it lives in the cluster's own process, with the API server; "
                "'podling down' stops that"
            )
        if name not in self.members:
            known = ", ".join([self.first.name, *self.members])
            raise ClusterError(f"there is no node {name!r}; the cluster's nodes are {known}")
        return self.members[name]
