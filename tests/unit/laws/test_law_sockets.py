"""Every socket of an agent comes from its Host: it may live in another network namespace than this process."""

import ast

import pytest
from law_sources import Source, dotted, matching

HOST = r"network/(host|netlink)\.py"
"""The modules that make sockets and netlink handles for a Host."""

FORBIDDEN = {
    "socket.socket": "ask the Host for it",
    "socket.create_connection": "ask the Host for a socket",
    "socket.create_server": "ask the Host for a listening socket",
    "asyncio.open_connection": "connect a socket of the Host's",
    "asyncio.start_server": "use loop.create_server(sock=...)",
    "asyncio.open_unix_connection": "ask the Host for a socket",
    "pyroute2.IPRoute": "ask the Host for a netlink handle",
    "pyroute2.AsyncIPRoute": "ask the Host for a netlink handle",
    "pyroute2.NetNS": "ask the Host for a netlink handle",
}
NEED_SOCK = {".create_server": "sock", ".create_connection": "sock", "aiohttp.TCPConnector": "socket_factory"}


def bare_sockets(source: Source):
    bound = source.imports()
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func, bound)
        if called in FORBIDDEN:
            yield f"{source.where(node)} calls {called}: {FORBIDDEN[called]}"
        elif called in NEED_SOCK and not any(word.arg == NEED_SOCK[called] for word in node.keywords):
            yield f"{source.where(node)} calls {called} without {NEED_SOCK[called]}="


def test_agent_and_network_have_no_bare_sockets():
    allowed = matching(HOST)
    watched = [source for source in matching(r"agent/", r"network/") if source not in allowed]
    assert watched
    assert not [line for source in watched for line in bare_sockets(source)]


@pytest.mark.parametrize(
    "text",
    [
        "import socket\nsocket.socket()",
        "from socket import socket\nsocket()",
        "import asyncio\nasyncio.open_connection('x', 1)",
        "loop.create_server(f, 'x', 1)",
        "import aiohttp\naiohttp.TCPConnector()",
        "from aiohttp import TCPConnector as C\nC()",
    ],
)
def test_the_law_finds_bare_sockets(text):
    assert [*bare_sockets(Source("agent/x.py", text))]


@pytest.mark.parametrize(
    "text", ["loop.create_server(f, sock=s)", "import aiohttp\naiohttp.TCPConnector(socket_factory=f)"]
)
def test_the_law_lets_given_sockets_pass(text):
    assert not [*bare_sockets(Source("agent/x.py", text))]
