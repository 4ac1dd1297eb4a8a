"""PodDisruptionBudgets: until they have been counted, their status says that nothing may be disrupted."""

from __future__ import annotations

from podling.api import disruption
from podling.api.kinds import Kind
from podling.api.types import policy_v1

from .addresses import Addresses
from .strategy import Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return PodDisruptionBudgetStrategy(kind)


class PodDisruptionBudgetStrategy(Strategy):
    def reset(self, body: policy_v1.PodDisruptionBudget, old: policy_v1.PodDisruptionBudget | None) -> None:
        body.status = disruption.new_status() if old is None else old.status
