"""Numbers that others may ask for: families with their labels, histograms, and Prometheus' text form of both.

Counting is left to who counts, in whatever form is cheapest there (an int, a dict); here is only the one thing that needs
a structure, the histogram, and how everything is written down when it is asked for. Pure.
Source: the Prometheus text exposition format 0.0.4; `[STABLE]` before a help text is Kubernetes' custom (KEP-1209).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """What is measured under one name. `labels` are in the order in which samples give their values."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    stability: Literal["STABLE", "BETA", "ALPHA", ""] = "ALPHA"
    buckets: tuple[float, ...] = ()
    """Upper bounds, rising; of histograms only."""


class Histogram:
    """How often values fell into which bucket. The bounds are its family's: they are given with each value."""

    __slots__ = ("counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, bounds: tuple[float, ...], value: float) -> None:
        self.counts[bisect_left(bounds, value)] += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """Take in what another with the same bounds has seen."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def without_first(self, count: int) -> Histogram:
        """The same values where the first `count` bounds are not told apart."""
        merged = Histogram(())
        merged.counts = [sum(self.counts[: count + 1]), *self.counts[count + 1 :]]
        merged.total = self.total
        return merged


class At(NamedTuple):
    """A value that is not of now: when it was read, in milliseconds since the epoch."""

    value: float
    milliseconds: int


Sample = tuple[tuple[str, ...], float | Histogram | At]


def text(family: Family, samples: Iterable[Sample]) -> Iterator[str]:
    """The lines of one family; nothing when it has no samples."""
    begun = False
    for values, value in sorted(samples, key=lambda sample: sample[0]):
        if not begun:
            begun = True
            stability = f"[{family.stability}] " if family.stability else ""
            yield f"# HELP {family.name} {stability}{family.help}\n# TYPE {family.name} {family.type}\n"
        pairs = sorted(zip(family.labels, values, strict=True))
        labels = ",".join([f'{name}="{_escaped(label)}"' for name, label in pairs])
        if isinstance(value, Histogram):
            yield from _histogram(family, labels, value)
        else:
            yield (
                f"{family.name}{{{labels}}} {_told(value)}\n" if labels else f"{family.name} {_told(value)}\n"
            )


def _histogram(family: Family, labels: str, histogram: Histogram) -> Iterator[str]:
    seen, first = 0, f"{labels}," if labels else ""
    for bound, count in zip((*map(number, family.buckets), "+Inf"), histogram.counts, strict=True):
        seen += count
        yield f'{family.name}_bucket{{{first}le="{bound}"}} {seen}\n'
    told = f"{{{labels}}}" if labels else ""
    yield f"{family.name}_sum{told} {number(histogram.total)}\n{family.name}_count{told} {seen}\n"


def _told(value: float | At) -> str:
    return f"{number(value.value)} {value.milliseconds}" if isinstance(value, At) else number(value)


def number(value: float) -> str:
    """A number as Go prints it: no `.0`, and large powers of ten with an exponent."""
    if isinstance(value, int) or value.is_integer():
        whole = int(value)
        return str(whole) if abs(whole) < 10**6 or whole % 10**5 else f"{value:g}"
    return repr(float(value))


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
