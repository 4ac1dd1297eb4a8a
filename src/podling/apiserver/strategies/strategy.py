"""What creating, changing and deleting an object does besides storing it, the same for nearly every kind.

A write to the resource itself may not touch `status`, a write to `/status` may touch nothing else but metadata;
`generation` starts at 1 and follows what is neither.  Methods change bodies in place; `old` is never changed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache, cached_property
from types import NoneType
from typing import Any, get_args

import msgspec

from podling.api import codec
from podling.api.kinds import Kind
from podling.apiserver.request import UserInfo

_HEAD = {"kind", "api_version", "metadata", "status"}


@dataclass(frozen=True, slots=True)
class Context:
    """What a strategy may know of the request: who asks, the time (RFC 3339) and the source of chance."""

    user: UserInfo
    now: str
    chance: random.Random


class Strategy:
    """The behaviour of every kind that has no module of its own."""

    returns_deleted = False
    """A delete answers with the object rather than with a Status."""
    is_collectable = True
    """The garbage collector may hold it with finalizers."""
    orphans_by_default = False
    """A deletion that names no propagation policy leaves the dependents behind (kinds older than the collector)."""
    is_graceful = False
    """Deleting marks the object first; someone else ends it (`grace_seconds` says by when)."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def reset(self, body: Any, old: Any | None) -> None:
        """Put back what a write to the resource itself may not set; before managed fields are counted."""
        if self._status is not None:
            body.status = self._status() if old is None else old.status

    def reset_for_status(self, body: Any, old: Any) -> None:
        """Put back what a write to `/status` may not set: everything but status and metadata."""
        for name in self._content:
            setattr(body, name, getattr(old, name))

    def prepare_create(self, body: Any, context: Context) -> None:
        """Complete a new object after admission, before validation."""
        if self.kind.generation:
            body.metadata.generation = 1

    def prepare_update(self, body: Any, old: Any, context: Context) -> None:
        """Complete a changed object after admission, before validation."""
        if self.kind.generation and self.content_changed(body, old):
            body.metadata.generation = (old.metadata.generation or 0) + 1

    def finish(self, body: Any) -> None:
        """The commit has happened or failed; let go of what was held for it."""

    def grace_seconds(self, body: Any, asked: int | None) -> int:
        """How long a graceful deletion waits, given what the client asked for; 0 removes the object at once."""
        return 0

    def may_vanish(self, body: Any) -> bool:
        """Whether a deleted object without finalizers goes now; Namespaces have finalizers of their own."""
        return True

    def content_changed(self, body: Any, old: Any) -> bool:
        """Whether anything but metadata and status means something else than before."""
        return any(
            not codec.semantic_equal(getattr(body, name), getattr(old, name)) for name in self._content
        )

    @cached_property
    def _content(self) -> tuple[str, ...]:
        return tuple(name for name in self.kind.struct.__struct_fields__ if name not in _HEAD)

    @cached_property
    def _status(self) -> type[msgspec.Struct] | None:
        return status_type(self.kind.struct) if "status" in self.kind.subresources else None


@cache
def status_type(struct: type[msgspec.Struct]) -> type[msgspec.Struct] | None:
    """The type of a kind's `status`, None if it has no status or one that is no record."""
    for described in msgspec.structs.fields(struct):
        if described.name == "status":
            for option in get_args(described.type) or (described.type,):
                if option is not NoneType and isinstance(option, type) and issubclass(option, msgspec.Struct):
                    return option
    return None
