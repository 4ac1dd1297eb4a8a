"""Whether quotas allow what is about to be stored, and what they stand at then (upstream's quota admission, checkRequest)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podling.api import quantity
from podling.api.types import core_v1

from . import amounts, scopes
from .amounts import Amounts
from .measures import Measure


class Refused(Exception):
    """Why a quota does not allow it, in upstream's words."""


@dataclass(slots=True)
class Ledger:
    """One quota while it is charged: what it is for and what is used of it. Only `used` changes."""

    name: str
    required: list[scopes.Requirement]
    hard: Amounts
    used: Amounts
    before: Amounts = field(default_factory=dict)

    @classmethod
    def of(cls, quota: core_v1.ResourceQuota) -> Ledger:
        """A quota is in force as far as its status says: what its controller has not seen yet is not counted."""
        status = quota.status or core_v1.ResourceQuotaStatus()
        used = amounts.parsed(status.used)
        required = scopes.requirements(quota.spec)
        return cls(quota.metadata.name or "", required, amounts.parsed(status.hard), used, dict(used))

    @property
    def is_changed(self) -> bool:
        return self.used != self.before

    def covers(self, measure: Measure, body: Any) -> bool:
        """Whether the object is one that this quota counts."""
        return bool(measure.names(self.hard)) and all(
            measure.meets(required, body) for required in self.required
        )


def charge(
    ledgers: Iterable[Ledger],
    measure: Measure,
    body: Any,
    *,
    old: Any | None,
    now: float,
    must_fit: bool = True,
) -> Mapping[str, Amounts]:
    """What is used of each quota, by its name, once `body` has replaced `old` (None: is created). Raises Refused.

    `must_fit=False` charges without refusing: a status tells of what has happened already.
    """
    covering = [ledger for ledger in ledgers if ledger.covers(measure, body)]
    for ledger in covering:
        _check_said(ledger, measure, body)
    usage = measure.usage(body, now)
    negative = sorted(name for name, amount in usage.items() if amount < quantity.ZERO)
    if negative:
        raise Refused(f"quota usage is negative for resource(s): {','.join(negative)}")
    before = measure.usage(old, now) if old is not None else {}
    charged = {}
    for ledger in covering:
        counted_before = old is not None and ledger.covers(measure, old)
        more = amounts.increase(usage, before if counted_before else {})
        more = amounts.masked(more, ledger.hard)
        if more:
            charged[ledger.name] = _fit(ledger, more) if must_fit else amounts.added(ledger.used, more)
    return charged


def _check_said(ledger: Ledger, measure: Measure, body: Any) -> None:
    """Refuse an object that does not say what is counted, and anything while it is not known what is used."""
    names = measure.names(ledger.hard)
    complaint = measure.complaint(names, body)
    if complaint:
        raise Refused(f"failed quota: {ledger.name}: {complaint}")
    if names - ledger.used.keys():
        raise Refused(f"status unknown for quota: {ledger.name}, resources: {','.join(sorted(names))}")


def _fit(ledger: Ledger, more: Amounts) -> Amounts:
    used = amounts.added(ledger.used, more)
    exceeded = amounts.beyond(amounts.masked(used, more), ledger.hard)
    if not exceeded:
        return used
    asked, had, hard = (
        amounts.shown(amounts.masked(given, exceeded)) for given in (more, ledger.used, ledger.hard)
    )
    raise Refused(f"exceeded quota: {ledger.name}, requested: {asked}, used: {had}, limited: {hard}")
