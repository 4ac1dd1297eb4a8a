"""Saying "I am alive": a node's Lease, renewed as kubelet does (`pkg/kubelet` and KEP-589), so that upstream's controllers believe it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from podling.aio.backoff import Backoff
from podling.aio.clock import Clock
from podling.api import times
from podling.api.errors import ApiError, Conflict, NotFound
from podling.api.types import coordination_v1, meta_v1

from .client import Client
from .errors import ClientError

log = logging.getLogger(__name__)

NODE_LEASES = "kube-node-lease"
NODE_LEASE_SECONDS = 40
_RETRY = Backoff(first=0.1, cap=7.0)


class Heartbeat:
    """Renews one Lease for as long as `run()` runs: a node's, by kubelet's rules (every quarter of the duration)."""

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        namespace: str = NODE_LEASES,
        owner: Callable[[], meta_v1.OwnerReference | None],
        clock: Clock,
        duration_seconds: int = NODE_LEASE_SECONDS,
    ) -> None:
        """`owner` is asked when the Lease is made: the Node, once it is registered, so that the Lease goes with it."""
        self.last_error: Exception | None = None
        self._leases = client.resource(coordination_v1.Lease)
        self._name = name
        self._namespace = namespace
        self._owner = owner
        self._clock = clock
        self._duration = duration_seconds
        self._lease: coordination_v1.Lease | None = None

    async def run(self) -> None:
        """Renew until cancelled. Trouble shows in `last_error` and is tried again sooner than the next beat is due."""
        failures = 0
        while True:
            try:
                await self.beat()
            except (ApiError, ClientError) as error:
                failures += 1
                self.last_error = error
                log.log(
                    logging.WARNING if failures == 1 else logging.DEBUG,
                    "cannot renew lease %s: %s",
                    self._name,
                    error,
                )
                await asyncio.sleep(_RETRY.delay(failures))
            else:
                failures = 0
                self.last_error = None
                await asyncio.sleep(self._duration / 4)

    async def beat(self) -> None:
        """Renew once. Raises ApiError and ClientError."""
        try:
            self._lease = await self._renew(self._lease)
        except (Conflict, NotFound):
            self._lease = None  # changed or deleted by somebody: look at what is there
            self._lease = await self._renew(None)

    async def _renew(self, lease: coordination_v1.Lease | None) -> coordination_v1.Lease:
        if lease is None:
            try:
                lease = await self._leases.get(self._name, namespace=self._namespace)
            except NotFound:
                return await self._leases.create(self._new())
        spec = lease.spec or coordination_v1.LeaseSpec()
        spec.holder_identity = self._name
        spec.lease_duration_seconds = self._duration
        spec.renew_time = times.rfc3339_micro(self._clock.now())
        lease.spec = spec
        if not lease.metadata.owner_references and (owner := self._owner()):
            lease.metadata.owner_references = [owner]
        return await self._leases.update(lease)

    def _new(self) -> coordination_v1.Lease:
        owner = self._owner()
        return coordination_v1.Lease(
            metadata=meta_v1.ObjectMeta(
                name=self._name, namespace=self._namespace, owner_references=[owner] if owner else None
            ),
            spec=coordination_v1.LeaseSpec(
                holder_identity=self._name,
                lease_duration_seconds=self._duration,
                renew_time=times.rfc3339_micro(self._clock.now()),
            ),
        )
