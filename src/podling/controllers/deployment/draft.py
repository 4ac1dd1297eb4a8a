"""A working copy of a Deployment and its ReplicaSets, which the rules change, and what has become of it.

Statuses of ReplicaSets are never changed here: they say what there is, specs what there ought to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from podling.api import codec
from podling.api.types import apps_v1

from . import sizes

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX = "deployment.kubernetes.io/max-replicas"


@dataclass(slots=True)
class Draft:
    deployment: apps_v1.Deployment
    replica_sets: list[apps_v1.ReplicaSet]
    """Those that exist; `created` is not among them."""
    now: float
    created: apps_v1.ReplicaSet | None = None
    deleted: list[apps_v1.ReplicaSet] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    """Name of a ReplicaSet -> what to say once its change is made."""

    @staticmethod
    def of(deployment: apps_v1.Deployment, replica_sets: Iterable[apps_v1.ReplicaSet], now: float) -> Draft:
        """A copy, oldest ReplicaSet first."""
        copies = [codec.struct_clone(each) for each in sorted(replica_sets, key=by_age)]
        return Draft(codec.struct_clone(deployment), copies, now)

    @property
    def all(self) -> list[apps_v1.ReplicaSet]:
        return [*self.replica_sets, *([self.created] if self.created else [])]

    @property
    def name(self) -> str:
        return self.deployment.metadata.name or ""

    def resize(self, replica_set: apps_v1.ReplicaSet, replicas: int) -> bool:
        """Ask for that many Pods, and note what the Deployment's size was at that time; whether the number is another one."""
        before = replicas_of(replica_set)
        if before == replicas:
            return False
        assert replica_set.spec is not None
        replica_set.spec.replicas = replicas
        self.note_size(replica_set)
        name = replica_set.metadata.name or ""
        way = "up" if replicas > before else "down"
        self.told[name] = f"Scaled {way} replica set {name} from {before} to {replicas}"
        return True

    def note_size(self, replica_set: apps_v1.ReplicaSet) -> None:
        annotations = dict(replica_set.metadata.annotations or {})
        replicas = sizes.replicas_of(self.deployment)
        annotations[DESIRED] = str(replicas)
        annotations[MAX] = str(replicas + sizes.max_surge(self.deployment))
        replica_set.metadata.annotations = annotations


def replicas_of(replica_set: apps_v1.ReplicaSet) -> int:
    """How many Pods the ReplicaSet is to have."""
    replicas = replica_set.spec.replicas if replica_set.spec else None
    return 1 if replicas is None else replicas


def total(replica_sets: Iterable[apps_v1.ReplicaSet]) -> int:
    return sum(map(replicas_of, replica_sets))


def available(replica_sets: Iterable[apps_v1.ReplicaSet]) -> int:
    return sum((each.status.available_replicas or 0) if each.status else 0 for each in replica_sets)


def actual(replica_sets: Iterable[apps_v1.ReplicaSet]) -> int:
    """How many Pods there are."""
    return sum(each.status.replicas if each.status else 0 for each in replica_sets)


def active(replica_sets: Iterable[apps_v1.ReplicaSet]) -> list[apps_v1.ReplicaSet]:
    return [each for each in replica_sets if replicas_of(each) > 0]


def by_age(replica_set: apps_v1.ReplicaSet) -> tuple[str, str]:
    return (replica_set.metadata.creation_timestamp or "", replica_set.metadata.name or "")


def without(
    replica_sets: Sequence[apps_v1.ReplicaSet], one: apps_v1.ReplicaSet | None
) -> list[apps_v1.ReplicaSet]:
    return [each for each in replica_sets if each is not one]
