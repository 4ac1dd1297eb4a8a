"""What is to be made and what deleted (pure; upstream's manageJob)."""

from __future__ import annotations

from dataclasses import dataclass, field

from podling.api.types import core_v1
from podling.controllers import ranking

from .pods import replaces_only_failed
from .view import View

BURST = 500
"""Pods that are made or deleted in one go, as upstream."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Never both: indexes are given anew only when the Pods that held them are gone. `again`: seconds until more may be made."""

    delete: list[core_v1.Pod] = field(default_factory=list)
    create: list[int | None] = field(default_factory=list)
    """One for each Pod: its index."""
    again: float | None = None


def manage(view: View) -> Plan:
    if view.spec.suspend:
        return Plan(delete=view.active)
    active = len(view.active)
    want = _wanted(view, active)
    doomed = _doomed(view, max(0, active - want))
    if doomed:
        return Plan(delete=doomed[:BURST])
    leaving = len(view.terminating) if replaces_only_failed(view.spec) else 0
    missing = min(want - leaving - active, BURST)
    if missing <= 0:
        return Plan()
    if view.per_index:
        return _per_index(view, missing)
    wait = view.wait_for_pod()
    if wait > 0:
        return Plan(again=wait)
    return Plan(create=[*_free_indexes(view)[:missing]] if view.indexed else [None] * missing)


def _wanted(view: View, active: int) -> int:
    parallelism = view.spec.parallelism if view.spec.parallelism is not None else 1
    if view.spec.completions is None:
        return active if view.succeeded else parallelism
    return max(0, min(view.completions - view.succeeded - len(view.lost), parallelism))


def _per_index(view: View, missing: int) -> Plan:
    """Each index waits for itself; those that wait do not hold up the others."""
    free = [(index, view.wait_for_index(index)) for index in _free_indexes(view)]
    due = [index for index, wait in free if wait <= 0]
    waits = [wait for _, wait in free if wait > 0]
    return Plan(create=[*due[:missing]], again=min(waits) if waits and len(due) < missing else None)


def _free_indexes(view: View) -> list[int]:
    """Nobody works on them yet, and they are not settled."""
    busy = [*view.active, *(view.terminating if replaces_only_failed(view.spec) else ())]
    taken = view.done | view.lost | {view.index(pod) for pod in busy}
    return [index for index in range(view.completions) if index not in taken]


def _doomed(view: View, count: int) -> list[core_v1.Pod]:
    """Pods without an index or beside another with the same go in any case; then as a ReplicaSet's."""
    surplus = _superfluous(view) if view.indexed else []
    gone = {id(pod) for pod in surplus}
    rest = [pod for pod in view.active if id(pod) not in gone]
    return [*surplus, *ranking.excess(rest, max(0, count - len(surplus)), now=view.now)]


def _superfluous(view: View) -> list[core_v1.Pod]:
    by_index: dict[int, list[core_v1.Pod]] = {}
    found: list[core_v1.Pod] = []
    for pod in view.active:
        index = view.index(pod)
        if index is None or index in view.done or index in view.lost:
            found.append(pod)
        else:
            by_index.setdefault(index, []).append(pod)
    for pods in by_index.values():
        found.extend(ranking.excess(pods, len(pods) - 1, now=view.now))
    return found
