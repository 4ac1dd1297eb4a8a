"""Counters of this server, in Prometheus' text format, under upstream's names.

Counting happens on every request, so it is a dictionary and two additions; the text is made when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .request import RequestInfo, Response

BUCKETS = (
    0.005,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    15,
    20,
    30,
    45,
    60,
)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Key = tuple[str, str, str, str, str]


@dataclass(slots=True)
class _Series:
    """Durations of one kind of request."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0
    count: int = 0


class Metrics:
    """What this server has done so far; `gauges` add values read at the moment of asking."""

    def __init__(self) -> None:
        self._requests: dict[tuple[Key, int], int] = {}
        self._durations: dict[Key, _Series] = {}
        self.gauges: dict[str, Callable[[], float]] = {}

    def observe(self, info: RequestInfo, code: int, seconds: float) -> None:
        """Count one answered request."""
        if info.is_resource:
            key = (info.verb.upper(), info.group, info.version, info.resource, info.subresource)
        else:
            key = (info.verb.upper(), "", "", "", "")
        counted = (key, code)
        self._requests[counted] = self._requests.get(counted, 0) + 1
        series = self._durations.get(key)
        if series is None:
            series = self._durations[key] = _Series()
        series.buckets[bisect_left(BUCKETS, seconds)] += 1
        series.total += seconds
        series.count += 1

    def response(self) -> Response:
        return Response(200, "".join(self._lines()).encode(), CONTENT_TYPE)

    def _lines(self) -> Iterable[str]:
        yield "# HELP apiserver_request_total Counter of apiserver requests.\n"
        yield "# TYPE apiserver_request_total counter\n"
        for (key, code), count in sorted(self._requests.items()):
            yield f'apiserver_request_total{{{_labels(key)},code="{code}"}} {count}\n'
        name = "apiserver_request_duration_seconds"
        yield f"# HELP {name} Response latency distribution in seconds.\n# TYPE {name} histogram\n"
        for key, series in sorted(self._durations.items()):
            yield from _histogram(name, _labels(key), series)
        for gauge, read in self.gauges.items():
            yield f"# TYPE {gauge} gauge\n{gauge} {read()}\n"


def _histogram(name: str, labels: str, series: _Series) -> Iterable[str]:
    seen = 0
    for bound, count in zip((*BUCKETS, "+Inf"), series.buckets, strict=True):
        seen += count
        yield f'{name}_bucket{{{labels},le="{bound}"}} {seen}\n'
    yield f"{name}_sum{{{labels}}} {series.total}\n{name}_count{{{labels}}} {series.count}\n"


def _labels(key: Key) -> str:
    verb, group, version, resource, subresource = key
    return (
        f'verb="{verb}",group="{group}",version="{version}",resource="{resource}",subresource="{subresource}"'
    )
