"""Pods: they start Pending, keep their status to themselves and are ended with grace.

Rules of k8s.io/kubernetes/pkg/registry/core/pod/strategy.go.
"""

from __future__ import annotations

from podling.api import pod as pods
from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import Addresses
from .strategy import Context, Strategy

GATED = "Scheduling is blocked due to non-empty scheduling gates"


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return PodStrategy(kind)


class PodStrategy(Strategy):
    returns_deleted = True
    is_graceful = True

    def reset(self, body: core_v1.Pod, old: core_v1.Pod | None) -> None:
        body.status = core_v1.PodStatus() if old is None else old.status

    def reset_for_status(self, body: core_v1.Pod, old: core_v1.Pod) -> None:
        super().reset_for_status(body, old)
        body.metadata.owner_references = old.metadata.owner_references
        if body.status is None:
            body.status = core_v1.PodStatus()
        if not body.status.qos_class and old.status is not None:
            body.status.qos_class = old.status.qos_class

    def prepare_create(self, body: core_v1.Pod, context: Context) -> None:
        super().prepare_create(body, context)
        spec = body.spec or core_v1.PodSpec()
        body.status = core_v1.PodStatus(phase="Pending", qos_class=pods.compute_qos_class(spec))
        if spec.scheduling_gates:
            gated = core_v1.PodCondition(
                type="PodScheduled", status="False", reason="SchedulingGated", message=GATED
            )
            body.status.conditions = [gated]

    def grace_seconds(self, body: core_v1.Pod, asked: int | None) -> int:
        """What is asked, else what the spec says; nothing for Pods that run nowhere or have run."""
        spec = body.spec or core_v1.PodSpec()
        if not spec.node_name or pods.is_terminal(body):
            return 0
        seconds = spec.termination_grace_period_seconds if asked is None else asked
        return 1 if seconds is not None and seconds < 0 else seconds or 0
