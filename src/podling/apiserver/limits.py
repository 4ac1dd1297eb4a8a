"""How many requests at once, and how long each: upstream's max-in-flight filter and request deadline.

Reads and writes have room of their own, so that neither starves the other.  Long-running requests (watches, logs,
sessions) take none of it, and `system:masters` are never turned away: whoever may do everything must get an answer.
Source: k8s.io/apiserver/pkg/server/filters/maxinflight.go and pkg/endpoints/filters/request_deadline.go.
"""

from __future__ import annotations

from functools import lru_cache

from podling.api import durations, errors

from .request import Query, RequestInfo, Response, UserInfo

READ_VERBS = frozenset({"get", "list", "watch"})
LONG_RUNNING_VERBS = frozenset({"watch", "proxy"})
LONG_RUNNING_SUBRESOURCES = frozenset({"attach", "exec", "log", "portforward", "proxy"})
PRIVILEGED = "system:masters"
RETRY_AFTER_SECONDS = 1
WINDOW_SECONDS = 1.0
"""How far back `Room.highest` looks."""


class Room:
    """Requests of one kind that are under way. `kind` is what upstream's metrics call it."""

    __slots__ = ("_before", "_high", "_since", "count", "kind", "limit")

    def __init__(self, kind: str, limit: int) -> None:
        self.kind = kind
        self.limit = limit
        """The most at once; 0: no limit."""
        self.count = 0
        self._since = self._high = self._before = 0.0

    def admits(self, user: UserInfo) -> bool:
        """Whether one more may come in."""
        return self.count < self.limit or not self.limit or PRIVILEGED in user.groups

    def enter(self, now: float) -> None:
        self.count += 1
        if now - self._since > WINDOW_SECONDS:
            self._turn(now)
        if self.count > self._high:
            self._high = self.count

    def leave(self) -> None:
        self.count -= 1

    def highest(self, now: float) -> int:
        """The most that were in at once during the last second or the one before."""
        if now - self._since > WINDOW_SECONDS:
            self._turn(now)
        return int(max(self._high, self._before))

    def _turn(self, now: float) -> None:
        """A new window: what was the highest counts for one more, if it is not older than that."""
        self._before = self._high if now - self._since <= 2 * WINDOW_SECONDS else 0.0
        self._since, self._high = now, float(self.count)


def too_many() -> Response:
    """The refusal of one who finds no room: plain words, as upstream's filter writes them."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "X-Content-Type-Options": "nosniff"}
    return Response(
        429, b"Too many requests, please try again later.\n", "text/plain; charset=utf-8", headers
    )


def is_long_running(info: RequestInfo) -> bool:
    return info.verb in LONG_RUNNING_VERBS or info.subresource in LONG_RUNNING_SUBRESOURCES


def seconds_for(query: Query, most: float) -> float:
    """How long a request may take: `timeout=` in its query where that is shorter than `most`; raises BadRequest."""
    text = query.first("timeout")
    if not text:
        return most
    try:
        wanted = _seconds(text)
    except ValueError as error:
        raise errors.BadRequest(f"invalid timeout specified in the request URL - {error}") from error
    return wanted if 0 < wanted < most else most


@lru_cache(maxsize=64)
def _seconds(text: str) -> float:
    return durations.parse(text) / 1e9


def timed_out(info: RequestInfo) -> errors.Timeout:
    """The answer to a request that took too long; whether a write was done is not known."""
    if info.verb in READ_VERBS:
        return errors.Timeout("request did not complete within the allotted timeout")
    return errors.Timeout("request did not complete within requested timeout - context deadline exceeded")
