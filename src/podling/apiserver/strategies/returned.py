"""Kinds whose only peculiarity is that deleting one answers with the object that was deleted."""

from __future__ import annotations

from podling.api.kinds import Kind

from .addresses import Addresses
from .strategy import Context, Strategy

_PHASED = {"PersistentVolume": "Pending", "PersistentVolumeClaim": "Pending"}


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return ReturnedStrategy(kind)


class ReturnedStrategy(Strategy):
    returns_deleted = True

    def prepare_create(self, body: object, context: Context) -> None:
        super().prepare_create(body, context)
        phase = _PHASED.get(self.kind.kind)
        if phase:
            body.status.phase = phase  # type: ignore[attr-defined]
