"""What a plugin is: the question it gets and the answers it may give.

The extension points carry upstream's names.  A plugin is a dataclass of functions, pure, over the whole snapshot:
``prefilter`` says what keeps the Pod from every node, ``filter`` gives rejections (a mask of nodes and why), ``score`` a vector on 0..100, ``retry_on`` the cluster events
after which a Pod that this plugin rejected deserves another look.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from podling.api.types import core_v1

from .snapshot import Mask, PodDemand, Snapshot, Vector, demand_of


class Cause(enum.Enum):
    """A change in the cluster that may let a Pod fit that did not."""

    NODE_ADDED = "node added"
    NODE_ALLOCATABLE = "node's allocatable changed"
    NODE_LABELS = "node's labels changed"
    NODE_TAINTS = "node's taints changed"
    POD_REMOVED = "assigned Pod removed"
    POD_CHANGED = "the Pod itself changed"
    CLAIM_CHANGED = "a claim came or changed"
    VOLUME_CHANGED = "a volume came or changed"
    CLASS_CHANGED = "a storage class or a node's driver came or changed"


@dataclass(frozen=True, slots=True)
class Query:
    """The Pod to be placed, and what was read off it once."""

    pod: core_v1.Pod
    spec: core_v1.PodSpec
    demand: PodDemand

    @classmethod
    def of(cls, pod: core_v1.Pod) -> Query:
        return cls(pod, pod.spec or core_v1.PodSpec(), demand_of(pod))


@dataclass(frozen=True, slots=True)
class Rejection:
    """Nodes that cannot take the Pod and the reason as users read it; ``final`` = evicting Pods would not help."""

    nodes: Mask
    reason: str
    final: bool = False


Prefilter = Callable[[Query, Snapshot], str]
Filter = Callable[[Query, Snapshot], Iterable[Rejection]]
Score = Callable[[Query, Snapshot, Mask], Vector]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A row of the profile.  ``score`` already lies on 0..100; ``weight`` multiplies it."""

    name: str
    prefilter: Prefilter | None = None
    filter: Filter | None = None
    score: Score | None = None
    weight: int = 0
    retry_on: frozenset[Cause] = frozenset(Cause)
