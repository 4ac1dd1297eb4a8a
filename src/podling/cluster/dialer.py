"""How the API server reaches a node's agent: HTTPS to the address and port that the Node object names, as upstream does."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podling.api import errors, kinds
from podling.api.types import core_v1
from podling.apiserver.call import NodeConnection
from podling.client import Client

from .layout import Layout

if TYPE_CHECKING:
    import aiohttp


_CONNECT_SECONDS = 10.0
"""A frozen node still accepts connections and then says nothing: TLS, too, must come about within this."""


@dataclass(slots=True)
class KubeletConnection:
    """Where one agent is, and a session that it trusts."""

    base_url: str
    session: Any
    tls: ssl.SSLContext | None


class KubeletDialer:
    """Finds agents through ``client``, which is set once the API server exists; ``close`` ends all connections."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._tls: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None
        self.client: Client | None = None

    async def connect(self, node_name: str) -> NodeConnection:
        """The agent of a node; raises NotFound or ServiceUnavailable in words for the user."""
        if self.client is None:
            raise errors.ServiceUnavailable("the API server is starting")
        node = await self.client.resource(core_v1.Node).get(node_name)
        status = node.status or core_v1.NodeStatus()
        addresses = {one.type: one.address for one in status.addresses or ()}
        endpoint = status.daemon_endpoints.kubelet_endpoint if status.daemon_endpoints else None
        if endpoint is None or not endpoint.port or "InternalIP" not in addresses:
            raise errors.ServiceUnavailable(
                f'{kinds.NODE.plural} "{node_name}" does not say where its agent listens'
            )
        return KubeletConnection(
            f"https://{addresses['InternalIP']}:{endpoint.port}", self._open(), self._tls
        )

    async def read(self, node_name: str, path: str) -> str:
        """A document of a node's kubelet; raises as `connect` does, and OSError where it breaks off."""
        import aiohttp

        connection = await self.connect(node_name)
        try:
            async with connection.session.get(connection.base_url + path, raise_for_status=True) as answer:
                text: str = await answer.text()
        except aiohttp.ClientError as error:
            raise ConnectionError(f"cannot read {path} of node {node_name}: {error}") from error
        return text

    async def close(self) -> None:
        """Drop all connections.  Safe to repeat."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            pki = self._layout.pki
            tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
            tls.load_cert_chain(pki / "apiserver-kubelet-client.crt", pki / "apiserver-kubelet-client.key")
            self._tls = tls
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=tls, limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            )
        return self._session
