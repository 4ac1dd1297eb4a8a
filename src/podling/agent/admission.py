"""Whether the node takes a Pod that was bound to it (pure): a scheduler may be wrong, late, or bypassed.

(Source: kubelet `pkg/kubelet/lifecycle/predicate.go`; its reasons and messages.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podling.api import pod as pods
from podling.api import quantity
from podling.api.types import core_v1

from .podstate import Verdict

NODE_AFFINITY = "NodeAffinity"


def verdict(
    pod: core_v1.Pod,
    others: Iterable[core_v1.Pod],
    *,
    allocatable: Mapping[str, str],
    node: str,
    labels: Mapping[str, str],
) -> Verdict | None:
    """Why the Pod cannot run beside the ``others`` on the node of that name and labels; None if it can."""
    spec = pod.spec or core_v1.PodSpec()
    beside = [other for other in others if not pods.is_terminal(other)]
    if spec.os is not None and spec.os.name not in ("", "linux"):
        return _refuse("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    if not pods.allows_node(spec, name=node, labels=labels):
        why = "node(s) didn't match Pod's node affinity/selector"
        return _refuse(NODE_AFFINITY, f"Predicate NodeAffinity failed: {why}")
    taken = [port for other in beside for port in pods.host_ports(other)]
    if any(port.conflicts(known) for port in pods.host_ports(pod) for known in taken):
        why = "node(s) didn't have free ports for the requested pod ports"
        return _refuse("NodePorts", f"Predicate NodePorts failed: {why}")
    return fits(pod, beside, allocatable)


def fits(pod: core_v1.Pod, beside: list[core_v1.Pod], allocatable: Mapping[str, str]) -> Verdict | None:
    """Why what the Pod asks for is not left by the Pods ``beside`` it; None if it is."""
    limit = quantity.parse(allocatable.get("pods", "0")).value()
    if len(beside) + 1 > limit:
        return _short("pods", 1, len(beside), limit)
    wanted = pods.requests(pod)
    used: dict[str, quantity.Quantity] = {}
    for other in beside:
        for name, amount in pods.requests(other).items():
            used[name] = used.get(name, quantity.ZERO) + amount
    for name, amount in wanted.items():
        if name not in allocatable and pods.is_extended(name):
            continue  # the node knows nothing of it: whoever scheduled the Pod may see to it otherwise
        has = quantity.parse(allocatable.get(name, "0"))
        held = used.get(name, quantity.ZERO)
        if not amount.is_zero and held + amount > has:
            return _short(name, units(name, amount), units(name, held), units(name, has))
    return None


def shortages(
    pod: core_v1.Pod, others: Iterable[core_v1.Pod], allocatable: Mapping[str, str]
) -> dict[str, quantity.Quantity]:
    """How much of what the Pod asks for is not left, by resource."""
    beside = [other for other in others if not pods.is_terminal(other)]
    found = {}
    for name, amount in {**pods.requests(pod), "pods": quantity.of(1)}.items():
        if amount.is_zero or (name not in allocatable and pods.is_extended(name)):
            continue
        missing = sum((held(other, name) for other in beside), amount) - quantity.parse(
            allocatable.get(name, "0")
        )
        if missing > quantity.ZERO:
            found[name] = missing
    return found


def held(pod: core_v1.Pod, name: str) -> quantity.Quantity:
    """What a Pod holds of a resource of its node."""
    return quantity.of(1) if name == "pods" else pods.requests(pod).get(name, quantity.ZERO)


def units(name: str, amount: quantity.Quantity) -> int:
    """As messages count a resource: CPU in thousandths."""
    return amount.milli_value() if name == "cpu" else amount.value()


def _short(name: str, requested: int, used: int, capacity: int) -> Verdict:
    return _refuse(
        f"OutOf{name}",
        f"Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}",
    )


def _refuse(reason: str, message: str) -> Verdict:
    return Verdict(reason=reason, message=message, refused=True)
