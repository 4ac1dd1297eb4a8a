"""PersistentVolumes: a new one is Pending, and knows since when."""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import Addresses
from .returned import ReturnedStrategy
from .strategy import Context


def make(kind: Kind, addresses: Addresses) -> PersistentVolumeStrategy:
    return PersistentVolumeStrategy(kind)


class PersistentVolumeStrategy(ReturnedStrategy):
    def prepare_create(self, body: core_v1.PersistentVolume, context: Context) -> None:
        super().prepare_create(body, context)
        body.status = core_v1.PersistentVolumeStatus(phase="Pending", last_phase_transition_time=context.now)
