"""Events: no garbage collector ever holds one."""

from __future__ import annotations

from podling.api.kinds import Kind

from .addresses import Addresses
from .strategy import Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return EventStrategy(kind)


class EventStrategy(Strategy):
    is_collectable = False
