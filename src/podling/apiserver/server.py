"""The API server as a whole: its parts made, started and stopped in order.

    store (its owner's) -> watch cache -> RBAC index -> bootstrap objects -> ready -> listeners

`handle` is the one way in for requests, from sockets and from clients in this process alike.  Closing goes backwards:
new connections are refused, streams end, requests under way are finished, the cache lets go of the store.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Iterator
from functools import partial

from podling.aio.clock import Clock
from podling.aio.service import Service, State
from podling.api import codec, kinds
from podling.api.levels import Level
from podling.api.selectors import parse_fields
from podling.api.types import core_v1
from podling.store.interface import Store
from podling.store.watchcache import Selection, WatchCache

from . import endpoints, indexing, serving, startup
from .admission import PLUGINS, Admission, Plugin
from .admission.resource_quota import ResourceQuotas
from .audit.auditor import Auditor
from .auth import escalation, signers
from .auth.authenticate import Authenticator
from .auth.bootstrap import NODE_RULES
from .auth.node import NodeAuthorizer
from .auth.tokens import ServiceAccountTokens
from .budget import Budget
from .call import NodeDialer, Services
from .config import Config
from .discovery import Discovery
from .expiry import Expiry
from .fairness.following import FollowingGate
from .fairness.keeper import Keeper
from .health import Health
from .listener import Listener
from .metrics import Metrics, state
from .openapi import OpenApi
from .pipeline import Pipeline
from .quotastatus import QuotaStatus
from .rbac_feed import FollowingAuthorizer
from .request import Request, Response
from .resource import Resources
from .strategies import Addresses
from .turns import Turns
from .usage.collector import Collector
from .world import World

DRAIN_SECONDS = 5.0


class ApiServer(Service):
    """One API server over a started store."""

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        clock: Clock,
        random: random.Random,
        dial: NodeDialer,
    ) -> None:
        super().__init__("apiserver")
        self.config = config
        self.cache = WatchCache(store, splice=codec.splice_revision)
        self.metrics = Metrics(self)
        self._is_bootstrapped = False
        self._services = self._assemble(clock, random, dial)
        self._endpoints = self._make_endpoints()
        self._gate = self._make_gate()
        self._pipeline = Pipeline(self._services, endpoints=self._endpoints, gate=self._gate)
        self._listener: Listener | None = None
        self.metrics.sources.append(self._state)

    async def handle(self, request: Request) -> Response:
        """Serve one request; `request.user` set skips authentication and nothing else."""
        return await self._pipeline.handle(request)

    async def listen(self, sock: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        """Serve HTTPS on a bound socket (plain HTTP without a context); owns the socket from now on."""
        if self._listener is None:
            self._listener = Listener(
                self._pipeline, max_body=self.config.max_body_bytes, budget=Budget(self.config.max_held_bytes)
            )
        await self._listener.listen(sock, ssl_context)

    def is_served(self, group: str, version: str, resource: str, subresource: str) -> bool:
        """For `metrics`: whether there is such a resource."""
        row = self._services.resources.find(group, version, resource)
        return row is not None and (not subresource or subresource in row.subresources)

    def place(self, path: str) -> str:
        """For `metrics`: the endpoint that answers a path; "" if none does."""
        return self._endpoints.place(path)

    async def close(self) -> None:
        """Stop; safe to repeat."""
        await self.stop(drain_seconds=DRAIN_SECONDS)

    async def _start(self) -> None:
        await self.cache.start()
        self._authorizer.start()
        await startup.bootstrap(self._services)
        keeper = self._make_keeper()
        await keeper.keep()
        if self._gate is not None:
            self._gate.start()
        self._is_bootstrapped = True
        self.tasks.start(keeper.run(), name="rules of priority and fairness")
        events = self._services.world.collection(kinds.EVENT)
        expiry = Expiry(self.cache, events, self._services.clock, seconds=self.config.event_ttl_seconds)
        self.tasks.start(expiry.run(), name="expiry of events")

    async def _drain(self) -> None:
        self._services.closing.set()
        if self._listener is not None:
            self._listener.stop_accepting()
        await self._pipeline.wait_idle()

    async def _close(self) -> None:
        self._services.closing.set()
        self._authorizer.close()
        if self._gate is not None:
            self._gate.close()
        await self.cache.stop()
        if self._listener is not None:
            await self._listener.close()
        if self._services.auditor is not None:
            self._services.auditor.close()

    def _assemble(self, clock: Clock, chance: random.Random, dial: NodeDialer) -> Services:
        config = self.config
        level = Level(config.minor)
        self._served = serving.served(config.runtime_config, level=level)
        configs = indexing.collection_configs(self._served)
        collections = {
            each.prefix.removeprefix("/registry/").rstrip("/"): self.cache.add(each) for each in configs
        }
        world = World(collections, config, chance)
        self._authorizer = FollowingAuthorizer(
            world,
            NodeAuthorizer(
                NODE_RULES,
                lambda name: _pods_on(world, name),
                volumes=lambda: world.bodies(kinds.PERSISTENT_VOLUME),
            ),
        )
        tokens = ServiceAccountTokens(
            issuer=config.service_account_issuer,
            signing_key=config.service_account_key,
            trusted_keys=config.service_account_public_keys,
            audiences=config.api_audiences,
        )
        addresses = Addresses(
            config.service_network(),
            config.node_port_range,
            services=lambda: _service_specs(world),
            chance=chance,
        )
        quotas = ResourceQuotas(QuotaStatus(self.cache, world.collection(kinds.RESOURCE_QUOTA)).write, clock)
        by_name = {
            "ServiceAccount": kinds.SERVICE_ACCOUNT,
            "Pod": kinds.POD,
            "Secret": kinds.SECRET,
            "Node": kinds.NODE,
        }
        return Services(
            config=config,
            clock=clock,
            chance=chance,
            level=level,
            cache=self.cache,
            world=world,
            resources=Resources(self._served, collections, addresses, level),
            authenticator=Authenticator(
                tokens=tokens if config.service_account_key else None,
                static_tokens=config.static_tokens,
                existing=lambda kind, namespace, name: world.uid(by_name[kind], namespace, name),
                clock=clock,
            ),
            authorizer=self._authorizer,
            tokens=tokens,
            dial=dial,
            usage=Collector(dial, clock),
            admission=Admission(world, (*PLUGINS, *self._judges(), quotas.plugin())),
            turns=Turns(self.cache),
            metrics=self.metrics,
            auditor=_auditor(config, clock),
            closing=asyncio.Event(),
        )

    def _judges(self) -> Iterator[Plugin]:
        """What admits by the rights of whoever asks."""
        yield from signers.plugins(self._authorizer)
        yield escalation.plugin(self._authorizer)

    def _make_gate(self) -> FollowingGate | None:
        config = self.config
        seats = config.max_reads_in_flight + config.max_writes_in_flight
        if not config.fairness or not seats:
            return None
        return FollowingGate(self._services.world, seats, lambda: asyncio.get_running_loop().time())

    def _make_keeper(self) -> Keeper:
        services = self._services
        return Keeper(
            services.world,
            services.clock,
            ensure=partial(startup.ensure, services),
            show=partial(startup.show, services),
        )

    def _make_endpoints(self) -> endpoints.Endpoints:
        config, services = self.config, self._services
        return endpoints.made(
            config=config,
            level=services.level,
            discovery=Discovery(
                self._served,
                address=f"{config.advertise_address}:{config.advertise_port}",
                level=services.level,
            ),
            openapi=OpenApi(self._served, level=services.level, version=config.version),
            health=self._health(),
            metrics=self.metrics,
            tokens=services.tokens,
        )

    def _state(self) -> Iterator[str]:
        """What `/metrics` says of the present."""
        services, now = self._services, asyncio.get_running_loop().time()
        stored = (kind for kind in self._served if kind.is_stored and kinds.storage_kind(kind) is kind)
        yield from state.stored({kind: services.world.collection(kind) for kind in stored})
        yield from services.admission.timing.lines()
        yield from state.in_flight(self._pipeline.highest(now))
        if self._gate is not None:
            yield from self._gate.lines()
        if services.auditor is not None:
            yield from services.auditor.lines()
        yield from state.build(endpoints.version_info(self.config.version, services.level))

    def _health(self) -> Health:
        def following() -> str:
            return "" if self.cache.state is State.READY else f"the watch cache is {self.cache.state.value}"

        def bootstrapped() -> str:
            return "" if self._is_bootstrapped else "bootstrap objects are not there yet"

        def staying() -> str:
            return "the server is shutting down" if self._services.closing.is_set() else ""

        return Health(
            alive={
                "ping": lambda: "",
                "log": lambda: "",
                "etcd": following,
                "poststarthook/rbac/bootstrap-roles": bootstrapped,
                "poststarthook/scheduling/bootstrap-system-priority-classes": bootstrapped,
            },
            ready={"informer-sync": following, "shutdown": staying},
        )


def _pods_on(world: World, node: str) -> list[core_v1.Pod]:
    from_node = Selection(fields=parse_fields(f"spec.nodeName={node}"))
    return list(world.bodies(kinds.POD, from_node))


def _service_specs(world: World) -> Iterator[core_v1.ServiceSpec]:
    for service in world.bodies(kinds.SERVICE):
        if service.spec is not None:
            yield service.spec


def _auditor(config: Config, clock: Clock) -> Auditor | None:
    audit = config.audit
    return Auditor(audit.policy, audit.log, audit.rotation, clock) if audit is not None else None
