"""Kubernetes' access modes in CSI's words (pure)."""

from __future__ import annotations

_ACCESS = {
    "ReadWriteMany": "MULTI_NODE_MULTI_WRITER",
    "ReadOnlyMany": "MULTI_NODE_READER_ONLY",
    "ReadWriteOnce": "SINGLE_NODE_WRITER",
    "ReadWriteOncePod": "SINGLE_NODE_WRITER",
}
_ACCESS_APART = {"ReadWriteOnce": "SINGLE_NODE_MULTI_WRITER", "ReadWriteOncePod": "SINGLE_NODE_SINGLE_WRITER"}
"""For drivers that tell the two apart."""


def access_mode(modes: list[str], *, apart: bool) -> str:
    """CSI's mode for a claim's; ``apart``: the driver tells writers on one node apart."""
    known = {**_ACCESS, **(_ACCESS_APART if apart else {})}
    return next((known[mode] for mode in _ACCESS if mode in modes), "SINGLE_NODE_WRITER")
