"""`/healthz`, `/livez`, `/readyz` and their single checks, worded as upstream's; how they went is in `/metrics/slis`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podling.aio.metrics import CONTENT_TYPE, text
from podling.api.gotext import quote

from .metrics.families import HEALTHCHECK, HEALTHCHECKS
from .request import Request, Response

TEXT = "text/plain; charset=utf-8"
PATHS = ("/healthz", "/livez", "/readyz")
_NOSNIFF = "X-Content-Type-Options"

Check = Callable[[], str]
"""What is wrong, "" when nothing is."""


class Health:
    """The checks by path: readiness asks for more than life."""

    def __init__(self, *, alive: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        everything = {**alive, **ready}
        self._checks = {"/healthz": alive, "/livez": alive, "/readyz": everything}
        self._passed: dict[tuple[str, str], bool] = {}
        self._counts: dict[tuple[str, str, str], int] = {}

    async def serve(self, request: Request) -> Response:
        root, _, name = request.path.strip("/").partition("/")
        checks = self._checks[f"/{root}"]
        if name:
            return _single(checks, name)
        response = self._all(root, checks, request)
        response.headers[_NOSNIFF] = "nosniff"
        return response

    async def measured(self, _: Request) -> Response:
        """`/metrics/slis`: what the checks said, and how often."""
        lines = [
            *text(HEALTHCHECK, [(key, int(passed)) for key, passed in self._passed.items()]),
            *text(HEALTHCHECKS, [(key, count) for key, count in self._counts.items()]),
        ]
        return Response(200, "".join(lines).encode(), CONTENT_TYPE)

    def _all(self, root: str, checks: Mapping[str, Check], request: Request) -> Response:
        excluded = set(request.query.get("exclude", ()))
        lines, failed = [], False
        for name, check in checks.items():
            if name in excluded:
                excluded.remove(name)
                lines.append(f"[+]{name} excluded: ok\n")
            elif self._passes(root, name, check):
                lines.append(f"[+]{name} ok\n")
            else:
                failed = True
                lines.append(f"[-]{name} failed: reason withheld\n")
        if excluded:
            unknown = ",".join(map(quote, sorted(excluded)))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {unknown}\n")
        if failed:
            return Response(500, ("".join(lines) + f"{root} check failed\n").encode(), TEXT)
        if "verbose" in request.query:
            return Response(200, ("".join(lines) + f"{root} check passed\n").encode(), TEXT)
        return Response(200, b"ok", TEXT)

    def _passes(self, root: str, name: str, check: Check) -> bool:
        passed = not check()
        self._passed[name, root] = passed
        key = (name, root, "success" if passed else "error")
        self._counts[key] = self._counts.get(key, 0) + 1
        return passed


def _single(checks: Mapping[str, Check], name: str) -> Response:
    if name not in checks:
        return Response(404, b"404 page not found\n", TEXT)
    wrong = checks[name]()
    if wrong:
        return Response(500, f"internal server error: {wrong}\n".encode(), TEXT)
    return Response(200, b"ok", TEXT)
