"""What an informer's event means to the scheduler.  Pure."""

from __future__ import annotations

from podling.api import pod as pods
from podling.api.types import core_v1

from .framework import Cause


def wants_node(pod: core_v1.Pod, scheduler_name: str) -> bool:
    """Whether this scheduler is to find a node for the Pod."""
    deleted = pod.metadata is not None and pod.metadata.deletion_timestamp is not None
    named = (pod.spec and pod.spec.scheduler_name) or "default-scheduler"
    return named == scheduler_name and not deleted


def pod_left(pod: core_v1.Pod) -> bool:
    """Whether the Pod's resources are free again: it has finished."""
    return pods.is_terminal(pod)


def node_causes(old: core_v1.Node, new: core_v1.Node) -> list[Cause]:
    """What about a node changed that matters to Pods which did not fit."""
    causes = []
    if _allocatable(old) != _allocatable(new):
        causes.append(Cause.NODE_ALLOCATABLE)
    if (old.metadata and old.metadata.labels) != (new.metadata and new.metadata.labels):
        causes.append(Cause.NODE_LABELS)
    if _taints(old) != _taints(new):
        causes.append(Cause.NODE_TAINTS)
    return causes


def _allocatable(node: core_v1.Node) -> dict[str, str] | None:
    return (node.status.allocatable or node.status.capacity) if node.status else None


def _taints(node: core_v1.Node) -> tuple[object, ...]:
    spec = node.spec
    return (bool(spec and spec.unschedulable), (spec and spec.taints) or [])
