"""What the scheduler knows of claims, volumes and classes, and what it has promised of them.  Pure.

A volume is *promised* to a claim, and a claim to a node, from the decision until the binding is done or given up, so that the next
decision does not give it away again; what the API says follows later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from podling.api.storage import claims, marks
from podling.api.types import core_v1, storage_v1

Claim = core_v1.PersistentVolumeClaim
Volume = core_v1.PersistentVolume


def key_of(obj: Claim | core_v1.Pod, name: str = "") -> str:
    """A claim's key; with ``name`` that of a claim in a Pod's namespace."""
    return f"{obj.metadata.namespace}/{name or obj.metadata.name}"


def claims_of(pod: core_v1.Pod) -> tuple[str, ...]:
    """The keys of the claims that a Pod uses."""
    return tuple(dict.fromkeys(key_of(pod, use.claim) for use in claims.of_pod(pod)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What must come true before the Pod can be bound to ``node``: claims that get a free volume, claims that get one made."""

    node: str
    static: tuple[tuple[Claim, Volume], ...] = ()
    dynamic: tuple[Claim, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.static or self.dynamic)


@dataclass(slots=True)
class Needs:
    """The claims of one Pod, by what is to be done about them."""

    bound: list[Claim] = field(default_factory=list)
    waiting: list[Claim] = field(default_factory=list)
    """Bound when the Pod has a node."""
    immediate: list[Claim] = field(default_factory=list)
    """Should have been bound without the scheduler."""


class Storage:
    """``volumes`` and ``classes`` by name, ``claims`` by key."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self.volumes: dict[str, Volume] = {}
        self.classes: dict[str, storage_v1.StorageClass] = {}
        self.limits: dict[str, dict[str, int]] = {}
        """For each node how many volumes of a CSI driver it can have attached, by driver."""
        self._promised: dict[str, str] = {}
        self._placed: dict[str, str] = {}

    def needs(self, pod: core_v1.Pod) -> Needs:
        """Sort the claims of a Pod; those that do not exist are left out."""
        found = Needs()
        for key in claims_of(pod):
            claim = self.claims.get(key)
            if claim is None:
                continue
            if claims.is_bound(claim):
                found.bound.append(claim)
            elif self._waits(claim) and not claims.volume_name(claim):
                found.waiting.append(claim)
            else:
                found.immediate.append(claim)
        return found

    def volume_of(self, claim: Claim) -> Volume | None:
        """The volume that the claim names."""
        return self.volumes.get(claims.volume_name(claim))

    def node_of(self, claim: Claim) -> str:
        """Where the claim's volume is being made, or ""."""
        said = (claim.metadata.annotations or {}).get(marks.SELECTED_NODE, "")
        return said or self._placed.get(key_of(claim), "")

    def candidates(self, claim: Claim) -> Iterable[Volume]:
        """Volumes that are not promised to another claim; only the one that is promised to this, if any is."""
        key = key_of(claim)
        mine = [name for name, owner in self._promised.items() if owner == key]
        if mine:
            return [self.volumes[name] for name in mine if name in self.volumes]
        return [volume for name, volume in self.volumes.items() if name not in self._promised]

    def promise(self, plan: Plan) -> None:
        """Give nothing of the plan to anybody else for now."""
        for claim, volume in plan.static:
            self._promised[volume.metadata.name or ""] = key_of(claim)
        for claim in plan.dynamic:
            self._placed[key_of(claim)] = plan.node

    def release(self, plan: Plan) -> None:
        """The plan came true, or was given up."""
        for _, volume in plan.static:
            self._promised.pop(volume.metadata.name or "", None)
        for claim in plan.dynamic:
            self._placed.pop(key_of(claim), None)

    def _waits(self, claim: Claim) -> bool:
        return claims.waits_for_consumer(self.classes.get(claims.class_of(claim)))
