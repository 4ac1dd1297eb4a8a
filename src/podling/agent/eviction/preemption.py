"""Whom a critical Pod displaces on a node that was full when it came (pure).

As few as can be, of the lowest class of service, and those whose resources come closest to what is missing.
(Source: kubelet `pkg/kubelet/preemption/preemption.go`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from podling.agent.admission import held
from podling.agent.podstate import Verdict
from podling.api import pod as pods
from podling.api import quantity
from podling.api.quantity import Quantity
from podling.api.types import core_v1

PREEMPTED = Verdict(
    reason="Preempting",
    message="Preempted in order to admit critical pod",
    disrupts=True,
    explanation="Pod was preempted by Kubelet to accommodate a critical pod.",
)
_CLASSES = ("BestEffort", "Burstable", "Guaranteed")

Missing = Mapping[str, Quantity]


def victims(pod: core_v1.Pod, others: Iterable[core_v1.Pod], missing: Missing) -> list[core_v1.Pod] | None:
    """The Pods to end so that nothing is missing; None if there are not enough that the Pod may displace."""
    able = [other for other in others if pods.is_preemptable(other, pod)]
    if _left(missing, able):
        return None
    classes = [[other for other in able if pods.qos_class(other) == name] for name in _CLASSES]
    best_effort, burstable, guaranteed = classes
    last = _closest(guaranteed, _left(missing, [*best_effort, *burstable]))
    middle = _closest(burstable, _left(missing, [*best_effort, *last]))
    first = _closest(best_effort, _left(missing, [*middle, *last]))
    return [*first, *middle, *last]


def _closest(candidates: Sequence[core_v1.Pod], missing: Missing) -> list[core_v1.Pod]:
    """The candidates that together hold what is missing; the nearest to it first, of equals the smaller."""
    rest, chosen = [*candidates], []
    while missing and rest:
        best = min(rest, key=lambda pod: (_distance(pod, missing), *_size(pod)))
        rest.remove(best)
        chosen.append(best)
        missing = _left(missing, [best])
    return chosen


def _distance(pod: core_v1.Pod, missing: Missing) -> float:
    """The part of each want that the Pod would leave open, squared, so that all weigh the same."""
    return sum(
        ((wanted - held(pod, name)).as_float() / wanted.as_float()) ** 2
        for name, wanted in missing.items()
        if wanted > held(pod, name)
    )


def _size(pod: core_v1.Pod) -> tuple[int, int]:
    asked = pods.requests(pod)
    return (
        asked.get("memory", quantity.ZERO).value(),
        asked.get("cpu", quantity.ZERO).milli_value(),
    )


def _left(missing: Missing, gone: Iterable[core_v1.Pod]) -> dict[str, Quantity]:
    """What is still missing when those are gone."""
    listed = [*gone]
    found = {}
    for name, wanted in missing.items():
        rest = wanted
        for pod in listed:
            rest = rest - held(pod, name)
        if rest > quantity.ZERO:
            found[name] = rest
    return found
