"""The process that a further node's agent is: joins the node's group, waits for the word, works until told to end.

    python -m podling.cluster.nodeagent DATA_DIR NAME NODE PIPE

The cluster's process (``fleet``) starts it and speaks to it by its standard input; how it went comes back by ``PIPE``:

    go     the API server listens: start, and report
    down   end the Pods with their grace, exit
    (end)  the cluster's process is gone: leave the Pods running, exit

The process stays in the machine's own namespaces (images come from where the first node gets them, too); whatever the
node itself says or hears goes through sockets of the node's ``Host``, its requests to the API server included.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop

from podling.aio import pipes
from podling.aio.service import ServiceError
from podling.client import Client
from podling.client.http import HttpTransport, ServerAddress, SocketMaker
from podling.network.errors import NetworkFault
from podling.network.host import Host
from podling.runtime.interface import RuntimeFault

from . import config as settings
from . import machine
from .config import ClusterConfig
from .errors import NotRunning
from .layout import Layout
from .node import Node
from .nodehost import NodeHost
from .nodes import NodePlan, plans
from .progress import Outcome, Report, report_to

GO, DOWN = b"go\n", b"down\n"
_STDIN = 0


def main() -> None:
    """The process' entry point."""
    data_dir, name, node, pipe = sys.argv[1:]
    layout = Layout(Path(data_dir), name)
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname).1s {node} %(name)s: %(message)s",
        stream=sys.stderr,
    )
    report = report_to(int(pipe))
    try:
        uvloop.run(_serve(layout, node, report))
    except (ServiceError, NetworkFault, RuntimeFault, NotRunning) as error:
        report(Outcome(error=f"cannot start node {node}: {error}", exit_code=7))
        raise SystemExit(7) from error


async def _serve(layout: Layout, name: str, report: Report) -> None:
    plan = _plan(layout, name)
    host = NodeHost(layout, plan, transit=machine.transit_of(layout, _config(layout)))
    await asyncio.to_thread(host.join)
    words = _words()
    if await anext(words, b"") == GO:
        await _work(layout, plan, report, words)


async def _work(layout: Layout, plan: NodePlan, report: Report, words: AsyncIterator[bytes]) -> None:
    """Be the node until told otherwise."""
    config = _config(layout)
    parts = machine.RUNTIMES["oci"].make(layout, config, plan)
    await parts.network.start()
    try:
        transport = HttpTransport(_server(layout, config, plan), make_socket=_socket_of(parts.host))
        async with Client(transport, user_agent=f"podling/{plan.name}", field_manager=plan.name) as client:
            node = Node(layout, config, plan, parts=parts, client=client)
            last = asyncio.create_task(_next(words), name="last word")
            if await _started(node, last):
                report(Outcome())
            await node.stop(keep_pods=await last != DOWN)
    finally:
        await parts.network.close()


async def _started(node: Node, last: asyncio.Task[bytes]) -> bool:
    """Start ``node``; False if the ``last`` word came first: a node that waits for an API server hears it, too."""
    starting = asyncio.create_task(node.start(), name="start")
    await asyncio.wait((starting, last), return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        return True
    starting.cancel()
    await asyncio.wait((starting,))
    return False


async def _next(words: AsyncIterator[bytes]) -> bytes:
    return await anext(words, b"")


async def _words() -> AsyncIterator[bytes]:
    """What the cluster's process says, a line each, until it is gone."""
    os.set_blocking(_STDIN, False)
    said = b""
    while chunk := await pipes.read(_STDIN):
        said += chunk
        while b"\n" in said:
            word, _, said = said.partition(b"\n")
            yield word + b"\n"


def _config(layout: Layout) -> ClusterConfig:
    config = settings.load(layout)
    if config is None:
        raise NotRunning(f"there is no cluster {layout.name!r} in {layout.data_dir}")
    return config


def _plan(layout: Layout, name: str) -> NodePlan:
    for plan in plans(_config(layout)):
        if plan.name == name:
            return plan
    raise NotRunning(f"cluster {layout.name!r} has no node {name!r}")


def _server(layout: Layout, config: ClusterConfig, plan: NodePlan) -> ServerAddress:
    """The API server as the node reaches it, and the node's own certificate."""
    own = layout.pki / certificate_of(plan)
    return ServerAddress(
        url=f"https://{plans(config)[0].address}:{config.last_port}",
        ca=(layout.pki / "ca.crt").read_bytes(),
        certificate=own.with_name(f"{own.name}.crt").read_bytes(),
        key=own.with_name(f"{own.name}.key").read_bytes(),
    )


def certificate_of(plan: NodePlan) -> str:
    """The name of the key pair by which a node's agent is known to the API server."""
    return f"node-{plan.name}"


def _socket_of(host: Host) -> SocketMaker:
    def make(family: int, sort: int, protocol: int) -> socket.socket:
        return host.socket(family, sort, protocol)

    return make


if __name__ == "__main__":
    main()
