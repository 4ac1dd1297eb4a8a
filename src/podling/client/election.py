"""Agreeing who leads, by a Lease: when several processes could do the same work, one does.

By client-go's rules (`tools/leaderelection`) and upstream's default times, so that Podling's parts and upstream's can stand in for one
another. Times in the Lease are wall time and only ever written; whether the leader's lease has run out is judged by our own loop's time
since we saw it change, so that clocks need not agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import msgspec

from podling.aio.clock import Clock
from podling.aio.tasks import cancel_and_wait
from podling.api import times
from podling.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from podling.api.types import coordination_v1, meta_v1

from .client import Client
from .errors import ClientError

log = logging.getLogger(__name__)
T = TypeVar("T")


class LeadershipLost(Exception):
    """Another one leads, or we could not show in time that we still do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionRules:
    """Seconds; the defaults are those of upstream's components.

    lease   others may take over when they have not seen a renewal for this long.
    renew   we give up leading when we could not renew for this long; less than `lease`, so that two never lead at once.
    retry   how often the leader renews and the others look.
    """

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease > self.renew > self.retry > 0:
            raise ValueError(f"cannot use {self!r}: needs lease > renew > retry > 0")


class Election:
    """One candidate. `identity` must differ from every other candidate's."""

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        namespace: str = "kube-system",
        identity: str,
        clock: Clock,
        random: Random,
        rules: ElectionRules | None = None,
    ) -> None:
        self.identity = identity
        self.leading = False
        self._leases = client.resource(coordination_v1.Lease)
        self._name = name
        self._namespace = namespace
        self._clock = clock
        self._random = random
        self._rules = rules or ElectionRules()
        self._lease: coordination_v1.Lease | None = None
        self._seen: tuple[str, float] = ("", 0.0)
        """The Lease's revision as last seen, and the loop time when we first saw it."""

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait to lead, run `work()` while leading, give the Lease back. Raises LeadershipLost after cancelling the work."""
        await self._acquire()
        try:
            return await self._lead(work)
        finally:
            self.leading = False
            with contextlib.suppress(ApiError, ClientError):  # then it simply runs out
                await self._release()

    async def _lead(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = asyncio.get_running_loop()
        working = loop.create_task(work(), name=f"leader-{self._name}")
        renewing = loop.create_task(self._renew(), name=f"leader-{self._name}/renew")
        try:
            await asyncio.wait([working, renewing], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise LeadershipLost(f"cannot go on leading {self._name}: {renewing.exception()}")
            return working.result()
        finally:
            for task in (renewing, working):
                if not task.done():
                    await cancel_and_wait(task)

    async def _acquire(self) -> None:
        while not await self._try_quietly():  # noqa: ASYNC110 - the wait is for another process
            await asyncio.sleep(self._rules.retry * (1 + 1.2 * self._random.random()))
        self.leading = True
        log.info("%s leads %s", self.identity, self._name)

    async def _renew(self) -> None:
        """Renew until it fails for too long or another one leads; never returns otherwise."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(self._rules.retry)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(renewed + self._rules.renew):
                    if await self._try_quietly():
                        renewed = loop.time()
                        continue
            if self._held_by_other() or loop.time() - renewed >= self._rules.renew:
                raise LeadershipLost(f"no renewal for {loop.time() - renewed:.3g} s")

    async def _try_quietly(self) -> bool:
        try:
            return await self._try()
        except (ApiError, ClientError) as error:
            log.debug("cannot acquire lease %s: %s", self._name, error)
            return False

    async def _try(self) -> bool:
        """Take or renew the Lease; False when somebody else holds it."""
        if not self.leading or self._lease is None:
            try:
                self._observe(await self._leases.get(self._name, namespace=self._namespace))
            except NotFound:
                with contextlib.suppress(AlreadyExists):
                    self._observe(await self._leases.create(self._record(None)))
                    return True
                return False
        if self._held_by_other() and not self._expired():
            return False
        try:
            self._observe(await self._leases.update(self._record(self._lease)))
        except Conflict:
            self._observe(await self._leases.get(self._name, namespace=self._namespace))
            return False
        return True

    async def _release(self) -> None:
        lease = self._lease
        if lease is None or self._held_by_other():
            return
        spec = lease.spec or coordination_v1.LeaseSpec()
        released = msgspec.structs.replace(spec, holder_identity="", lease_duration_seconds=1)
        self._lease = None
        await self._leases.update(msgspec.structs.replace(lease, spec=released))

    def _record(self, before: coordination_v1.Lease | None) -> coordination_v1.Lease:
        now = times.rfc3339_micro(self._clock.now())
        metadata = (
            before.metadata if before else meta_v1.ObjectMeta(name=self._name, namespace=self._namespace)
        )
        spec = (before.spec if before else None) or coordination_v1.LeaseSpec()
        ours = spec.holder_identity == self.identity
        transitions = spec.lease_transitions or 0
        fresh = msgspec.structs.replace(
            spec,
            holder_identity=self.identity,
            lease_duration_seconds=round(self._rules.lease),
            acquire_time=spec.acquire_time if ours else now,
            renew_time=now,
            lease_transitions=transitions if ours or before is None else transitions + 1,
        )
        return coordination_v1.Lease(metadata=metadata, spec=fresh)

    def _observe(self, lease: coordination_v1.Lease) -> None:
        revision = lease.metadata.resource_version or ""
        if revision != self._seen[0]:
            self._seen = (revision, asyncio.get_running_loop().time())
        self._lease = lease

    def _held_by_other(self) -> bool:
        holder = self._lease.spec.holder_identity if self._lease and self._lease.spec else None
        return bool(holder) and holder != self.identity

    def _expired(self) -> bool:
        spec = self._lease.spec if self._lease else None
        seconds = (spec.lease_duration_seconds if spec else None) or self._rules.lease
        return asyncio.get_running_loop().time() - self._seen[1] >= seconds
