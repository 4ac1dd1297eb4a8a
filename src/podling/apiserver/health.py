"""`/healthz`, `/livez`, `/readyz` and their single checks, worded as upstream's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .request import Request, Response

TEXT = "text/plain; charset=utf-8"
PATHS = ("/healthz", "/livez", "/readyz")

Check = Callable[[], str]
"""What is wrong, "" when nothing is."""


class Health:
    """The checks by path: readiness asks for more than life."""

    def __init__(self, *, alive: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        everything = {**alive, **ready}
        self._checks = {"/healthz": alive, "/livez": alive, "/readyz": everything}

    async def serve(self, request: Request) -> Response:
        root = "/" + request.path.strip("/").partition("/")[0]
        name = request.path.strip("/").partition("/")[2]
        checks = self._checks[root]
        if name:
            if name not in checks:
                return Response(404, b"404 page not found\n", TEXT)
            wrong = checks[name]()
            if wrong:
                return Response(500, f"internal server error: {wrong}\n".encode(), TEXT)
            return Response(200, b"ok", TEXT)
        excluded = set(request.query.get("exclude", ()))
        return _all(root.strip("/"), checks, excluded, is_verbose="verbose" in request.query)


def _all(name: str, checks: Mapping[str, Check], excluded: set[str], *, is_verbose: bool) -> Response:
    lines, failed = [], False
    for check, ask in checks.items():
        if check in excluded:
            lines.append(f"[+]{check} excluded: ok\n")
        elif ask():
            failed = True
            lines.append(f"[-]{check} failed: reason withheld\n")
        else:
            lines.append(f"[+]{check} ok\n")
    if failed:
        return Response(500, ("".join(lines) + f"{name} check failed\n").encode(), TEXT)
    if is_verbose:
        return Response(200, ("".join(lines) + f"{name} check passed\n").encode(), TEXT)
    return Response(200, b"ok", TEXT)
