"""Defaults of PriorityClasses."""

from __future__ import annotations

from podling.api.types import scheduling_v1


def priority_class(body: scheduling_v1.PriorityClass) -> None:
    body.preemption_policy = body.preemption_policy or "PreemptLowerPriority"


DEFAULTS = {"PriorityClass": priority_class}
