"""What is to be made and deleted so that every node has its daemon, in the present template (pure).

`manage` sees to one Pod a node; `update` replaces Pods of earlier templates, as far as `maxUnavailable` or `maxSurge` allows; `next_status` counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from podling.api import intstr
from podling.api.pod import is_ready
from podling.api.types import apps_v1, core_v1
from podling.controllers.availability import is_available
from podling.controllers.revisions import HASH

from .placement import Fit, fit, target


@dataclass(slots=True)
class View:
    """A DaemonSet's world: the nodes with the Pods on each, and Pods for nodes that there are not."""

    daemons: apps_v1.DaemonSet
    hash: str
    now: float
    fits: dict[str, Fit] = field(default_factory=dict)
    pods: dict[str, list[core_v1.Pod]] = field(default_factory=dict)
    lost: list[core_v1.Pod] = field(default_factory=list)

    @staticmethod
    def of(
        daemons: apps_v1.DaemonSet,
        nodes: Sequence[core_v1.Node],
        pods: Sequence[core_v1.Pod],
        hash_: str,
        now: float,
    ) -> View:
        view = View(daemons, hash_, now)
        for node in nodes:
            view.fits[node.metadata.name or ""] = fit(daemons, node)
        for pod in sorted(pods, key=_eldest_first):
            place = target(pod)
            if place in view.fits:
                view.pods.setdefault(place, []).append(pod)
            elif not (pod.spec and pod.spec.node_name):
                view.lost.append(pod)
        return view

    def is_new(self, pod: core_v1.Pod) -> bool:
        return (pod.metadata.labels or {}).get(HASH) == self.hash

    def is_available(self, pod: core_v1.Pod) -> bool:
        return is_available(pod, self.daemons.spec.min_ready_seconds or 0, self.now)

    @property
    def desired(self) -> int:
        return sum(each.run for each in self.fits.values())


@dataclass(slots=True)
class Plan:
    create: list[str] = field(default_factory=list)
    """Nodes that need a Pod."""
    delete: list[core_v1.Pod] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)


Patience = Callable[[str], bool]
"""Whether a failed Pod on that node may be replaced already."""


def manage(view: View, may_replace: Patience) -> Plan:
    """One Pod on each node that suits, none elsewhere; finished ones make room."""
    plan = Plan(delete=[pod for pod in view.lost if _stays(pod)])
    for node, fits in view.fits.items():
        pods = view.pods.get(node, [])
        if fits.run and not pods:
            plan.create.append(node)
        elif fits.stay:
            _keep_one(view, plan, node, pods, may_replace)
        else:
            plan.delete.extend(filter(_stays, pods))
    return plan


def _keep_one(view: View, plan: Plan, node: str, pods: list[core_v1.Pod], may_replace: Patience) -> None:
    running = []
    for pod in filter(_stays, pods):
        phase = pod.status.phase if pod.status else None
        if phase not in ("Failed", "Succeeded"):
            running.append(pod)
        elif phase == "Succeeded" or may_replace(node):
            plan.delete.append(pod)
            plan.events.append(_finished(pod, phase, node))
    if surge(view) == 0:
        plan.delete.extend(running[1:])
        return
    new = [pod for pod in running if view.is_new(pod)]
    old = [pod for pod in running if not view.is_new(pod)]
    plan.delete.extend([*new[1:], *old[1:]])
    if new and old and view.is_available(new[0]):
        plan.delete.append(old[0])


def _finished(pod: core_v1.Pod, phase: str, node: str) -> tuple[str, str, str]:
    type, verb = ("Warning", "kill") if phase == "Failed" else ("Normal", "delete")
    where = f"{pod.metadata.namespace}/{pod.metadata.name} on node {node}"
    return type, f"{phase}DaemonPod", f"Found {phase.lower()} daemon pod {where}, will try to {verb} it"


def update(view: View) -> Plan:
    """The next Pods to be replaced; nothing when the author deletes them himself (`OnDelete`)."""
    strategy = view.daemons.spec.update_strategy
    if strategy is not None and strategy.type == "OnDelete":
        return Plan()
    return _surge(view) if surge(view) else _replace(view)


def _replace(view: View) -> Plan:
    broken, candidates, unavailable = [], [], 0
    for node, fits in view.fits.items():
        pair = _old_and_new(view, view.pods.get(node, []))
        if pair is None or (pair[0] is None) == (pair[1] is None):
            unavailable += fits.run  # `manage` sees to it
            continue
        old, new = pair
        if new is not None:
            unavailable += not view.is_available(new)
        elif old is not None and not view.is_available(old):
            broken.append(old)
            unavailable += 1
        elif old is not None:
            candidates.append(old)
    room = max(0, max_unavailable(view) - unavailable)
    return Plan(delete=[*broken, *candidates[:room]])


def _surge(view: View) -> Plan:
    plan, candidates, surging = Plan(), [], 0
    for node, pods in view.pods.items():
        pair = _old_and_new(view, pods)
        if pair is None:
            surging += 1
            continue
        old, new = pair
        if old is None:
            continue
        if new is not None:
            surging += not view.is_available(new)
        elif not view.fits[node].run:
            continue
        elif not view.is_available(old):
            plan.create.append(node)
        else:
            candidates.append(node)
    plan.create.extend(candidates[: max(0, surge(view) - surging)])
    return plan


def _old_and_new(view: View, pods: list[core_v1.Pod]) -> tuple[core_v1.Pod | None, core_v1.Pod | None] | None:
    """The node's Pods of an earlier and of the present template; None when there are two of a sort."""
    staying = list(filter(_stays, pods))
    new = [pod for pod in staying if view.is_new(pod)]
    old = [pod for pod in staying if not view.is_new(pod)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (old[0] if old else None, new[0] if new else None)


def surge(view: View) -> int:
    return _limits(view)[0]


def max_unavailable(view: View) -> int:
    return _limits(view)[1]


def _limits(view: View) -> tuple[int, int]:
    """Both round up; both zero would mean no way forward."""
    strategy = view.daemons.spec.update_strategy
    rolling = strategy.rolling_update if strategy else None
    if rolling is None:
        return 0, 1
    more = intstr.scaled(rolling.max_surge or 0, view.desired, round_up=True)
    fewer = intstr.scaled(
        1 if rolling.max_unavailable is None else rolling.max_unavailable, view.desired, round_up=True
    )
    return (more, fewer) if more or fewer else (0, 1)


def next_status(view: View) -> apps_v1.DaemonSetStatus:
    """The counts; those that upstream leaves out when they are zero are left out."""
    first = {node: pods[0] for node, pods in view.pods.items() if pods}
    wanted = [first[node] for node, fits in view.fits.items() if fits.run and node in first]
    ready = [pod for pod in wanted if is_ready(pod)]
    available = sum(map(view.is_available, ready))
    before = view.daemons.status
    return apps_v1.DaemonSetStatus(
        desired_number_scheduled=view.desired,
        current_number_scheduled=len(wanted),
        number_misscheduled=len(first) - len(wanted),
        number_ready=len(ready),
        number_available=available or None,
        number_unavailable=(view.desired - available) or None,
        updated_number_scheduled=sum(map(view.is_new, wanted)) or None,
        observed_generation=view.daemons.metadata.generation,
        collision_count=before.collision_count if before else None,
        conditions=before.conditions if before else None,
    )


def _stays(pod: core_v1.Pod) -> bool:
    return pod.metadata.deletion_timestamp is None


def _eldest_first(pod: core_v1.Pod) -> tuple[bool, str, str]:
    bound = bool(pod.spec and pod.spec.node_name)
    return (not bound, pod.metadata.creation_timestamp or "", pod.metadata.name or "")
