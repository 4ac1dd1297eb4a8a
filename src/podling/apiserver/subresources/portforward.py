"""`pods/portforward`: the client's SPDY connection, passed on to the kubelet as it is.

The client's bytes are SPDY either way: on the connection itself (`portforward.k8s.io`), or in the messages of a
WebSocket (`SPDY/3.1+portforward.k8s.io`, kubectl from v1.31 on).  Streams, ports and errors are the kubelet's business.
"""

from __future__ import annotations

from functools import partial

from multidict import CIMultiDict

from podling.api import errors
from podling.apiserver import backend, spdy
from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Request, Response, Upgrade

from . import kubelet

PROTOCOL = "portforward.k8s.io"
TUNNELLED = f"{spdy.UPGRADE}+{PROTOCOL}"


async def serve(call: Call) -> Response:
    """Both by GET and by POST, whichever way the client wants to be upgraded."""
    kubelet.check_create(call)
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
    try:
        inner = await backend.ask(node.url("portForward"), method="POST", headers=headers, tls=node.tls)
    except backend.Unreachable as error:
        raise errors.InternalError(f"error dialing backend: {error}") from error
    if inner.status != 101:
        why = await inner.words() or f"the node answers {inner.status}"
        raise errors.InternalError(f"unable to upgrade connection: {why}")
    relay = partial(inner.relay, closing=call.services.closing)
    if is_tunnelled:
        return Response(101, Upgrade(TUNNELLED, relay))
    del headers["Content-Length"]
    return Response(101, Upgrade(PROTOCOL, relay, headers=tuple(headers.items())))


def _is_tunnelled(request: Request) -> bool:
    """Whether the client speaks SPDY in a WebSocket; raises BadRequest when it speaks neither way."""
    upgrade = request.headers.get("upgrade", "").lower()
    if upgrade == "websocket":
        lines, ours = "sec-websocket-protocol", TUNNELLED
    elif upgrade == spdy.UPGRADE.lower():
        lines, ours = "x-stream-protocol-version", PROTOCOL
    else:
        raise errors.BadRequest("Upgrade request required")
    said = [value for name, value in request.headers.items() if name.lower() == lines]
    offered = [name.strip() for line in said for name in line.split(",")]
    if ours not in offered:
        why = f"client supports {offered}, server supports {[ours]}"
        raise errors.BadRequest(f"unable to upgrade: unable to negotiate protocol: {why}")
    return upgrade == "websocket"


VERBS: dict[str, Serve] = {"create": serve, "get": serve}
