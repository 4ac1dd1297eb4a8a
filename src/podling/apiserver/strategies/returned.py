"""Kinds whose only peculiarity is that deleting one answers with the object that was deleted."""

from __future__ import annotations

from podling.api.kinds import Kind

from .addresses import Addresses
from .strategy import Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return ReturnedStrategy(kind)


class ReturnedStrategy(Strategy):
    returns_deleted = True
