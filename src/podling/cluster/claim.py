"""Who runs a cluster: an advisory lock on ``lock``, held by that process for as long as it lives.

The kernel lets go of the lock when the holder dies, however it dies, so there is no stale pid file to be fooled by.
The file's content says who holds it and how far it is:

    starting ──> ready ──> stopping          (content is trusted only while the lock is held)
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import AlreadyRunning
from .layout import Layout

_ROOM = 8192
"""Bytes for the content, always written whole: a short one leaves nothing of a long one."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has the cluster: its pid, its phase, the API server's address once it listens, and its runtime:
    why no better one, and what it does not keep apart."""

    pid: int
    phase: str = "starting"
    server: str = ""
    runtime: str = ""
    runtime_note: str = ""
    since: float = 0.0
    not_isolated: tuple[str, ...] = ()


_PASSABLE = 0o711
"""Root of a Pod with users of its own is one of the others here and must get to its own files; secrets are closed by themselves."""


class Claim:
    """The lock, held.  ``tell`` publishes the phase to whoever looks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, holder: Holder) -> None:
        text = json.dumps({name: getattr(holder, name) for name in Holder.__slots__}).encode()
        os.pwrite(self._descriptor, text.ljust(_ROOM), 0)


@contextmanager
def claim(layout: Layout) -> Iterator[Claim]:
    """Hold the cluster; ``AlreadyRunning`` if another process does."""
    layout.cluster.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        layout.cluster.chmod(_PASSABLE)
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_busy(layout)) from None
        held = Claim(descriptor)
        held.tell(Holder(os.getpid()))
        yield held
    finally:
        os.close(descriptor)


def holder(layout: Layout) -> Holder | None:
    """The process that has the cluster now, or None."""
    try:
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, _ROOM, 0).rstrip(b"\0 ")
        return _decode(text) if text else Holder(0)
    finally:
        os.close(descriptor)
    return None


def _decode(text: bytes) -> Holder:
    """What the holder said, which may be of another release: fields that are not known here are passed over."""
    said = json.loads(text)
    known = {name: said[name] for name in Holder.__slots__ if name in said}
    return Holder(**{**known, "not_isolated": tuple(said.get("not_isolated", ()))})


def _busy(layout: Layout) -> str:
    other = holder(layout)
    who = f"process {other.pid} ({other.phase})" if other and other.pid else "another process"
    return f"cannot take cluster {layout.name!r}: {who} has it"
