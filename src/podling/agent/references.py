"""ConfigMaps and Secrets that the node's Pods refer to, each watched by itself while a Pod needs it; trust bundles and CSI drivers.

One watch an object, as kubelet does it: a node may read only what its own Pods name, and what it reads is told to it when it
changes.  Trust bundles are the cluster's and chosen by labels, so all of them are watched by one, once a Pod wants any.
An object that no Pod needs any more is kept for a little while, for the next Pod from the same template.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from podling.aio import tasks
from podling.api import kinds
from podling.api.types import certificates_v1, core_v1, storage_v1
from podling.client.client import Client
from podling.client.informer import Handler, Informer

from .errors import AgentFault

LINGER_SECONDS = 60.0
WAIT_SECONDS = 10.0
"""How long the first answer about an object may take before the asker is told to try again."""


class Key(NamedTuple):
    """``kind`` is one of ``_KINDS``.  Without a name it stands for all of the kind, in the whole cluster."""

    kind: str
    namespace: str
    name: str


_BUNDLES = Key("ClusterTrustBundle", "", "")
_KINDS = {
    "ConfigMap": kinds.CONFIG_MAP,
    "Secret": kinds.SECRET,
    "ClusterTrustBundle": kinds.CLUSTER_TRUST_BUNDLE,
    "CSIDriver": kinds.CSI_DRIVER,
    "PodCertificateRequest": kinds.POD_CERTIFICATE_REQUEST,
}


_FIELDS = {"PodCertificateRequest": "spec.nodeName"}
"""What a key's name is compared with, where it is not the object's."""


class Unknown(AgentFault):
    """The API server has not said yet whether there is such an object."""


@dataclass(slots=True)
class _Watched:
    informer: Informer[Any]
    task: asyncio.Task[None]
    holders: dict[str, None] = field(default_factory=dict)
    leaving: asyncio.TimerHandle | None = None


class References:
    """``on_change(holder)`` is called when an object that ``holder`` (a Pod's UID) holds has changed, come or gone."""

    def __init__(self, client: Client, *, random: Random, on_change: Callable[[str], None]) -> None:
        self._client = client
        self._random = random
        self._on_change = on_change
        self._watched: dict[Key, _Watched] = {}
        self._tasks = tasks.Tasks("references")

    async def config_map(self, holder: str, namespace: str, name: str) -> core_v1.ConfigMap | None:
        """The ConfigMap as of now; None if there is none.  Raises ``Unknown``."""
        found: core_v1.ConfigMap | None = await self._get(holder, Key("ConfigMap", namespace, name))
        return found

    async def secret(self, holder: str, namespace: str, name: str) -> core_v1.Secret | None:
        """The Secret as of now; None if there is none.  Raises ``Unknown``."""
        found: core_v1.Secret | None = await self._get(holder, Key("Secret", namespace, name))
        return found

    async def trust_bundles(self, holder: str) -> Sequence[certificates_v1.ClusterTrustBundle]:
        """All of them as of now.  Raises ``Unknown``."""
        return (await self._synced(holder, _BUNDLES)).list()

    async def certificate_requests(
        self, holder: str, node: str
    ) -> Sequence[certificates_v1.PodCertificateRequest]:
        """Those that the node has made, in all namespaces.  Raises ``Unknown``."""
        return (await self._synced(holder, Key("PodCertificateRequest", "", node))).list()

    async def csi_driver(self, holder: str, name: str) -> storage_v1.CSIDriver | None:
        """What the cluster says of a driver; None if nothing.  Raises ``Unknown``."""
        found: storage_v1.CSIDriver | None = await self._get(holder, Key("CSIDriver", "", name))
        return found

    def release(self, holder: str) -> None:
        """``holder`` needs nothing any more."""
        for key, watched in self._watched.items():
            if holder in watched.holders:
                del watched.holders[holder]
                self._let_go(key, watched)

    async def close(self) -> None:
        for watched in self._watched.values():
            if watched.leaving is not None:
                watched.leaving.cancel()
        await self._tasks.close()
        self._watched.clear()

    def statistics(self) -> dict[str, int]:
        return {"watched": len(self._watched)}

    async def _get(self, holder: str, key: Key) -> Any:
        return (await self._synced(holder, key)).get(key.namespace, key.name)

    async def _synced(self, holder: str, key: Key) -> Informer[Any]:
        """What watches the key, once it knows what there is."""
        watched = self._watched.get(key) or self._watch(key)
        watched.holders[holder] = None
        if watched.leaving is not None:
            watched.leaving.cancel()
            watched.leaving = None
        informer = watched.informer
        if not informer.synced:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await informer.wait_synced()
            except TimeoutError:
                why = informer.last_error or "no answer"
                raise Unknown(
                    f'failed to get {key.kind.lower()} "{key.namespace}/{key.name}": {why}'
                ) from None
        return informer

    def _watch(self, key: Key) -> _Watched:
        informer: Informer[Any] = Informer(
            self._client.resource(_KINDS[key.kind]),
            namespace=key.namespace or None,
            field_selector=f"{_FIELDS.get(key.kind, 'metadata.name')}={key.name}" if key.name else "",
            random=self._random,
        )
        task = self._tasks.start(informer.run(), name="/".join(key))
        watched = self._watched[key] = _Watched(informer, task)

        def tell(*_: Any) -> None:
            if informer.synced:
                for holder in [*watched.holders]:
                    self._on_change(holder)

        informer.add_handler(Handler(on_add=tell, on_update=tell, on_delete=tell))
        return watched

    def _let_go(self, key: Key, watched: _Watched) -> None:
        if watched.holders or watched.leaving is not None:
            return
        loop = asyncio.get_running_loop()
        watched.leaving = loop.call_later(LINGER_SECONDS, self._drop, key)

    def _drop(self, key: Key) -> None:
        self._watched.pop(key).task.cancel()
