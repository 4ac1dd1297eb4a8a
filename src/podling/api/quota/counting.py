"""What a quota's status should say, counted from the objects that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from podling.api import quantity
from podling.api.types import core_v1

from . import amounts, scopes
from .measures import Measure


def is_counted(measure: Measure, spec: core_v1.ResourceQuotaSpec) -> bool:
    """Whether the quota names anything that objects of the kind use."""
    return bool(measure.names(spec.hard or {}))


def count(
    spec: core_v1.ResourceQuotaSpec,
    before: core_v1.ResourceQuotaStatus | None,
    objects: Mapping[Measure, Callable[[], Iterable[Any]]],
    now: float,
) -> core_v1.ResourceQuotaStatus:
    """The status. `objects` gives the namespace's objects for each measure that the quota names.

    What is used of a name that nothing measures stays as it was said before.
    """
    required = scopes.requirements(spec)
    measured: set[str] = set()
    total: amounts.Amounts = {}
    for measure, held in objects.items():
        names = measure.names(spec.hard or {})
        measured |= names
        for body in held():
            if all(measure.meets(each, body) for each in required):
                total = amounts.added(total, amounts.masked(measure.usage(body, now), names))
    kept = amounts.parsed(before.used if before else None)
    used = {**kept, **dict.fromkeys(measured, quantity.ZERO), **total}
    return core_v1.ResourceQuotaStatus(
        hard=dict(spec.hard or {}), used=amounts.spelled(amounts.masked(used, spec.hard or {}))
    )
