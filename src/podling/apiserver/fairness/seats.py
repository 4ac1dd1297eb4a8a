"""How many requests of each priority level may be under way at once (pure).

The server's seats are divided among levels by their shares. A part of each level's seats is its own at all times; what it lends goes into a pool
that it draws on like the others, up to what each may borrow (API reference, PriorityLevelConfiguration).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podling.api.types import flowcontrol_v1

Level = flowcontrol_v1.PriorityLevelConfiguration


@dataclass(frozen=True, slots=True)
class Share:
    """`nominal` seats, of which `own` are never lent; `most` that may be in use with what others lend."""

    nominal: int
    own: int
    most: int

    @property
    def lendable(self) -> int:
        return self.nominal - self.own


def shares(levels: Iterable[Level], total: int) -> dict[str, Share]:
    """By name, for `total` seats of the server; exempt levels take none away from those who wait."""
    rows = {level.metadata.name or "": _row(level) for level in levels}
    parts = sum(part for part, _, _ in rows.values())
    found = {}
    for name, (part, lendable, borrowing) in rows.items():
        nominal = math.ceil(total * part / parts) if parts else 0
        own = nominal - round(nominal * lendable / 100)
        most = total if borrowing is None else nominal + round(nominal * borrowing / 100)
        found[name] = Share(nominal, own, max(nominal, most))
    return found


def _row(level: Level) -> tuple[int, int, int | None]:
    """Shares, percentage lent, percentage that may be borrowed (None: any)."""
    limited, exempt = level.spec.limited, level.spec.exempt
    if limited is not None:
        return (
            limited.nominal_concurrency_shares or 0,
            limited.lendable_percent or 0,
            limited.borrowing_limit_percent,
        )
    if exempt is not None:
        return exempt.nominal_concurrency_shares or 0, exempt.lendable_percent or 0, None
    return 0, 0, None


class Seats:
    """Seats in use, by level."""

    def __init__(self, given: Mapping[str, Share]) -> None:
        self.used: dict[str, int] = {}
        self.share_out(given)

    def share_out(self, given: Mapping[str, Share]) -> None:
        """New shares; what is in use stays so, and a level that is gone keeps its place until it has given all back."""
        self.shares = given
        self.used = {
            name: self.used.get(name, 0)
            for name in {**given, **self.used}
            if name in given or self.used[name]
        }
        self.pool = sum(share.lendable for share in given.values())
        self.drawn = sum(self._draws(name, used) for name, used in self.used.items())
        """Seats of the pool in use."""

    def takes(self, name: str, width: int) -> bool:
        """Take `width` seats for a level if it may have them now; one that has none in use may always have one request.

        Without that a request wider than all its level's seats would wait for ever.
        """
        share, used = self.shares[name], self.used[name]
        after = used + width
        draws = self._draws(name, after) - self._draws(name, used)
        if used and (after > share.most or self.drawn + draws > self.pool):
            return False
        self.used[name] = after
        self.drawn += draws
        return True

    def give_back(self, name: str, width: int) -> None:
        used = self.used[name]
        self.drawn -= self._draws(name, used) - self._draws(name, used - width)
        self.used[name] = used - width

    def _draws(self, name: str, used: int) -> int:
        """How many seats of the pool a level has when it has so many in all."""
        share = self.shares.get(name)
        return max(0, used - share.own) if share is not None else 0
