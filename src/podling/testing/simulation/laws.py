"""What must hold of workloads once nothing moves any more (pure).

Each law is a function that yields a sentence for each breach, with the object that it is about. They ask for no more than what Kubernetes
documents, so they hold of upstream's controllers as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podling.api import disruption, kinds, times
from podling.api.kinds import Kind
from podling.api.pod import is_terminal
from podling.api.pod.conditions import is_ready
from podling.api.types import apps_v1, batch_v1, core_v1, policy_v1
from podling.controllers.cronjob.draft import scheduled_for
from podling.controllers.deployment import generations
from podling.controllers.job.pods import FINALIZER, is_tracked
from podling.controllers.job.verdict import find, is_finished
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


def cron_jobs_are_tidy(picture: Picture) -> Breaches:
    """They are suspended by now: nothing of theirs runs, and no more of it is kept than they said."""
    for each in picture.all(batch_v1.CronJob):
        jobs, status = picture.owned(batch_v1.Job, each), each.status or batch_v1.CronJobStatus()
        if status.active:
            yield f"{_name(each)} says that {[one.name for one in status.active]} run"
        kept = Counter(kind for one in jobs for kind in ("Complete", "Failed") if find(one, kind))
        limits = {
            "Complete": each.spec.successful_jobs_history_limit,
            "Failed": each.spec.failed_jobs_history_limit,
        }
        for kind, limit in limits.items():
            if kept[kind] > limit:
                yield f"{_name(each)} keeps {kept[kind]} Jobs that are {kind}, more than {limit}"
        last = times.parse(status.last_schedule_time) if status.last_schedule_time else 0.0
        forgotten = [one.metadata.name for one in jobs if (scheduled_for(each, one) or 0.0) > last]
        if forgotten:
            yield f"{_name(each)} has forgotten {forgotten}, knows {status.last_schedule_time}"


def budgets_are_counted(picture: Picture) -> Breaches:
    for each in picture.all(policy_v1.PodDisruptionBudget):
        pods = [pod for pod in picture.all(core_v1.Pod) if disruption.covers(each, pod.metadata.labels)]
        healthy = sum(map(is_ready, pods))
        expected, desired = _expected(picture, each.spec, pods)
        allowed = max(0, healthy - desired) if expected else 0
        said = _counts(
            each.status, "expected_pods", "desired_healthy", "current_healthy", "disruptions_allowed"
        )
        if said != [expected, desired, healthy, allowed] or each.status.disrupted_pods:
            yield f"{_name(each)} says {said}, {each.status.disrupted_pods}; it is {[expected, desired, healthy, allowed]}"
        if each.status.observed_generation != each.metadata.generation:
            yield f"{_name(each)} has not seen its last change"


def _expected(
    picture: Picture, spec: policy_v1.PodDisruptionBudgetSpec, pods: Sequence[core_v1.Pod]
) -> tuple[int, int]:
    """How many Pods the owners of these want, and how many of them must be healthy."""
    if isinstance(spec.min_available, int):
        return len(pods), spec.min_available
    there = {each.metadata.uid: each for objects in picture.objects.values() for each in objects}
    owners = {}
    for pod in pods:
        top, above = None, controller_of(pod)
        while above is not None:
            top = there[above.uid]
            above = controller_of(top)
        if top is not None:
            owners[top.metadata.uid] = top
    total = sum(owner.spec.replicas for owner in owners.values())
    portion = spec.max_unavailable if spec.min_available is None else spec.min_available
    part = portion if isinstance(portion, int) else -(-int(str(portion).rstrip("%")) * total // 100)
    return total, part if spec.min_available is not None else max(0, total - part)


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
    cron_jobs_are_tidy,
    budgets_are_counted,
)


def _counts(status: Any, *names: str) -> list[int]:
    return [getattr(status, name, None) or 0 for name in names]


def _name(obj: Any) -> str:
    return f"{type(obj).__name__} {obj.metadata.name}"
