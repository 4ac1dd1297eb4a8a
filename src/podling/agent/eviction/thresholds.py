"""Thresholds: below which amount of a signal a node is short of it, for how long that is borne, how much is won back (pure).

They are written as the kubelet's flags have them: ``memory.available<100Mi,nodefs.available<10%``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podling.api import durations, quantity

from .signals import SIGNALS, Observation


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, or a part of the capacity; of both the smaller."""

    value: int = 0
    part: float = 0.0

    def of(self, capacity: int) -> int:
        part = int(self.part * capacity)
        return min(self.value, part) if self.value and self.part else part or self.value


@dataclass(frozen=True, slots=True)
class Threshold:
    """``grace``: seconds that the shortage must last; None for a hard threshold. ``reclaim`` is won back on top of ``least``."""

    signal: str
    least: Amount
    grace: float | None = None
    reclaim: Amount = Amount()

    def is_met(self, seen: Observation, *, reclaiming: bool = False) -> bool:
        """Whether too little is left; while ``reclaiming``, also of what is to be won back."""
        least = self.least.of(seen.capacity) + (self.reclaim.of(seen.capacity) if reclaiming else 0)
        return seen.available < least


def parse(hard: str, soft: str = "", *, graces: str = "", reclaims: str = "") -> tuple[Threshold, ...]:
    """From the kubelet's flags.  Raises ``ValueError`` with its words."""
    periods = {signal: durations.parse(text) / 1e9 for signal, text in _pairs(graces, "grace period")}
    won_back = {signal: _amount(signal, text) for signal, text in _pairs(reclaims, "minimum reclaim")}
    found = []
    for signal, least in _statements(hard):
        found.append(Threshold(signal, least, None, won_back.get(signal, Amount())))
    for signal, least in _statements(soft):
        if signal not in periods:
            raise ValueError(f"grace period must be specified for the soft eviction threshold {signal}")
        found.append(Threshold(signal, least, periods[signal], won_back.get(signal, Amount())))
    return tuple(found)


def met(
    thresholds: Iterable[Threshold], seen: Mapping[str, Observation], *, reclaiming: bool = False
) -> list[Threshold]:
    """Those of which too little is left, of the signals that were seen."""
    return [
        threshold
        for threshold in thresholds
        if threshold.signal in seen and threshold.is_met(seen[threshold.signal], reclaiming=reclaiming)
    ]


def _statements(text: str) -> list[tuple[str, Amount]]:
    found: dict[str, Amount] = {}
    for statement in filter(None, text.split(",")):
        signal, operator, value = statement.partition("<")
        if not operator or "<" in value:
            raise ValueError(
                f"invalid eviction threshold syntax {statement}, expected <signal><operator><value>"
            )
        _known(signal)
        if signal in found:
            raise ValueError(f"found duplicate eviction threshold for signal {signal}")
        found[signal] = _amount(signal, value)
    return [(signal, least) for signal, least in found.items() if least != Amount()]


def _pairs(text: str, what: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for statement in filter(None, text.split(",")):
        signal, sign, value = statement.partition("=")
        if not sign:
            raise ValueError(f"invalid eviction {what} syntax {statement}, expected <signal>=<value>")
        _known(signal)
        if signal in found:
            raise ValueError(f"duplicate eviction {what} specified for {signal}")
        found[signal] = value
    return [*found.items()]


def _known(signal: str) -> None:
    if signal not in SIGNALS:
        raise ValueError(f"unsupported eviction signal {signal}")


def _amount(signal: str, text: str) -> Amount:
    """Zero and 100 % turn a threshold off, as in the kubelet."""
    if text.endswith("%"):
        part = float(text[:-1]) / 100
        if part < 0:
            raise ValueError(f"eviction percentage threshold {signal} must be >= 0%: {text}")
        if part > 1:
            raise ValueError(f"eviction percentage threshold {signal} must be <= 100%: {text}")
        return Amount() if part in (0, 1) else Amount(part=part)
    value = quantity.parse(text).value()
    if value < 0:
        raise ValueError(f"eviction threshold {signal} must be positive: {text}")
    return Amount(value=value)
