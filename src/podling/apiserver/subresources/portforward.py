"""`pods/portforward`: the client's SPDY connection, passed on to the kubelet as it is.

The client's bytes are SPDY either way: on the connection itself (`portforward.k8s.io`), or in the messages of a
WebSocket (`SPDY/3.1+portforward.k8s.io`, kubectl from v1.31 on).  Streams, ports and errors are the kubelet's business.
A plain WebSocket (`v4.channel.k8s.io`, the Python client) is passed on as it is, too, with the ports of its query.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from multidict import CIMultiDict

from podling.api import errors
from podling.apiserver import backend, spdy
from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Request, Response, Upgrade

from . import kubelet

PROTOCOL = "portforward.k8s.io"
TUNNELLED = f"{spdy.UPGRADE}+{PROTOCOL}"
_HANDSHAKE = ("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol")


async def serve(call: Call) -> Response:
    """Both by GET and by POST, whichever way the client wants to be upgraded."""
    kubelet.check_create(call)
    if _speaks_channels(call.request):
        return await _channels(call)
    is_tunnelled = _is_tunnelled(call.request)
    node = await kubelet.node_of(call)
    headers = CIMultiDict(
        {
            "Connection": "Upgrade",
            "Upgrade": spdy.UPGRADE,
            "X-Stream-Protocol-Version": PROTOCOL,
            "Content-Length": "0",
        }
    )
    inner = await _upgraded(node, node.url("portForward"), "POST", headers)
    relay = partial(inner.relay, closing=call.services.closing)
    if is_tunnelled:
        return Response(101, Upgrade(TUNNELLED, relay))
    del headers["Content-Length"]
    return Response(101, Upgrade(PROTOCOL, relay, headers=tuple(headers.items())))


async def _channels(call: Call) -> Response:
    """The client's own handshake is the kubelet's to answer; from then on bytes pass as they are."""
    ports = ",".join(str(port) for port in _ports(call.request))
    node = await kubelet.node_of(call)
    headers = CIMultiDict({"Connection": "Upgrade", "Upgrade": "websocket"})
    headers.update({name: ", ".join(_lines(call.request, name)) for name in _HANDSHAKE})
    if not headers["Sec-WebSocket-Protocol"]:
        del headers["Sec-WebSocket-Protocol"]
    inner = await _upgraded(node, f"{node.url('portForward')}?{urlencode({'port': ports})}", "GET", headers)
    relay = partial(inner.relay, closing=call.services.closing)
    return Response(101, Upgrade("", relay, headers=tuple(inner.headers.items())))


async def _upgraded(node: kubelet.Node, url: str, method: str, headers: CIMultiDict[str]) -> backend.Backend:
    """The kubelet's end; raises InternalError with its words where it refuses."""
    try:
        inner = await backend.ask(url, method=method, headers=headers, tls=node.tls)
    except backend.Unreachable as error:
        raise errors.InternalError(f"error dialing backend: {error}") from error
    if inner.status != 101:
        why = await inner.words() or f"the node answers {inner.status}"
        raise errors.InternalError(f"unable to upgrade connection: {why}")
    return inner


def _ports(request: Request) -> list[int]:
    """`ports=80,90`, or several of them; raises BadRequest in the words of upstream's kubelet."""
    named = [text for value in request.query.get("ports", ()) for text in value.split(",")]
    if not named:
        raise errors.BadRequest('query parameter "port" is required')
    for text in named:
        if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
            raise errors.BadRequest(f'unable to parse "{text}" as a port: must be between 1 and 65535')
    return [int(text) for text in named]


def _lines(request: Request, wanted: str) -> list[str]:
    return [value for name, value in request.headers.items() if name.lower() == wanted.lower()]


def _offered(request: Request, lines: str) -> list[str]:
    return [name.strip() for line in _lines(request, lines) for name in line.split(",") if name.strip()]


def _speaks_channels(request: Request) -> bool:
    """Whether a WebSocket is to carry channels and no SPDY: its client offers `v4.channel.k8s.io` and the like, or nothing."""
    if request.headers.get("upgrade", "").lower() != "websocket":
        return False
    offered = _offered(request, "sec-websocket-protocol")
    return not offered or any(name.startswith("v4.") for name in offered)


def _is_tunnelled(request: Request) -> bool:
    """Whether the client speaks SPDY in a WebSocket; raises BadRequest when it speaks neither way."""
    upgrade = request.headers.get("upgrade", "").lower()
    if upgrade == "websocket":
        lines, ours = "sec-websocket-protocol", TUNNELLED
    elif upgrade == spdy.UPGRADE.lower():
        lines, ours = "x-stream-protocol-version", PROTOCOL
    else:
        raise errors.BadRequest("Upgrade request required")
    offered = _offered(request, lines)
    if ours not in offered:
        why = f"client supports {offered}, server supports {[ours]}"
        raise errors.BadRequest(f"unable to upgrade: unable to negotiate protocol: {why}")
    return upgrade == "websocket"


VERBS: dict[str, Serve] = {"create": serve, "get": serve}
