"""Defaults of FlowSchemas and PriorityLevelConfigurations."""

from __future__ import annotations

from podling.api.types import flowcontrol_v1


def flow_schema(body: flowcontrol_v1.FlowSchema) -> None:
    body.spec.matching_precedence = body.spec.matching_precedence or 1000


def priority_level(body: flowcontrol_v1.PriorityLevelConfiguration) -> None:
    if body.spec.exempt is not None:
        exempt = body.spec.exempt
        exempt.nominal_concurrency_shares = exempt.nominal_concurrency_shares or 0
        exempt.lendable_percent = exempt.lendable_percent or 0
    if body.spec.limited is not None:
        limited = body.spec.limited
        if limited.nominal_concurrency_shares is None:
            limited.nominal_concurrency_shares = 30
        limited.lendable_percent = limited.lendable_percent or 0
        queuing = limited.limit_response.queuing
        if queuing is not None:
            queuing.hand_size = queuing.hand_size or 8
            queuing.queues = queuing.queues or 64
            queuing.queue_length_limit = queuing.queue_length_limit or 50


DEFAULTS = {"FlowSchema": flow_schema, "PriorityLevelConfiguration": priority_level}
