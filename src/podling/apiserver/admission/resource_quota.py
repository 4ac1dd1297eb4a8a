"""ResourceQuotas: what is about to be stored is charged to the quotas of its namespace, or refused.

What is charged is decided purely (`api.quota`). All that wait in one namespace are charged together, so that a quota is written once for
many Pods; a quota that somebody else has written meanwhile is asked again. Nothing is ever given back here: the quota controller
counts again when something goes. Charged is also what then fails for another reason, until that counting, as upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from podling.aio.clock import Clock
from podling.api import errors, kinds, quota
from podling.api.quota.amounts import Amounts, spelled
from podling.api.types import core_v1
from podling.store.interface import Mismatch

from . import Plugin
from .review import Operation, Review, World

ATTEMPTS = 4
"""As often as upstream asks a quota that others write."""
NEVER_COUNTED = frozenset({"bindings", "events", "events.events.k8s.io"})

WriteUsed = Callable[[core_v1.ResourceQuota, Mapping[str, str]], Awaitable[None]]
"""Stores what is used of a quota, if the quota still is as given; raises Mismatch."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A review that waits for its decision."""

    review: Review
    measure: quota.Measure
    is_decided: bool = False
    refusal: errors.ApiError | None = None

    def decide(self, refusal: errors.ApiError | None = None) -> None:
        self.is_decided, self.refusal = True, refusal


@dataclass(slots=True)
class _Turn:
    """One namespace is decided on by one request at a time; forgotten when nobody waits any more."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class ResourceQuotas:
    """The quotas of one server."""

    def __init__(self, write_used: WriteUsed, clock: Clock) -> None:
        self._write_used = write_used
        self._clock = clock
        self._waiting: dict[str, list[_Waiting]] = {}
        self._turns: dict[str, _Turn] = {}

    def plugin(self) -> Plugin:
        """The row of the table of plugins; the last one, as what others refuse is not to be charged."""
        writes = frozenset({Operation.CREATE, Operation.UPDATE})
        return Plugin("ResourceQuota", None, writes, subresources=frozenset({"*"}), check=self.check)

    async def check(self, review: Review, world: World) -> None:
        """Charge a review to its namespace's quotas; raises Forbidden."""
        measure = _measure(review)
        if measure is None or not any(
            True for _ in world.in_namespace(kinds.RESOURCE_QUOTA, review.namespace)
        ):
            return
        mine = _Waiting(review, measure)
        where = review.namespace
        self._waiting.setdefault(where, []).append(mine)
        turn = self._turns.setdefault(where, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                if not mine.is_decided:
                    await self._decide_all(where, world)
        finally:
            self._leave(where, mine)
            turn.users -= 1
            if not turn.users:
                del self._turns[where]
        if mine.refusal is not None:
            raise mine.refusal

    def _leave(self, namespace: str, mine: _Waiting) -> None:
        """A request that was given up before it was decided is not charged."""
        held = self._waiting.get(namespace, [])
        if mine in held:
            held.remove(mine)
            if not held:
                del self._waiting[namespace]

    async def _decide_all(self, namespace: str, world: World) -> None:
        batch = self._waiting.pop(namespace)
        try:
            await self._decide(batch, namespace, world)
        finally:
            undecided = [each for each in batch if not each.is_decided]
            if undecided:  # this request was given up in the middle; the next one in line goes on
                self._waiting.setdefault(namespace, []).extend(undecided)

    async def _decide(self, batch: Sequence[_Waiting], namespace: str, world: World) -> None:
        names: set[str] | None = None
        for _ in range(ATTEMPTS):
            stored = {
                each.metadata.name or "": each
                for each in world.in_namespace(kinds.RESOURCE_QUOTA, namespace)
                if names is None or each.metadata.name in names
            }
            ledgers = [quota.Ledger.of(each) for each in stored.values()]
            for each in batch:
                if not each.is_decided:
                    self._charge(each, ledgers)
            changed = [ledger for ledger in ledgers if ledger.is_changed]
            results = await asyncio.gather(
                *(self._write_used(stored[ledger.name], spelled(ledger.used)) for ledger in changed),
                return_exceptions=True,
            )
            names = _lost(changed, results)
            if not names:
                _let_pass(batch)
                return
        for each in batch:
            if not each.is_decided:
                each.decide(errors.Conflict(kinds.RESOURCE_QUOTA, min(names or {""})))

    def _charge(self, waiting: _Waiting, ledgers: Sequence[quota.Ledger]) -> None:
        review = waiting.review
        assert review.obj is not None
        try:
            charged = quota.charge(
                ledgers,
                waiting.measure,
                review.obj.body,
                old=review.old.body if review.old is not None else None,
                now=self._clock.now(),
                must_fit=review.subresource != "status",
            )
        except quota.Refused as why:
            waiting.decide(review.forbid(str(why)))
            return
        if review.is_dry_run:
            waiting.decide()
        else:
            _enter(ledgers, charged)


def _measure(review: Review) -> quota.Measure | None:
    """How the review's object is measured; None where it is not."""
    if not review.namespace or review.resource in NEVER_COUNTED or review.obj is None:
        return None
    if not review.kind.is_stored:
        return None
    measure = quota.of(review.resource)
    creates = review.operation is Operation.CREATE
    return measure if measure.handles(creates=creates, subresource=review.subresource) else None


def _enter(ledgers: Sequence[quota.Ledger], charged: Mapping[str, Amounts]) -> None:
    for ledger in ledgers:
        ledger.used = charged.get(ledger.name, ledger.used)


def _lost(changed: Sequence[quota.Ledger], results: Sequence[BaseException | None]) -> set[str]:
    """The quotas that somebody else has written; any other failure is raised."""
    lost = set()
    for ledger, result in zip(changed, results, strict=True):
        if isinstance(result, Mismatch):
            lost.add(ledger.name)
        elif result is not None:
            raise result
    return lost


def _let_pass(batch: Sequence[_Waiting]) -> None:
    for each in batch:
        if not each.is_decided:
            each.decide()
