"""What this server has done, under upstream's names, for `/metrics` and `/metrics/slis`.

Counting happens on every request, so it is one look into a dictionary and a few additions; the text is made when it is
asked for.  Only what is served gets a series of its own: names that somebody makes up are not remembered.
Unlike upstream's, the counts include requests that were refused before they reached their resource (401, 403, 429).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from podling.aio import processmetrics
from podling.aio.metrics import CONTENT_TYPE, Family, Histogram, Sample, text
from podling.api.kinds import Kind
from podling.apiserver.request import Request, Response

from . import families as named
from .series import Asked, Series, asked

__all__ = ["Lines", "Metrics", "Placing", "Series", "Tally"]

Lines = Callable[[], Iterable[str]]
"""Text of families that others count."""
_KNOWN_USERS = frozenset(
    {"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"}
)


class Placing(Protocol):
    """What a server serves."""

    def is_served(self, group: str, version: str, resource: str, subresource: str) -> bool: ...

    def place(self, path: str) -> str:
        """The endpoint that answers a path that names no resource; "": none does."""


@dataclass(slots=True)
class Tally:
    """A number that rises."""

    count: int = 0


@dataclass(slots=True)
class Metrics:
    """See the module. `sources` add what other parts of the process count."""

    placing: Placing
    sources: list[Lines] = field(default_factory=list)
    tls_errors: Tally = field(default_factory=Tally)
    allowed: int = 0
    denied: int = 0
    strangers: int = 0
    """Requests with credentials that were wrong."""
    _users: dict[str, int] = field(default_factory=dict)
    _series: dict[tuple[str | bool, ...], Series] = field(default_factory=dict)
    _watched: dict[tuple[str, str, str], Tally] = field(default_factory=dict)

    def series(self, request: Request) -> Series | None:
        """Where requests like this one are counted; None for what is not served."""
        info = request.info
        place = "" if info.is_resource else self.placing.place(info.path)
        key = asked(request, place)
        found = self._series.get(key)
        if found is not None:
            return found
        if not place and not self.placing.is_served(
            info.group, info.version, info.resource, info.subresource
        ):
            return None
        found = self._series[key] = Series(Asked(*key))  # type: ignore[arg-type]
        return found

    def terminated(self, request: Request, code: int) -> None:
        """A request was turned away, or given up, to protect the server."""
        if (found := self.series(request)) is not None:
            found.terminations[code] = found.terminations.get(code, 0) + 1

    def aborted(self, request: Request) -> None:
        """An answer was broken off, because its client did not take it."""
        if (found := self.series(request)) is not None:
            found.aborts += 1

    def authenticated(self, name: str) -> None:
        """A request came with credentials that are right; unusual names are counted together, as upstream does."""
        known = name if name in _KNOWN_USERS else "email_id" if "@" in name else "other"
        self._users[known] = self._users.get(known, 0) + 1

    def watched(self, kind: Kind) -> Tally:
        """Where events of a kind that are sent to watchers are counted."""
        return self._watched.setdefault((kind.group, kind.version, kind.plural), Tally())

    def response(self) -> Response:
        body = "".join([*self._lines(), *(line for source in self.sources for line in source())])
        return Response(200, body.encode(), CONTENT_TYPE)

    def _lines(self) -> Iterator[str]:
        for family, samples in self._samples():
            yield from text(family, samples)
        yield from processmetrics.lines()

    def _samples(self) -> Iterator[tuple[Family, Iterable[Sample]]]:
        all_series = self._series.values()
        yield (
            named.REQUESTS,
            _summed(
                ((one.verb, *one.key, str(code)), count)
                for one in all_series
                for code, count in one.codes.items()
            ),
        )
        yield (
            named.DURATIONS,
            _joined(((one.verb, *one.key), one.durations) for one in all_series if one.codes),
        )
        yield (
            named.SLI_DURATIONS,
            _joined(
                (one.labels, one.durations.without_first(named.SLI_SKIPS)) for one in all_series if one.codes
            ),
        )
        yield (
            named.SIZES,
            _joined((one.labels, one.sizes) for one in all_series if one.sizes is not None and one.codes),
        )
        yield named.LONG_RUNNING, _summed((one.labels, one.active) for one in all_series if one.active)
        yield named.DEPRECATED, {(one.deprecated, 1) for one in all_series if one.deprecated and one.codes}
        yield (
            named.TERMINATIONS,
            _summed(
                ((*one.labels, str(code)), count)
                for one in all_series
                for code, count in one.terminations.items()
            ),
        )
        yield named.ABORTS, _summed((one.labels[:-1], one.aborts) for one in all_series if one.aborts)
        yield named.TLS_ERRORS, [((), self.tls_errors.count)]
        yield named.WATCH_EVENTS, [(key, tally.count) for key, tally in self._watched.items()]
        attempts = (("success",), sum(self._users.values())), (("failure",), self.strangers)
        yield named.AUTHENTICATIONS, [one for one in attempts if one[1]]
        yield named.AUTHENTICATED, [((user,), count) for user, count in self._users.items()]
        decisions = (("allowed",), self.allowed), (("denied",), self.denied)
        yield named.AUTHORIZATIONS, [one for one in decisions if one[1]]


def _summed(samples: Iterable[tuple[tuple[str, ...], int]]) -> list[Sample]:
    """Samples with the same labels as one."""
    found: dict[tuple[str, ...], int] = {}
    for labels, count in samples:
        found[labels] = found.get(labels, 0) + count
    return list(found.items())


def _joined(samples: Iterable[tuple[tuple[str, ...], Histogram]]) -> list[Sample]:
    found: dict[tuple[str, ...], Histogram] = {}
    for labels, histogram in samples:
        known = found.get(labels)
        if known is None:
            known = found[labels] = Histogram(())
            known.counts = [0] * len(histogram.counts)
        known.add(histogram)
    return list(found.items())
