"""What must hold of workloads (pure): `settled` once nothing moves any more, `Witness` at every moment.

Each law is a function that yields a sentence for each breach, with the object that it is about. They ask for no more than what Kubernetes
documents, so they hold of upstream's controllers as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podling.api import kinds
from podling.api.kinds import Kind
from podling.api.pod import is_terminal
from podling.api.pod.conditions import is_ready
from podling.api.types import apps_v1, batch_v1, core_v1
from podling.controllers.availability import is_active
from podling.controllers.deployment import generations, sizes
from podling.controllers.job.indexes import parse
from podling.controllers.job.pods import FINALIZER, INDEX, is_tracked
from podling.controllers.job.verdict import is_finished
from podling.controllers.ownership import controller_of

Breaches = Iterator[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is there, by kind."""

    objects: Mapping[Kind, Sequence[Any]]

    def all(self, kind: type[Any]) -> Sequence[Any]:
        return self.objects.get(kinds.of(kind), ())

    def owned(self, kind: type[Any], owner: Any) -> list[Any]:
        """What the owner controls."""
        return [
            each
            for each in self.all(kind)
            if (reference := controller_of(each)) is not None and reference.uid == owner.metadata.uid
        ]

    def active(self, owner: Any) -> list[core_v1.Pod]:
        return [pod for pod in self.owned(core_v1.Pod, owner) if not is_terminal(pod)]


def settled(picture: Picture) -> list[str]:
    """Every breach of the laws of rest."""
    return [breach for law in LAWS_OF_REST for breach in law(picture)]


def nothing_is_orphaned(picture: Picture) -> Breaches:
    """Whatever names an owner has it; nothing waits to be deleted; no Pod is kept by a finished count."""
    living = {each.metadata.uid for objects in picture.objects.values() for each in objects}
    for objects in picture.objects.values():
        for each in objects:
            if isinstance(each, core_v1.Node):
                continue
            for reference in each.metadata.owner_references or ():
                if reference.uid not in living:
                    yield f"{_name(each)} is left behind by {reference.kind} {reference.name}"
            if each.metadata.deletion_timestamp is not None:
                yield f"{_name(each)} is for ever on its way out: {each.metadata.finalizers}"


def generations_are_observed(picture: Picture) -> Breaches:
    for kind in (apps_v1.Deployment, apps_v1.ReplicaSet, apps_v1.StatefulSet, apps_v1.DaemonSet, core_v1.ReplicationController):  # fmt: skip
        for each in picture.all(kind):
            seen = each.status.observed_generation if each.status else None
            if seen != each.metadata.generation:
                yield f"{_name(each)} has observed generation {seen} of {each.metadata.generation}"


def replication_is_exact(picture: Picture) -> Breaches:
    for kind in (apps_v1.ReplicaSet, core_v1.ReplicationController):
        for each in picture.all(kind):
            pods = picture.active(each)
            if len(pods) != each.spec.replicas:
                yield f"{_name(each)} has {len(pods)} Pods instead of {each.spec.replicas}"
            found = _counts(each.status, "replicas", "ready_replicas", "available_replicas")
            if found != [len(pods), *[sum(map(is_ready, pods))] * 2]:
                yield f"{_name(each)} says {found} of {len(pods)} Pods"


def deployments_are_rolled_out(picture: Picture) -> Breaches:
    for each in picture.all(apps_v1.Deployment):
        family = picture.owned(apps_v1.ReplicaSet, each)
        wanted = each.spec.replicas
        new = [one for one in family if generations.same_template(one.spec.template, each.spec.template)]
        if len(new) > 1:
            yield f"{_name(each)} has {len(new)} ReplicaSets of its template"
        if sum(one.spec.replicas for one in family) != wanted and not each.spec.paused:
            yield f"{_name(each)} has {[(one.metadata.name, one.spec.replicas) for one in family]}, wants {wanted}"
        numbers = [generations.revision_of(one) for one in family]
        if len(set(numbers)) != len(numbers):
            yield f"{_name(each)} has revisions {numbers}"
        if each.spec.paused:
            continue
        if not new or new[0].spec.replicas != wanted:
            yield f"{_name(each)} is not rolled out"
        counts = _counts(each.status, "replicas", "updated_replicas", "ready_replicas", "available_replicas")
        if counts != [wanted] * 4:
            yield f"{_name(each)} says {counts} of {wanted}"
        limit = each.spec.revision_history_limit
        if limit is not None and len(family) > limit + 1:
            yield f"{_name(each)} keeps {len(family) - 1} old ReplicaSets, more than {limit}"


def stateful_sets_are_complete(picture: Picture) -> Breaches:
    for each in picture.all(apps_v1.StatefulSet):
        pods = picture.owned(core_v1.Pod, each)
        wanted = [f"{each.metadata.name}-{number}" for number in range(each.spec.replicas)]
        if sorted(pod.metadata.name for pod in pods) != sorted(wanted):
            yield f"{_name(each)} has {[pod.metadata.name for pod in pods]}"
        old = [pod.metadata.name for pod in pods if not _is_cut_from(pod, each)]
        if old:
            yield f"{_name(each)} has old Pods {old}"
        counts = _counts(
            each.status,
            "replicas",
            "ready_replicas",
            "available_replicas",
            "current_replicas",
            "updated_replicas",
        )
        if counts != [len(wanted)] * 5 or each.status.current_revision != each.status.update_revision:
            yield f"{_name(each)} says {counts} of {len(wanted)}, {each.status.current_revision} of {each.status.update_revision}"


def daemons_are_everywhere(picture: Picture) -> Breaches:
    nodes = Counter(node.metadata.name for node in picture.all(core_v1.Node))
    for each in picture.all(apps_v1.DaemonSet):
        pods = picture.owned(core_v1.Pod, each)
        where = Counter(pod.spec.node_name for pod in pods)
        if where != nodes:
            yield f"{_name(each)} has Pods on {dict(where)}"
        old = [pod.metadata.name for pod in pods if not _is_cut_from(pod, each)]
        if old:
            yield f"{_name(each)} has old Pods {old}"
        counts = _counts(
            each.status, "desired_number_scheduled", "current_number_scheduled", "number_ready", "updated_number_scheduled"
        )  # fmt: skip
        if counts != [len(nodes)] * 4:
            yield f"{_name(each)} says {counts} of {len(nodes)}"


def jobs_are_over(picture: Picture) -> Breaches:
    """All that are not suspended; nothing of theirs runs, nothing waits to be counted."""
    for each in picture.all(batch_v1.Job):
        running = [pod.metadata.name for pod in picture.active(each)]
        if running:
            yield f"{_name(each)} still has {running}"
        uncounted = each.status.uncounted_terminated_pods if each.status else None
        if uncounted and (uncounted.succeeded or uncounted.failed):
            yield f"{_name(each)} has not counted {uncounted}"
        if not is_finished(each) and not each.spec.suspend:
            yield f"{_name(each)} is not over: {each.status}"
        kept = [pod.metadata.name for pod in picture.owned(core_v1.Pod, each) if is_tracked(pod)]
        if kept:
            yield f"{_name(each)} leaves {FINALIZER} on {kept}"


def _is_cut_from(pod: core_v1.Pod, owner: Any) -> bool:
    template = owner.spec.template
    assert pod.spec is not None
    return [each.image for each in pod.spec.containers] == [each.image for each in template.spec.containers]


LAWS_OF_REST: Sequence[Callable[[Picture], Breaches]] = (
    nothing_is_orphaned,
    generations_are_observed,
    replication_is_exact,
    deployments_are_rolled_out,
    stateful_sets_are_complete,
    daemons_are_everywhere,
    jobs_are_over,
)


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
    _pods: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By owner: its active Pods by UID, and whether they came into the world as its own."""

    def see(self, old: Any, new: Any, now: float) -> None:
        """One change; None for what is not there before or after it."""
        if isinstance(new, (apps_v1.ReplicaSet, core_v1.ReplicationController)):
            self._wanted.setdefault(new.metadata.uid or "", []).append((now, _replicas(new)))
        if isinstance(new, core_v1.Pod):
            self._see_pod(new)
            self._count(old, new, now)
        elif new is None and isinstance(old, core_v1.Pod):
            self._count(old, None, now)
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
        """No success is counted that no Pod had, none twice, and none is forgotten."""
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


def _replicas(owner: Any) -> int:
    return int(owner.spec.replicas or 0)


def _counts(status: Any, *names: str) -> list[int]:
    return [getattr(status, name, None) or 0 for name in names]


def _name(obj: Any) -> str:
    return f"{type(obj).__name__} {obj.metadata.name}"
