"""APIServices: those that this server serves itself are there at once; the others' state is for whoever looks at them to say."""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import apiregistration_v1

from .addresses import Addresses
from .strategy import Context, Strategy

AVAILABLE = "Available"


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return ApiServiceStrategy(kind)


class ApiServiceStrategy(Strategy):
    def prepare_create(self, body: apiregistration_v1.APIService, context: Context) -> None:
        super().prepare_create(body, context)
        if body.spec is not None and body.spec.service is None:
            local = apiregistration_v1.APIServiceCondition(
                type=AVAILABLE,
                status="True",
                reason="Local",
                message="Local APIServices are always available",
                last_transition_time=context.now,
            )
            body.status = apiregistration_v1.APIServiceStatus(conditions=[local])
