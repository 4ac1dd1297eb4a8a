"""What a HorizontalPodAutoscaler comes to say of itself (pure): a copy of its status that is written once, at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from podling.api import codec, times
from podling.api.types import autoscaling_v2

Autoscaler = autoscaling_v2.HorizontalPodAutoscaler
Condition = autoscaling_v2.HorizontalPodAutoscalerCondition
Status = autoscaling_v2.HorizontalPodAutoscalerStatus

ABLE, ACTIVE, LIMITED = "AbleToScale", "ScalingActive", "ScalingLimited"


class Event(NamedTuple):
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class Draft:
    """One look at an autoscaler: its status to be, and the Events that are told of it. ``now`` in epoch seconds."""

    hpa: Autoscaler
    now: float
    status: Status = field(init=False)
    events: list[Event] = field(default_factory=list)
    metrics: list[autoscaling_v2.MetricStatus] = field(default_factory=list)
    """In the order of the spec; empty ones for those that could not be had."""

    def __post_init__(self) -> None:
        self.status = codec.struct_clone(self.hpa.status) if self.hpa.status else Status()
        self.status.observed_generation = self.hpa.metadata.generation

    @property
    def least(self) -> int:
        given = self.hpa.spec.min_replicas
        return 1 if given is None else given

    def set(self, type: str, *, holds: bool, reason: str, message: str) -> None:
        """Set a condition; its time changes with its status only."""
        conditions = self.status.conditions = self.status.conditions or []
        known = next((one for one in conditions if one.type == type), None)
        if known is None:
            known = Condition(type=type)
            conditions.append(known)
        if known.status != str(holds):
            known.last_transition_time = times.rfc3339(self.now)
        known.status, known.reason, known.message = str(holds), reason, message

    def warn(self, reason: str, message: str) -> None:
        self.events.append(Event("Warning", reason, message))

    def tell(self, reason: str, message: str) -> None:
        self.events.append(Event("Normal", reason, message))

    def sized(self, current: int, desired: int, *, rescaled: bool) -> None:
        """What there is and what there should be."""
        self.status.current_replicas = current
        self.status.desired_replicas = desired
        self.status.current_metrics = self.metrics or None
        if rescaled:
            self.status.last_scale_time = times.rfc3339(self.now)

    @property
    def is_news(self) -> bool:
        return self.hpa.status is None or not codec.semantic_equal(self.hpa.status, self.status)
