"""All parts of a cluster in one process: made from the settings, started in the order of a table, stopped in reverse.

``PARTS`` is that table.  Each row's function makes its part, starts it, puts its end on the stack, and returns a
remark for the user.  Parts meet only through the API: each has a client of its own, as the user it is.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

from podling.aio import queuemetrics
from podling.aio.clock import SystemClock
from podling.apiserver.config import Config as ApiConfig
from podling.apiserver.config import TlsFiles
from podling.apiserver.metrics import state
from podling.apiserver.request import UserInfo
from podling.apiserver.server import ApiServer
from podling.apiserver.tls import server_context
from podling.client import Client, kubeconfig_edit
from podling.client.events import EventRecorder
from podling.client.informers import Informers
from podling.controllers.loop import Controllers
from podling.controllers.reconcile import Context
from podling.controllers.settings import ControllerSettings
from podling.scheduler import Scheduler
from podling.store.sqlite import SqliteStore

from . import access, auditing, machine, nodes, pki, runtimeconfig, storage, switches, users
from . import config as settings
from .claim import Holder
from .config import ClusterConfig, write_private
from .control import Control
from .dialer import KubeletDialer
from .fleet import Fleet
from .inprocess import InProcessTransport
from .layout import Layout
from .machine import Choice, NodeParts
from .node import Node
from .nodeagent import certificate_of
from .nodes import NodePlan
from .ports import LOOPBACK, listen_locally
from .progress import Report, Step

log = logging.getLogger(__name__)


class Cluster:
    """One cluster's parts.  ``start`` once, ``stop`` once, also after a start that failed half-way."""

    def __init__(self, layout: Layout, config: ClusterConfig) -> None:
        self.layout = layout
        self.config = config
        self._clock = SystemClock()
        self._chance = random.Random()
        self._stack = AsyncExitStack()
        self._since = time.time()
        self._choice = Choice(runtime="")
        self._first: Node | None = None
        self._fleet: Fleet | None = None

    async def start(self, report: Report) -> None:
        """Start every part in order; each is reported with the time that it took."""
        for part in PARTS:
            begun = time.perf_counter()
            detail = await part(self)
            if detail is None:
                continue
            name = (part.__doc__ or "").partition(".")[0]
            report(
                Step(
                    name=name, seconds=time.perf_counter() - begun, detail=detail, warning=self._warning(part)
                )
            )

    async def stop(self, *, keep_pods: bool) -> None:
        """Stop every part in reverse order; unless ``keep_pods``, the Pods' containers end first, within their grace."""
        running = [part for part in (self._first, self._fleet) if part is not None]
        await asyncio.gather(*(part.stop(keep_pods=keep_pods) for part in running))
        await self._stack.aclose()

    def holder(self, phase: str) -> Holder:
        """What the lock file says of this cluster."""
        choice = self._choice
        return Holder(
            os.getpid(), phase, self._url, choice.runtime, choice.note, self._since, choice.not_isolated
        )

    @property
    def _url(self) -> str:
        return f"https://{LOOPBACK}:{self.config.last_port}"

    def _warning(self, part: PartStart) -> str:
        """Said at once, in full: what Pods here share with the machine, and why."""
        choice = self._choice
        if part is not Cluster._choose or not (choice.note or choice.not_isolated):
            return ""
        shared = [f"     not isolated: {one}" for one in choice.not_isolated]
        return "\n".join([choice.note or f"runtime {choice.runtime}, as asked for", *shared])

    def _client(self, user: UserInfo) -> Client:
        """A client in the name of ``user``, straight into the API server."""
        name = user.name.rpartition(":")[2]
        return Client(
            InProcessTransport(self._server, user), user_agent=f"podling/{name}", field_manager=name
        )

    async def _choose(self) -> str:
        """runtime. The best one that works on this machine, or the one that was asked for."""
        self._plan = nodes.plans(self.config)[0]
        self._choice = await machine.choose(self.config, machine.host_of(self.layout, self._plan))
        self._node = machine.RUNTIMES[self._choice.runtime].make(self.layout, self.config, self._plan)
        return self._choice.runtime

    async def _make_certificates(self) -> str:
        """certificates. Made once, renewed when they must be."""
        await asyncio.to_thread(self._certificates)
        return ""

    def _certificates(self) -> None:
        authority = pki.Pki(self.layout.pki, now=datetime.datetime.now(datetime.UTC))
        address = self._node.address
        service_ip = str(ApiConfig(service_cidr=self.config.service_cidr).service_network()[1])
        authority.ensure_authority()
        authority.ensure("admin", pki.ADMIN)
        authority.ensure("apiserver-kubelet-client", pki.KUBELET_CLIENT)
        server = pki.api_server(service_ip=service_ip, addresses=[address], domain=self.config.cluster_domain)
        authority.ensure("apiserver", server)
        authority.ensure(f"kubelet-{self.config.node}", pki.node_server(self.config.node, address))
        for plan in nodes.plans(self.config)[1:]:
            authority.ensure(f"kubelet-{plan.name}", pki.node_server(plan.name, plan.address))
            authority.ensure(certificate_of(plan), pki.node_client(plan.name))

    async def _make_hosts(self) -> str | None:
        """hosts. A network and control groups for each further node, whose agent loads meanwhile."""
        self._fleet = Fleet(self.layout, self.config)
        await self._fleet.prepare()
        return ", ".join(self._fleet.members) or None

    async def _start_store(self) -> str:
        """store. SQLite; an acknowledged write is on disk."""
        self._store = SqliteStore(self.layout.store)
        await self._store.start()
        self._stack.push_async_callback(self._store.close)
        return ""

    async def _start_api_server(self) -> str:
        """API server. HTTPS on loopback, and on the node's own address for its Pods."""
        ca = (self.layout.pki / "ca.crt").read_bytes()
        listening = listen_locally(self.config.port, last=self.config.last_port)
        self.config = settings.remember_port(self.layout, self.config, listening.getsockname()[1])
        self._dialer = KubeletDialer(self.layout)
        config = ApiConfig(
            service_account_issuer=f"https://kubernetes.default.svc.{self.config.cluster_domain}",
            service_account_key=(self.layout.pki / "sa.key").read_bytes(),
            client_ca=ca,
            cluster_ca=ca,
            service_cidr=self.config.service_cidr,
            advertise_address=self._node.address,
            advertise_port=self.config.last_port,
            minor=self.config.minor,
            runtime_config=runtimeconfig.pairs(self.config.runtime_config, minor=self.config.minor),
            event_ttl_seconds=self.config.event_ttl_seconds,
            access_log=self.config.access_log,
            audit=auditing.settings(self.config, self.layout),
            request_seconds=self.config.request_seconds,
            max_reads_in_flight=self.config.max_requests_inflight,
            max_writes_in_flight=self.config.max_mutating_requests_inflight,
            default_not_ready_toleration_seconds=self.config.default_not_ready_toleration_seconds,
            default_unreachable_toleration_seconds=self.config.default_unreachable_toleration_seconds,
        )
        self._server = ApiServer(
            config, store=self._store, clock=self._clock, random=self._chance, dial=self._dialer
        )
        await self._server.start()
        self._stack.push_async_callback(self._server.close)
        self._dialer.client = self._client(users.API_SERVER)
        await storage.ensure_class(self._dialer.client)
        self._stack.push_async_callback(self._dialer.close)
        self._tls = server_context(self._tls_files("apiserver"), client_ca=ca)
        await self._server.listen(listening, self._tls)
        entry = access.administrator(self.layout, self.config, server=self._url)
        write_private(self.layout.kubeconfig, kubeconfig_edit.render(entry))
        return self._url

    async def _start_controllers(self) -> str:
        """controllers. Each in its own name."""
        informers = await self._informers(users.CONTROLLERS)
        clients = functools.lru_cache(maxsize=None)(lambda name: self._client(users.controller(name)))
        root_ca = (self.layout.pki / "ca.crt").read_text()
        context = Context(
            clients=clients,
            informers=informers,
            clock=self._clock,
            random=self._chance,
            settings=ControllerSettings(
                root_ca=root_ca,
                signing_key=(self.layout.pki / "ca.key").read_bytes(),
                node_monitor_grace_period=self.config.grace_seconds,
                node_monitor_period=self.config.monitor_seconds,
            ),
        )
        rows = switches.rows(self.config.controllers)
        self._controllers = controllers = Controllers(context, rows)
        await controllers.start()
        self._server.metrics.sources.append(self._measured)
        self._stack.push_async_callback(controllers.stop)
        return f"{len(rows)} of them"

    def _measured(self) -> Iterator[str]:
        """What `/metrics` says of the parts around the API server."""
        yield from queuemetrics.lines(self._controllers.queues, asyncio.get_running_loop().time())
        files = self.layout.store.parent.glob(f"{self.layout.store.name}*")
        yield from state.store_size(sum(file.stat().st_size for file in files))

    async def _start_scheduler(self) -> str:
        """scheduler. Filters and scores all nodes at once."""
        informers = await self._informers(users.SCHEDULER)
        client = self._client(users.SCHEDULER)
        events = EventRecorder(client, component="default-scheduler", clock=self._clock)
        await events.start()
        self._stack.push_async_callback(events.stop)
        scheduler = Scheduler(client, informers, events, chance=self._chance)
        await scheduler.start()
        self._stack.push_async_callback(scheduler.stop)
        return ""

    async def _start_network(self) -> str:
        """network. The node's bridge, and routes that keep the ranges at home."""
        start = getattr(self._node.network, "start", None)
        if start is None:
            return "loopback addresses"
        await start()
        self._stack.push_async_callback(self._node.network.close)
        if self._node.address != LOOPBACK:
            reachable = self._node.host.listen(self._node.address, self.config.last_port)
            await self._server.listen(reachable, self._tls)
        if self._fleet is not None:
            self._fleet.begin()
        return self._node.pod_cidr

    async def _start_node(self) -> str:
        """node. Registered and Ready."""
        node = Node(
            self.layout,
            self.config,
            self._plan,
            parts=self._node,
            client=self._client(users.node(self._plan.name)),
        )
        await node.start()
        self._first = node
        return self._plan.name

    async def _start_further_nodes(self) -> str | None:
        """further nodes. Registered and Ready, each in a process of its own; ``podling node`` is answered."""
        assert self._fleet is not None
        await self._fleet.wait_ready()
        reports = {"controllers": lambda: switches.report(self._controllers)}
        control = Control(self.layout, self._fleet, reports)
        await control.start()
        self._stack.push_async_callback(control.close)
        return ", ".join(self._fleet.members) or None

    async def _informers(self, user: UserInfo) -> Informers:
        informers = Informers(self._client(user), random=self._chance)
        await informers.start()
        self._stack.push_async_callback(informers.stop)
        return informers

    def _tls_files(self, name: str) -> TlsFiles:
        return TlsFiles(certificate=self.layout.pki / f"{name}.crt", key=self.layout.pki / f"{name}.key")

    _plan: NodePlan
    _node: NodeParts
    _server: ApiServer


PartStart = Callable[[Cluster], Awaitable[str | None]]
"""Starts a part; what it says is for the user, None where there was nothing to do."""

PARTS: tuple[PartStart, ...] = (
    Cluster._choose,
    Cluster._make_certificates,
    Cluster._make_hosts,
    Cluster._start_store,
    Cluster._start_api_server,
    Cluster._start_controllers,
    Cluster._start_scheduler,
    Cluster._start_network,
    Cluster._start_node,
    Cluster._start_further_nodes,
)
