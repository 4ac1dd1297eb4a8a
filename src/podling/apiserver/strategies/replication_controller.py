"""ReplicationControllers: deleted without a word on propagation, they leave their Pods behind."""

from __future__ import annotations

from podling.api.kinds import Kind

from .addresses import Addresses
from .strategy import Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return ReplicationControllerStrategy(kind)


class ReplicationControllerStrategy(Strategy):
    orphans_by_default = True
