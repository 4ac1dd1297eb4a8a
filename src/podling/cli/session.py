"""A client on the cluster that the user means, for commands that talk to the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from podling.api import kinds
from podling.api.kinds import Kind
from podling.client import Client
from podling.client.http import HttpTransport
from podling.cluster import access
from podling.cluster.claim import holder
from podling.cluster.errors import BadConfig, NotRunning
from podling.cluster.layout import Layout

from . import options

T = TypeVar("T")


@asynccontextmanager
async def connect(layout: Layout) -> AsyncIterator[Client]:
    """The cluster's administrator; ``NotRunning`` unless it is up."""
    found = holder(layout)
    if found is None or found.phase != "ready":
        raise NotRunning(
            f"cluster {layout.name!r} is not up; '{options.Speaker.of(layout).command('up')}' starts it"
        )
    transport = HttpTransport(access.address(layout))
    async with Client(transport, user_agent="podling-cli", field_manager="podling-cli") as client:
        yield client


def run(layout: Layout, work: Callable[[Client], Awaitable[T]]) -> T:
    """``work`` with a client, in an event loop of its own."""

    async def session() -> T:
        async with connect(layout) as client:
            return await work(client)

    return asyncio.run(session())


def kind_named(text: str) -> Kind:
    """The kind a user means by ``pods``, ``pod``, ``po``, ``Pod`` or ``deployments.apps``."""
    name, _, group = text.lower().partition(".")
    for row in kinds.ALL:
        names = (row.plural, row.singular, row.kind.lower(), *row.short_names)
        if name in names and row.verbs and (not group or row.group == group or row.group.startswith(group)):
            return row
    raise BadConfig(f"there is no kind {text!r}; 'kubectl api-resources' lists them")
