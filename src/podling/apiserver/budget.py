"""How many bytes this server holds for clients at once: bodies and heads in arrival, answers that are not read yet.

One connection may cost a few megabytes; thousands of them must not cost thousands of times that.  What is small is not
counted, so ordinary requests are never in the way of this limit.  Who holds nothing yet gets what fits; nobody gets more
than half, so that one client cannot shut out all others; and when nothing is held, anything goes, so that a list may be
larger than the limit.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Budget:
    """Bytes by owner: a user's name, or the address of somebody who is not known yet."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._owned: dict[str, int] = {}

    def hold(self) -> Hold:
        return Hold(self)

    def take(self, owner: str, size: int) -> bool:
        """Whether `owner` may hold so many bytes more; if so they are counted until `give`."""
        owned = self._owned.get(owner, 0)
        if not size:
            return True
        if self.used and self.used + size > self.limit:
            return False
        if owned and owned + size > self.limit // 2:
            return False
        self.used += size
        self._owned[owner] = owned + size
        return True

    def give(self, owner: str, size: int) -> None:
        """So many bytes are held no more; nothing was never counted."""
        if not size:
            return
        self.used -= size
        self._owned[owner] -= size
        if not self._owned[owner]:
            del self._owned[owner]


class Hold:
    """What one request holds; leaving it gives everything back."""

    __slots__ = ("_budget", "_parts")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._parts: list[tuple[str, int]] = []

    def take(self, owner: str, size: int) -> bool:
        """As the budget's."""
        taken = self._budget.take(owner, size)
        if taken:
            self._parts.append((owner, size))
        return taken

    def give_all(self) -> None:
        """Give everything back; safe to repeat."""
        parts, self._parts = self._parts, []
        for owner, size in parts:
            self._budget.give(owner, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_all()
