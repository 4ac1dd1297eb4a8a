"""Requests and limits as cgroup settings, and where in the hierarchy a Pod's group lies.

Guaranteed Pods lie at the node's root, the others below ``burstable`` and ``besteffort``, as kubelet's cgroupfs driver lays
them out.  (Source: concepts/configuration/manage-resources-containers; kubelet `pkg/kubelet/cm/helpers_linux.go`.)
"""

from __future__ import annotations

from collections.abc import Mapping

from podling.api import pod as pods
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime.interface import Resources

MIN_SHARES, MAX_SHARES = 2, 262144
PERIOD = 100_000
"""Microseconds of one CPU accounting period."""
MIN_QUOTA = 1000
UNLIMITED = -1
NODE_CRITICAL = 2_000_001_000
GUARANTEED_OOM, BEST_EFFORT_OOM = -997, 1000
_PAGES = {"2Mi": "2MB", "1Gi": "1GB", "64Ki": "64KB", "32Mi": "32MB", "512Mi": "512MB", "16Gi": "16GB"}


def cgroup_parent(pod: core_v1.Pod) -> str:
    """Path of the Pod's group below the node's."""
    qos = pods.qos_class(pod)
    leaf = f"pod{pod.metadata.uid}"
    return leaf if qos == "Guaranteed" else f"{qos.lower()}/{leaf}"


def of_container(pod: core_v1.Pod, container: core_v1.Container, *, memory_capacity: int) -> Resources:
    """One container's limits."""
    requests, own = amounts(container)
    limits = {**_bounds_of_the_whole(pod), **own}
    memory = limits.get("memory", 0) // 1000
    cpu = requests.get("cpu") or own.get("cpu", 0)
    most = quota(limits.get("cpu", 0))
    return Resources(
        cpu_shares=shares(cpu),
        cpu_quota=most,
        cpu_period=PERIOD if most is not None else None,
        memory_limit=memory or None,
        memory_swap_limit=memory or None,
        oom_score_adj=_oom_score(pod, requests.get("memory", 0) // 1000, memory_capacity),
        hugepages=_hugepages(own),
    )


def _bounds_of_the_whole(pod: core_v1.Pod) -> dict[str, int]:
    """What is given for the Pod bounds a container that has no limit of its own (KEP-2837)."""
    whole = (pod.spec.resources if pod.spec else None) or core_v1.ResourceRequirements()
    return {name: quantity.parse(text).milli_value() for name, text in (whole.limits or {}).items()}


def of_pod(pod: core_v1.Pod, *, pids: int | None = None) -> Resources:
    """The whole Pod's limits: a bound exists where it is given for the Pod, or where every container has one.

    ``pids``: how many processes it may have.
    """
    spec = pod.spec or core_v1.PodSpec()
    if pods.qos_class(pod) == "BestEffort":
        return Resources(cpu_shares=MIN_SHARES, pids=pids)
    limits = {name: amount.milli_value() for name, amount in pods.limits(pod).items()}
    bounded = {name for name in ("cpu", "memory") if _is_bounded(spec, name)}
    requested = pods.requests(pod).get("cpu", quantity.ZERO).milli_value()
    most = quota(limits.get("cpu", 0)) if "cpu" in bounded else None
    return Resources(
        cpu_shares=shares(requested),
        cpu_quota=most,
        cpu_period=PERIOD if most is not None else None,
        memory_limit=(limits.get("memory", 0) // 1000 or None) if "memory" in bounded else None,
        pids=pids,
        hugepages=_hugepages(limits),
    )


def wider(one: Resources, other: Resources) -> Resources:
    """Limits within which both sets fit."""

    def most(first: int | None, second: int | None) -> int:
        return UNLIMITED if first is None or second is None else max(first, second)

    return Resources(
        cpu_shares=max(one.cpu_shares or 0, other.cpu_shares or 0) or None,
        cpu_quota=most(one.cpu_quota, other.cpu_quota),
        cpu_period=PERIOD,
        memory_limit=most(one.memory_limit, other.memory_limit),
    )


def _is_bounded(spec: core_v1.PodSpec, name: str) -> bool:
    if spec.resources is not None and name in (spec.resources.limits or {}):
        return True
    return all(
        amounts(container)[1].get(name) for container in (*spec.containers, *(spec.init_containers or ()))
    )


def amounts(container: core_v1.Container) -> tuple[dict[str, int], dict[str, int]]:
    """Requests and limits in thousandths; a request that is missing is the limit."""
    given = container.resources or core_v1.ResourceRequirements()
    limits = {name: quantity.parse(text).milli_value() for name, text in (given.limits or {}).items()}
    requests = {name: quantity.parse(text).milli_value() for name, text in (given.requests or {}).items()}
    return {**limits, **requests}, limits


def shares(milli_cpu: int) -> int:
    """cgroup v1's ``cpu.shares`` for a request in thousandths of a CPU."""
    return min(max(milli_cpu * 1024 // 1000, MIN_SHARES), MAX_SHARES)


def quota(milli_cpu: int) -> int | None:
    """Microseconds of CPU a ``PERIOD`` for a limit in thousandths of a CPU; None for no limit."""
    return max(milli_cpu * PERIOD // 1000, MIN_QUOTA) if milli_cpu else None


def _oom_score(pod: core_v1.Pod, memory_request: int, memory_capacity: int) -> int:
    """Who is killed first when the node runs out of memory (kubelet `pkg/kubelet/qos/policy.go`)."""
    qos = pods.qos_class(pod)
    if qos == "Guaranteed" or ((pod.spec.priority if pod.spec else None) or 0) >= NODE_CRITICAL:
        return GUARANTEED_OOM
    if qos == "BestEffort" or memory_capacity <= 0:
        return BEST_EFFORT_OOM
    score = 1000 - 1000 * memory_request // memory_capacity
    return min(max(score, 1000 + GUARANTEED_OOM), BEST_EFFORT_OOM - 1)


def _hugepages(limits: Mapping[str, int]) -> dict[str, int]:
    prefix = "hugepages-"
    found = {name.removeprefix(prefix): amount // 1000 for name, amount in limits.items() if prefix in name}
    return {_PAGES.get(size, size): amount for size, amount in found.items()}
