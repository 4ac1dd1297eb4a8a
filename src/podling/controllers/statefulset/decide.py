"""What is to be made and deleted next so that a StatefulSet has its Pods, in order and in the present template (pure).

At most one Pod of a name: what is going or has ended makes room first. `OrderedReady` takes one step and waits until every Pod before it is available;
`Parallel` takes all that are due. Only when nothing is missing is the set shrunk, and only then updated, from the highest ordinal down.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from podling.api import intstr
from podling.api.pod import is_ready, is_terminal
from podling.api.types import apps_v1, core_v1
from podling.controllers.availability import is_available
from podling.controllers.revisions import HASH

from . import identity


@dataclass(slots=True)
class View:
    """A StatefulSet's world. `slots`: a place for each replica, lowest ordinal first; `condemned`: Pods beyond them, highest first."""

    stateful: apps_v1.StatefulSet
    current: str
    update: str
    now: float
    waiting: Set[int] = frozenset()
    """Ordinals whose claims must go before a Pod may come."""
    start: int = 0
    slots: list[core_v1.Pod | None] = field(default_factory=list)
    condemned: list[core_v1.Pod] = field(default_factory=list)

    @staticmethod
    def of(
        stateful: apps_v1.StatefulSet,
        pods: Sequence[core_v1.Pod],
        now: float,
        *,
        current: str,
        update: str,
        waiting: Set[int] = frozenset(),
    ) -> View:
        """`current` and `update` name revisions."""
        view = View(stateful, current, update, now, waiting, identity.start(stateful))
        view.slots = [None] * (stateful.spec.replicas or 0)
        beyond: list[tuple[int, core_v1.Pod]] = []
        for pod in pods:
            ordinal = identity.ordinal_of(stateful, pod)
            if ordinal is None:
                continue
            if 0 <= ordinal - view.start < len(view.slots):
                view.slots[ordinal - view.start] = pod
            else:
                beyond.append((ordinal, pod))
        view.condemned = [pod for _, pod in sorted(beyond, key=lambda each: -each[0])]
        return view

    @property
    def pods(self) -> list[core_v1.Pod]:
        return [*(pod for pod in self.slots if pod is not None), *self.condemned]

    @property
    def ordered(self) -> bool:
        return self.stateful.spec.pod_management_policy != "Parallel"

    def is_healthy(self, pod: core_v1.Pod | None) -> bool:
        """There, to stay, and available."""
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return False
        return _runs(pod) and is_available(pod, self.stateful.spec.min_ready_seconds or 0, self.now)

    def revision_for(self, index: int) -> str:
        """Which revision a new Pod in that place is of: below the partition the current one."""
        strategy = self.stateful.spec.update_strategy
        if strategy is None or strategy.type != "RollingUpdate":
            return self.update
        rolling = strategy.rolling_update
        kept = _count(self, self.current) if rolling is None else rolling.partition or 0
        return self.current if index < kept else self.update


@dataclass(slots=True)
class Plan:
    create: list[tuple[int, str]] = field(default_factory=list)
    """Ordinal and name of the revision."""
    delete: list[core_v1.Pod] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)


def plan(view: View) -> Plan:
    """The next step."""
    made = Plan()
    if _fill(view, made) and _shrink(view, made) and not made.delete:
        made.delete.extend(_outdated(view))
    return made


def _fill(view: View, made: Plan) -> bool:
    """Every place taken by a Pod that works; whether anything beyond that may be done."""
    for index, pod in enumerate(view.slots):
        ordinal = view.start + index
        if pod is None:
            if ordinal not in view.waiting:
                made.create.append((ordinal, view.revision_for(index)))
        elif is_terminal(pod):
            if _stays(pod):
                made.delete.append(pod)
                made.events.append(_ended(pod))
        elif view.is_healthy(pod):
            continue
        if view.ordered:
            return False
    return True


def _shrink(view: View, made: Plan) -> bool:
    """Pods beyond the replicas end, highest first; in order only while all below are well, the last ill one excepted."""
    if not view.ordered:
        made.delete.extend(filter(_stays, view.condemned))
        return True
    if not view.condemned:
        return True
    top = view.condemned[0]
    ill = [pod for pod in view.condemned if not view.is_healthy(pod)]
    if _stays(top) and (view.is_healthy(top) or top is ill[-1]):
        made.delete.append(top)
    return False


def _outdated(view: View) -> list[core_v1.Pod]:
    """Pods of earlier templates, from the highest ordinal down, as many as may be unavailable.

    One that is unavailable already costs nothing more than its turn; one that has gone and is not back yet holds a turn.
    """
    strategy = view.stateful.spec.update_strategy
    if strategy is not None and strategy.type == "OnDelete":
        return []
    rolling = strategy.rolling_update if strategy else None
    partition = (rolling.partition if rolling else None) or 0
    old = [
        pod
        for pod in reversed(view.slots[partition:])
        if pod is not None and _stays(pod) and _revision(pod) != view.update
    ]
    ill = sum(not view.is_healthy(pod) for pod in view.slots)
    turns = max_unavailable(view) - (ill - sum(not view.is_healthy(pod) for pod in old))
    healthy = max(0, max_unavailable(view) - ill)
    chosen: list[core_v1.Pod] = []
    for pod in old:
        if len(chosen) >= turns:
            break
        if view.is_healthy(pod):
            if not healthy:
                continue
            healthy -= 1
        chosen.append(pod)
    return chosen


def max_unavailable(view: View) -> int:
    """At least one; percentages round up, as the API reference has it."""
    strategy = view.stateful.spec.update_strategy
    rolling = strategy.rolling_update if strategy else None
    if rolling is None or rolling.max_unavailable is None:
        return 1
    return max(1, intstr.scaled(rolling.max_unavailable, len(view.slots), round_up=True))


def next_status(view: View) -> apps_v1.StatefulSetStatus:
    """The counts, those left out that upstream leaves out when zero; an update that is complete makes its revision the current one."""
    ready = [pod for pod in view.pods if _runs(pod)]
    seconds = view.stateful.spec.min_ready_seconds or 0
    before = view.stateful.status
    updated = _count(view, view.update)
    status = apps_v1.StatefulSetStatus(
        replicas=len(view.pods),
        ready_replicas=len(ready) or None,
        available_replicas=sum(is_available(pod, seconds, view.now) for pod in ready),
        current_replicas=_count(view, view.current) or None,
        updated_replicas=updated or None,
        current_revision=view.current,
        update_revision=view.update,
        observed_generation=view.stateful.metadata.generation,
        collision_count=before.collision_count if before else None,
        conditions=before.conditions if before else None,
    )
    strategy = view.stateful.spec.update_strategy
    rolls = strategy is None or strategy.type == "RollingUpdate"
    if rolls and updated == len(view.pods) == len(ready) == len(view.slots):
        status.current_replicas, status.current_revision = updated or None, view.update
    return status


def _ended(pod: core_v1.Pod) -> tuple[str, str, str]:
    phase = pod.status.phase if pod.status else None
    type, word = ("Warning", "Failed") if phase == "Failed" else ("Normal", "Terminated")
    where = f"{pod.metadata.namespace}/{pod.metadata.name}"
    return type, f"Recreating{word}Pod", f"StatefulSet is recreating {word.lower()} Pod {where}"


def _count(view: View, revision: str) -> int:
    return sum(_revision(pod) == revision for pod in view.pods if _stays(pod))


def _revision(pod: core_v1.Pod) -> str:
    return (pod.metadata.labels or {}).get(HASH, "")


def _runs(pod: core_v1.Pod) -> bool:
    return pod.status is not None and pod.status.phase == "Running" and is_ready(pod)


def _stays(pod: core_v1.Pod) -> bool:
    return pod.metadata.deletion_timestamp is None
