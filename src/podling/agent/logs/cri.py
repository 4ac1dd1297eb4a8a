"""One line of a container log: ``<time> <stream> <tags> <text>`` (pure).

``2024-05-01T12:00:00.123456789Z stdout F hello``; the tag F ends a line of the container's, P is a part of one that goes on in
the next entry.  (Source: kubernetes `staging/src/k8s.io/cri-client/pkg/logs`, KEP cri-log-format.)
"""

from __future__ import annotations

from typing import NamedTuple

STDOUT, STDERR = b"stdout", b"stderr"


class Entry(NamedTuple):
    """``data`` is what the container wrote, with its newline unless ``partial``; ``time`` is UTC with a Z."""

    time: bytes
    stream: bytes
    partial: bool
    data: bytes


def parse(line: bytes) -> Entry | None:
    """An entry, without the newline that ends it in the file; None for what is none."""
    time, _, rest = line.partition(b" ")
    stream, _, rest = rest.partition(b" ")
    tags, space, text = rest.partition(b" ")
    if not space and not tags:
        return None
    if stream not in (STDOUT, STDERR):
        return None
    if time.endswith(b"+00:00"):  # as conmon writes UTC
        time = time[:-6] + b"Z"
    partial = tags.partition(b":")[0] == b"P"
    return Entry(time, stream, partial, text if partial else text + b"\n")
