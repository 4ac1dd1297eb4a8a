"""Nodes: a kubelet registers itself with its status, so creation keeps it."""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import Addresses
from .strategy import Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return NodeStrategy(kind)


class NodeStrategy(Strategy):
    def reset(self, body: core_v1.Node, old: core_v1.Node | None) -> None:
        if old is not None:
            body.status = old.status
