"""What writers leave for the moment when their change comes back from the store.

A writer has its object decoded already, so it hands labels and fields over instead of having them read out of the
bytes again; and it wants the very entry that its write became, even when another write of the same key arrived in the
same batch. Both meet here, by key, only while the writer waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .entry import Entry, Indexed


class Pen:
    """The writers of one key."""

    __slots__ = ("hints", "results", "users")

    def __init__(self) -> None:
        self.users = 0
        self.hints: list[tuple[bytes, Indexed]] = []
        self.results: dict[int, Entry] = {}

    def indexed(self, value: bytes) -> Indexed | None:
        """What the writer of this very bytes object has left, if it was one of ours."""
        for written, indexed in self.hints:
            if written is value:
                return indexed
        return None


class Pens:
    """All keys that are being written."""

    def __init__(self) -> None:
        self._pens: dict[str, Pen] = {}

    def get(self, key: str) -> Pen | None:
        return self._pens.get(key)

    @contextmanager
    def writing(self, key: str, value: bytes | None, indexed: Indexed | None) -> Iterator[Pen]:
        """Hold a pen for the time of one write."""
        pen = self._pens.get(key)
        if pen is None:
            pen = self._pens[key] = Pen()
        pen.users += 1
        hint = (value, indexed) if value is not None and indexed is not None else None
        if hint is not None:
            pen.hints.append(hint)
        try:
            yield pen
        finally:
            pen.users -= 1
            if hint is not None:
                pen.hints[:] = [other for other in pen.hints if other is not hint]
            if not pen.users:
                del self._pens[key]
