"""Indexes that several programs ask of the same informer; an index by namespace every informer has by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podling.api.types import core_v1

NODE_NAME = "spec.nodeName"
OWNER_UID = "metadata.ownerReferences.uid"
CONTROLLER_UID = "metadata.ownerReferences.controller.uid"


def by_node_name(pod: core_v1.Pod) -> Sequence[str]:
    """Index function: the node that a Pod is bound to, "" while it is not."""
    return ((pod.spec.node_name or "") if pod.spec else "",)


def by_owner_uid(obj: Any) -> Sequence[str]:
    """Index function: the UIDs of all owners."""
    return [reference.uid for reference in obj.metadata.owner_references or ()]


def by_controller_uid(obj: Any) -> Sequence[str]:
    """Index function: the UID of the owner that controls the object, "" for one that nobody controls (which may be adopted)."""
    for reference in obj.metadata.owner_references or ():
        if reference.controller:
            return (reference.uid,)
    return ("",)
