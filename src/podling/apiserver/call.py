"""One request for a resource being served: what the stages behind authorization hand on.

`Services` is what serving any request may draw on; a `Call` adds the request, its user and its resource, and the few
questions and commits that every verb needs.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from podling.aio.clock import Clock
from podling.api import errors, times
from podling.api.levels import NEWEST, Level
from podling.api.object import Object
from podling.store.watchcache import Entry, WatchCache

from . import indexing, negotiate
from .admission import Admission, Operation, Review
from .auth.authenticate import Authenticator
from .auth.authorize import Authorizer
from .auth.tokens import ServiceAccountTokens
from .config import Config
from .metrics import Metrics
from .request import Request, RequestInfo, Response, UserInfo
from .resource import Resource, Resources
from .strategies import Context
from .turns import Turns
from .usage.collector import Collector
from .world import World

if TYPE_CHECKING:
    from .audit.auditor import Auditor


class NodeConnection(Protocol):
    """A way to one kubelet: where it is and how to talk to it."""

    base_url: str
    session: Any
    """An `aiohttp.ClientSession` that presents this server's client certificate and trusts the kubelet's."""
    tls: ssl.SSLContext | None
    """The same for a connection without it; None where the kubelet speaks plain HTTP."""


class NodeDialer(Protocol):
    async def connect(self, node_name: str) -> NodeConnection:
        """Find the kubelet of a node; raises NotFound or ServiceUnavailable in words for the user."""

    async def read(self, node_name: str, path: str) -> str:
        """A document of a node's kubelet; raises as `connect` does, and OSError where it breaks off."""


@dataclass(slots=True)
class Services:
    """What one server is made of."""

    config: Config
    clock: Clock
    chance: random.Random
    level: Level
    cache: WatchCache
    world: World
    resources: Resources
    authenticator: Authenticator
    authorizer: Authorizer
    tokens: ServiceAccountTokens
    dial: NodeDialer
    usage: Collector
    admission: Admission
    turns: Turns
    metrics: Metrics
    auditor: Auditor | None
    closing: asyncio.Event
    """Set when the server closes: sessions end."""

    def now(self) -> str:
        """The time as objects carry it."""
        return times.rfc3339(self.clock.now())


@dataclass(slots=True)
class Call:
    """A request for a resource, routed, authenticated and authorized."""

    services: Services
    request: Request
    resource: Resource
    user: UserInfo

    @property
    def info(self) -> RequestInfo:
        return self.request.info

    @property
    def namespace(self) -> str:
        """The namespace in the path; "" for kinds that have none (a Namespace's own name is no namespace)."""
        return self.request.info.namespace if self.resource.kind.namespaced else ""

    def form(self, *, transforms: bool = True) -> negotiate.Form:
        """How to answer; raises NotAcceptable."""
        return negotiate.form(self.request.headers, self.request.query.first("pretty"), transforms=transforms)

    def context(self) -> Context:
        return Context(self.user, self.services.now(), self.services.chance)

    def review(self, operation: Operation, **fields: Any) -> Review:
        """A review of this request for admission."""
        kind = self.resource.storage
        given: dict[str, Any] = {
            "kind": kind,
            "resource": kind.resource,
            "subresource": self.info.subresource,
            "namespace": self.namespace,
            "name": self.info.name,
            "user": self.user,
            "obj": None,
            "warnings": self.request.warnings,
            **fields,
        }
        return Review(operation, **given)

    def find(self, name: str) -> Entry | None:
        """The stored object of that name in the request's namespace."""
        collection = self.resource.collection
        return collection.get(collection.key(self.namespace, name))

    def stored(self, name: str) -> Entry:
        """As `find`; raises NotFound."""
        entry = self.find(name)
        if entry is None:
            raise errors.NotFound(self.resource.kind, name)
        return entry

    def fit(self, obj: Object) -> None:
        """Take out what the level served does not honour: defaults and the server itself know the newest one alone."""
        if self.services.level.minor != NEWEST and obj.kind.type:
            self.services.level.drop_unknown(obj.body)

    async def add(self, obj: Object, data: bytes) -> Entry:
        """Commit a new object, encoded as `data`; raises the store's KeyExists."""
        collection = self.resource.collection
        key = collection.key(obj.namespace, obj.name)
        return await self.services.cache.create(collection, key, data, indexed=indexing.of(obj))

    async def replace(self, entry: Entry, obj: Object, data: bytes) -> Entry:
        """Commit a new state of a stored object; raises the store's Mismatch."""
        return await self.services.cache.update(
            self.resource.collection, entry.key, data, expected=entry.revision, indexed=indexing.of(obj)
        )

    async def remove(self, entry: Entry) -> int:
        """Commit the deletion of a stored object and return its revision; raises the store's Mismatch."""
        gone = await self.services.cache.delete(self.resource.collection, entry.key, expected=entry.revision)
        return gone.revision if gone is not None else self.services.cache.revision


Serve = Callable[[Call], Awaitable[Response]]
