"""One line for each request, with the keys of upstream's httplog: what was asked, by whom, how it went, how long it took.

    "HTTP" verb="LIST" URI="/api/v1/pods?limit=500" latency="1.204ms" userAgent="kubectl/v1.33" audit-ID="…" srcIP="…" user="admin" resp=200

Requests that fail with 5xx or take longer than `SLOW_SECONDS` are always told of, the others when `Config.access_log`
asks for it.  Source: k8s.io/apiserver/pkg/server/httplog; `user` is ours.
"""

from __future__ import annotations

import logging
from urllib.parse import quote as escaped
from urllib.parse import urlencode

from podling.api.gotext import quote

from .request import Request

log = logging.getLogger("podling.apiserver.access")

SLOW_SECONDS = 1.0
MAX_AUDIT_ID = 64
MAX_WORDS = 1024
"""Characters of what a client may make as long as it likes."""


def write(request: Request, verb: str, status: int, seconds: float) -> None:
    """Log a request that has been answered; a status of 101 is a session."""
    if log.isEnabledFor(logging.INFO):
        log.info(line(request, verb, status, seconds))


def line(request: Request, verb: str, status: int, seconds: float) -> str:
    user = request.user.name if request.user is not None else ""
    words = (
        ("verb", verb),
        ("URI", uri(request)[:MAX_WORDS]),
        ("latency", latency(seconds)),
        ("userAgent", request.headers.get("user-agent", "")[:MAX_WORDS]),
        ("audit-ID", request.audit_id[:MAX_AUDIT_ID]),
        ("srcIP", request.remote),
        ("user", user),
    )
    end = "hijacked=true" if status == 101 else f"resp={status}"
    return " ".join(['"HTTP"', *(f"{key}={quote(value)}" for key, value in words), end])


def uri(request: Request) -> str:
    """Path and query as they can be sent."""
    pairs = [(name, value) for name, values in request.query.items() for value in values]
    path = escaped(request.path, safe="/:@!$&'()*+,;=~", errors="surrogateescape")
    return f"{path}?{urlencode(pairs, errors='surrogateescape')}" if pairs else path


def latency(seconds: float) -> str:
    """A duration as Go prints it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.6g}µs"
    if seconds < 1:
        return f"{seconds * 1e3:.6g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}h{minutes}m{rest:.6g}s"
    return f"{minutes}m{rest:.6g}s" if minutes else f"{rest:.6g}s"
