"""One kind of request as upstream's metrics tell it from others, and all that is counted of it.

What is asked becomes labels the way of k8s.io/apiserver/pkg/endpoints/metrics (CanonicalVerb, CleanVerb, CleanScope):
the verb comes from the method, so a create is `POST` and a deletecollection `DELETE`; what lists is `LIST`, what applies
`APPLY`, and sessions are `CONNECT`.
"""

from __future__ import annotations

from typing import NamedTuple

from podling.aio.metrics import Histogram
from podling.apiserver.deprecation import DEPRECATED
from podling.apiserver.negotiate import APPLY_PATCH
from podling.apiserver.request import Request

from .families import DURATIONS, SIZES

_METHODS = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})
_CONNECTS = frozenset({"log", "exec", "portforward", "attach", "proxy"})


class Asked(NamedTuple):
    """What tells requests apart, as it is found in them; `place` is the endpoint of those that name no resource."""

    method: str
    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    has_namespace: bool
    has_name: bool
    applies: bool
    dry_run: str
    place: str


def asked(request: Request, place: str) -> tuple[str | bool, ...]:
    """The values of an `Asked`, as a plain tuple: it is made for every request and mostly only looked up."""
    info, method, query = request.info, request.method, request.query
    return (
        method,
        info.verb,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.namespace != "",
        info.name != "",
        method == "PATCH" and request.headers.get("content-type", "").startswith(APPLY_PATCH),
        _dry_run(query["dryRun"]) if query and "dryRun" in query else "",
        place,
    )


class Series:
    """Counts of one kind of request."""

    __slots__ = (
        "aborts",
        "active",
        "codes",
        "deprecated",
        "durations",
        "key",
        "sizes",
        "terminations",
        "verb",
    )

    def __init__(self, what: Asked) -> None:
        scope = _scope(what)
        self.verb = _verb(what, scope)
        component = "" if what.place else "apiserver"
        subresource = what.place or what.subresource
        self.key = (what.dry_run, what.group, what.version, what.resource, subresource, scope, component)
        self.codes: dict[int, int] = {}
        self.terminations: dict[int, int] = {}
        self.aborts = 0
        self.active = 0
        """Long-running requests under way."""
        self.durations = Histogram(DURATIONS.buckets)
        self.sizes = Histogram(SIZES.buckets) if self.verb in ("GET", "LIST") else None
        old = DEPRECATED.get((what.group, what.version, what.resource))
        self.deprecated = None if old is None or what.place else (*self.key[1:5], old.removed)

    @property
    def labels(self) -> tuple[str, ...]:
        """Verb, group, version, resource, subresource, scope, component."""
        return (self.verb, *self.key[1:])

    def answered(self, code: int, size: int, seconds: float) -> None:
        codes = self.codes
        codes[code] = codes.get(code, 0) + 1
        self.durations.observe(DURATIONS.buckets, seconds)
        if self.sizes is not None:
            self.sizes.observe(SIZES.buckets, size)


def _scope(what: Asked) -> str:
    if what.place:
        return ""
    if what.has_name or what.verb == "create":
        return "resource"
    return "namespace" if what.has_namespace else "cluster"


def _verb(what: Asked, scope: str) -> str:
    if what.subresource in _CONNECTS:
        return "CONNECT"
    if what.verb == "watch":
        return "WATCH"
    if what.method in ("GET", "HEAD"):
        return "GET" if scope in ("resource", "") else "LIST"
    if what.applies:
        return "APPLY"
    return what.method if what.method in _METHODS else "other"


def _dry_run(values: tuple[str, ...]) -> str:
    given = [value for value in values if value]
    return ",".join(sorted(set(given))) if set(given) <= {"All"} else "invalid"
