"""How nodes guard themselves, from the settings that are spelled as the kubelet's flags (pure).

`cli/up` asks `check` before anything is stored; it is loaded only where such settings are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podling.agent.eviction import thresholds
from podling.agent.eviction.settings import DEFAULT, EvictionSettings
from podling.api import quantity

from .config import ClusterConfig
from .errors import BadConfig

EVICTION = ("eviction_hard", "eviction_soft", "eviction_soft_grace_period", "eviction_minimum_reclaim")
RESERVED = ("kube_reserved", "system_reserved")
_RESOURCES = ("cpu", "memory", "ephemeral-storage", "pid")


@dataclass(frozen=True, slots=True)
class Guard:
    """What the agent's settings of these names are to be."""

    eviction: EvictionSettings
    reserved: tuple[Mapping[str, str], ...]
    pod_pids: int | None


def of(config: ClusterConfig) -> Guard:
    """Raises ``ValueError`` for what `check` refuses."""
    hard, soft, graces, reclaims = (getattr(config, name) for name in EVICTION)
    found = thresholds.parse(hard, soft, graces=graces, reclaims=reclaims)
    if not hard:  # what is not said stays as it is by default
        found = (*DEFAULT, *found)
    reserved = tuple(_amounts(getattr(config, name)) for name in RESERVED)
    return Guard(EvictionSettings(thresholds=found), reserved, max(config.pod_max_pids, 0) or None)


def check(given: Mapping[str, Any]) -> None:
    """Raise ``BadConfig`` for settings that make no sense; they are judged together, as they lean on each other."""
    names = [name for name in (*EVICTION, *RESERVED) if given.get(name)]
    if not names:
        return
    flags = ", ".join(f"--{name.replace('_', '-')}" for name in names)
    try:
        of(ClusterConfig(**{name: given[name] for name in names}))
    except ValueError as error:
        raise BadConfig(f"cannot use {flags}: {error}") from error


def _amounts(text: str) -> dict[str, str]:
    """``cpu=500m,memory=1Gi``."""
    found = {}
    for part in filter(None, text.split(",")):
        name, sign, amount = part.partition("=")
        if not sign or name not in _RESOURCES:
            raise ValueError(f"cannot reserve {part!r}: it must be {', '.join(_RESOURCES)} and =amount")
        if quantity.parse(amount) < quantity.ZERO:
            raise ValueError(f"resource quantity for {name} cannot be negative: {amount}")
        found[name] = amount
    return found
