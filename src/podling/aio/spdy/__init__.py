"""SPDY/3.1, as Kubernetes' clients speak it: its frames (pure), and one connection of many byte streams."""

from __future__ import annotations

from . import frames
from .multiplex import Connection, Stream, Wire

__all__ = ["Connection", "Stream", "Wire", "frames"]
