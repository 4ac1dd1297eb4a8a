"""SPDY/3.1 as kubectl up to v1.29 and many Go clients speak it for exec and attach: a session that looks like a WebSocket.

A session of streams named `error`, `stdin`, `stdout`, `stderr` and `resize` carries what the messages of
`v5.channel.k8s.io` carry behind a channel byte. `Session` translates between the two, so that whatever serves a
WebSocket serves SPDY as well.
"""

from __future__ import annotations

from podling.aio.spdy import Wire

from .session import PROTOCOL, UPGRADE, Session

__all__ = ["PROTOCOL", "UPGRADE", "Session", "Wire"]
