"""What must hold of workloads at every moment: `Witness` sees every version of every object, in the order of the store."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from podling.api.pod.conditions import is_ready
from podling.api.types import apps_v1, batch_v1, core_v1
from podling.controllers.availability import is_active
from podling.controllers.deployment import sizes
from podling.controllers.job.indexes import parse
from podling.controllers.job.pods import INDEX
from podling.controllers.ownership import controller_of

LAG_SECONDS = 60.0
"""How far what a controller sees may be behind the truth, in the worst weather."""


@dataclass(slots=True)
class Witness:
    """Sees every version of every object, in order, and notes what must never be."""

    exact: bool = True
    """Whether no answer is ever lost: who does not hear of a Pod that he made may make another, and take it away later."""
    breaches: list[str] = field(default_factory=list)
    _ended: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By the UID of a Job: the Pods that were seen to succeed, with their index."""
    _sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    _ceilings: dict[str, int] = field(default_factory=dict)
    _wanted: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """By owner: how many Pods it has asked for, and when."""
    _runs: dict[str, set[str]] = field(default_factory=dict)
    """By the UID of a CronJob: the Jobs that were made; a Job's name tells its time."""
    _ordered: dict[str, bool] = field(default_factory=dict)
    """By the UID of a StatefulSet: whether its Pods come one after the other."""
    _ready: dict[str, float] = field(default_factory=dict)
    """By name of a Pod: when one of that name was last ready, infinite while one is."""
    _pods: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By owner: its active Pods by UID, and whether they came into the world as its own."""

    def see(self, old: Any, new: Any, now: float) -> None:
        """One change; None for what is not there before or after it."""
        if isinstance(new, (apps_v1.ReplicaSet, core_v1.ReplicationController)):
            self._wanted.setdefault(new.metadata.uid or "", []).append((now, _replicas(new)))
        if isinstance(new, apps_v1.StatefulSet):
            ordered = new.spec is not None and new.spec.pod_management_policy == "OrderedReady"
            self._ordered[new.metadata.uid or ""] = ordered
        if isinstance(new, core_v1.Pod):
            self._see_pod(new)
        if isinstance(new or old, core_v1.Pod):
            self._see_turn(old, new, now)
            self._count(old, new, now)
        elif isinstance(new, batch_v1.Job):
            self._see_job(old, new)
        elif isinstance(new, apps_v1.Deployment):
            self._see_deployment(new)
        elif isinstance(new, apps_v1.ReplicaSet):
            self._see_replica_set(old, new)
        elif new is None and isinstance(old, apps_v1.ReplicaSet):
            for family in self._sizes.values():
                family.pop(old.metadata.uid or "", None)

    def _see_pod(self, pod: core_v1.Pod) -> None:
        """Remember which Pods of Jobs have succeeded."""
        reference = controller_of(pod)
        if (
            reference is not None
            and reference.kind == "Job"
            and pod.status
            and pod.status.phase == "Succeeded"
        ):
            index = (pod.metadata.annotations or {}).get(INDEX)
            self._ended.setdefault(reference.uid, {})[pod.metadata.uid or ""] = index

    def _see_turn(self, old: core_v1.Pod | None, new: core_v1.Pod | None, now: float) -> None:
        """No Pod of a StatefulSet that keeps order comes before those in front of it were ready."""
        pod = new or old
        assert pod is not None
        name, reference = pod.metadata.name or "", controller_of(pod)
        if new is not None and is_ready(new):
            self._ready[name] = math.inf
        elif self._ready.get(name) == math.inf:
            self._ready[name] = now
        if old is not None or reference is None or not self._ordered.get(reference.uid):
            return
        stem, _, ordinal = name.rpartition("-")
        for before in (f"{stem}-{number}" for number in range(int(ordinal))):
            if self._ready.get(before, -math.inf) < now - LAG_SECONDS:
                self.breaches.append(f"Pod {name} comes although {before} is not ready")

    def _count(self, old: core_v1.Pod | None, new: core_v1.Pod | None, now: float) -> None:
        """Nobody makes more Pods than he was ever asked for of late; whom others' Pods were handed to is not judged."""
        pod = new or old
        assert pod is not None
        uid, reference = pod.metadata.uid or "", controller_of(pod)
        for family in self._pods.values():
            family.pop(uid, None)
        if new is None or reference is None or not is_active(new):
            return
        family = self._pods.setdefault(reference.uid, {})
        before = controller_of(old) if old is not None else reference
        family[uid] = before is not None and before.uid == reference.uid
        if old is not None or not all(family.values()) or reference.uid not in self._wanted:
            return
        wanted = self._wanted[reference.uid]
        recent = [count for at, count in wanted if now - at <= LAG_SECONDS]
        most = max([wanted[-len(recent) - 1][1], *recent] if len(recent) < len(wanted) else recent)
        if self.exact and len(family) > most:
            self.breaches.append(
                f"{reference.kind} {reference.name} makes {len(family)} Pods instead of {most}"
            )

    def _see_job(self, old: batch_v1.Job | None, new: batch_v1.Job) -> None:
        """No success is counted that no Pod had, none twice, and none is forgotten; no time of a schedule comes twice."""
        reference = controller_of(new)
        if old is None and reference is not None and reference.kind == "CronJob":
            runs = self._runs.setdefault(reference.uid, set())
            if new.metadata.name in runs:
                self.breaches.append(f"{_name(new)} is made for a time that has had its Job")
            runs.add(new.metadata.name or "")
        status = new.status or batch_v1.JobStatus()
        succeeded = self._ended.get(new.metadata.uid or "", {})
        counted = status.succeeded or 0
        pending = (status.uncounted_terminated_pods and status.uncounted_terminated_pods.succeeded) or []
        if len(set(pending)) != len(pending):
            self.breaches.append(f"{_name(new)} is about to count a Pod twice: {pending}")
        if counted + len(pending) > len(succeeded):
            self.breaches.append(
                f"{_name(new)} counts {counted} + {len(pending)} successes of {len(succeeded)}"
            )
        if status.completed_indexes:
            done = parse(status.completed_indexes, new.spec.completions or 0) if new.spec else set()
            had = set(succeeded.values())
            if len(done) != counted or not {str(each) for each in done} <= had:
                self.breaches.append(f"{_name(new)} says {status.completed_indexes} for {counted} of {had}")
        before = (old.status if old is not None else None) or batch_v1.JobStatus()
        if counted < (before.succeeded or 0) or (status.failed or 0) < (before.failed or 0):
            self.breaches.append(f"{_name(new)} forgets what it counted: {before} -> {status}")

    def _see_deployment(self, deployment: apps_v1.Deployment) -> None:
        """A new size or strategy: from here on this many may be asked for, but what is there may first come down."""
        uid = deployment.metadata.uid or ""
        bound = sizes.replicas_of(deployment) + sizes.max_surge(deployment)
        present = sum(self._sizes.get(uid, {}).values())
        self._ceilings[uid] = max(bound, self._ceilings.get(uid, 0) if present > bound else 0)

    def _see_replica_set(self, old: apps_v1.ReplicaSet | None, new: apps_v1.ReplicaSet) -> None:
        """A Deployment never asks for more than it wants and its surge."""
        reference = controller_of(new)
        if reference is None or reference.kind != "Deployment" or new.spec is None:
            return
        family = self._sizes.setdefault(reference.uid, {})
        before = family.get(new.metadata.uid or "", 0)
        family[new.metadata.uid or ""] = new.spec.replicas or 0
        ceiling = self._ceilings.get(reference.uid)
        grown = (old is None or controller_of(old) is not None) and (new.spec.replicas or 0) > before
        if grown and ceiling is not None and sum(family.values()) > ceiling:
            self.breaches.append(f"{_name(new)} grows to {family}, more than {ceiling} in all")


def _name(obj: Any) -> str:
    return f"{type(obj).__name__} {obj.metadata.name}"


def _replicas(owner: Any) -> int:
    return int(owner.spec.replicas or 0)
