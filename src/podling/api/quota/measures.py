"""What an object of each kind uses of a quota.

Every namespaced kind can be counted (`count/deployments.apps`); Pods, Services and claims use more than their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from podling.api import quantity, times
from podling.api.pod import is_terminal, limits, requests
from podling.api.types import core_v1

from . import scopes
from .amounts import Amounts

COUNT = "count/"
REQUESTS = "requests."
LIMITS = "limits."
HUGE_PAGES = "hugepages-"
OF_CLASS = ".storageclass.storage.k8s.io/"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_ONE = quantity.of(1)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_OLD_NAMES = {"configmaps", "replicationcontrollers", "resourcequotas", "secrets"}
"""Kinds that could be counted by their plain name before `count/` came."""

Required = set[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """How one kind is measured.

    names        which names of a quota the kind uses.
    usage        what an object uses at a time (epoch seconds).
    meets        whether an object is in a scope.
    complaint    what the object fails to say although the quota demands it; "" if nothing.
    on_update    whether changes are charged as well as creations.
    subresource  a subresource through which objects are changed in what they use.
    """

    names: Callable[[Iterable[str]], set[str]]
    usage: Callable[[Any, float], Amounts]
    meets: Callable[[scopes.Requirement, Any], bool] = scopes.nothing_meets
    complaint: Callable[[Required, Any], str] = lambda _required, _body: ""
    on_update: bool = False
    subresource: str = ""

    def handles(self, *, creates: bool, subresource: str) -> bool:
        if subresource:
            return not creates and subresource == self.subresource
        return creates or self.on_update


@lru_cache(maxsize=512)
def of(resource: str) -> Measure:
    """The measure of a group-qualified resource (`deployments.apps`)."""
    return _SPECIAL.get(resource) or counted(resource)


@lru_cache(maxsize=512)
def counted(resource: str) -> Measure:
    """Objects that are only counted."""
    known = {COUNT + resource, *({resource} & _OLD_NAMES)}
    one = dict.fromkeys(known, _ONE)
    return Measure(names=lambda names: known & set(names), usage=lambda _body, _now: dict(one))


_POD_NAMES = {
    "count/pods",
    "pods",
    *_COMPUTE,
    *(prefix + name for prefix in (REQUESTS, LIMITS) for name in _COMPUTE),
}
_MUST_SAY = {"cpu", "memory", *(prefix + name for prefix in (REQUESTS, LIMITS) for name in ("cpu", "memory"))}
"""A quota on these demands that every container says them; upstream regrets it and demands nothing else."""


def _pod_names(names: Iterable[str]) -> set[str]:
    return {name for name in names if name in _POD_NAMES or _is_counted_device(name)}


def _is_counted_device(name: str) -> bool:
    if name.startswith((HUGE_PAGES, REQUESTS + HUGE_PAGES)):
        return True
    return name.startswith(REQUESTS) and "/" in name and "kubernetes.io/" not in name


def _pod_usage(pod: core_v1.Pod, now: float) -> Amounts:
    used = {"count/pods": _ONE}
    if is_terminal(pod) or _is_overdue(pod, now):
        return used
    return {**used, **_compute(requests(pod), limits(pod))}


def _is_overdue(pod: core_v1.Pod, now: float) -> bool:
    """Its grace is over twice: nobody is there to end it, and its owner must not pay for that."""
    marked, grace = pod.metadata.deletion_timestamp, pod.metadata.deletion_grace_period_seconds
    return bool(marked) and grace is not None and now > times.parse(marked or "") + grace


def _compute(asked: Amounts, bounds: Amounts) -> Amounts:
    used = {"pods": _ONE}
    for name, amount in asked.items():
        if name in _COMPUTE or name.startswith(HUGE_PAGES):
            used[name] = used[REQUESTS + name] = amount
        elif "/" in name and "kubernetes.io/" not in name:
            used[REQUESTS + name] = amount
    for name, amount in bounds.items():
        if name in _COMPUTE:
            used[LIMITS + name] = amount
    return used


def _pod_complaint(required: Required, pod: core_v1.Pod) -> str:
    spec = pod.spec or core_v1.PodSpec()
    missing: dict[str, set[str]] = {}
    for container in (*spec.containers, *(spec.init_containers or ())):
        given = container.resources or core_v1.ResourceRequirements()
        said = {name for key in given.requests or () for name in (key, REQUESTS + key)}
        said |= {LIMITS + key for key in given.limits or ()}
        for name in (required & _MUST_SAY) - said:
            missing.setdefault(name, set()).add(container.name)
    parts = [f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing)]
    return f"must specify {'; '.join(parts)}" if parts else ""


_SERVICE_NAMES = {"count/services", "services", "services.nodeports", "services.loadbalancers"}


def _service_usage(service: core_v1.Service, _now: float) -> Amounts:
    spec = service.spec or core_v1.ServiceSpec()
    ports = len(spec.ports or ())
    if spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is False:
        ports = sum(bool(port.node_port) for port in spec.ports or ())
    has_ports = spec.type in ("NodePort", "LoadBalancer")
    return {
        "count/services": _ONE,
        "services": _ONE,
        "services.nodeports": quantity.of(ports if has_ports else 0),
        "services.loadbalancers": quantity.of(int(spec.type == "LoadBalancer")),
    }


_CLAIM_NAMES = ("persistentvolumeclaims", "requests.storage")


def _claim_names(names: Iterable[str]) -> set[str]:
    by_class = tuple(OF_CLASS + name for name in _CLAIM_NAMES)
    return {
        name
        for name in names
        if name == "count/persistentvolumeclaims" or name in _CLAIM_NAMES or name.endswith(by_class)
    }


def _claim_usage(claim: core_v1.PersistentVolumeClaim, _now: float) -> Amounts:
    spec, status = claim.spec or core_v1.PersistentVolumeClaimSpec(), claim.status
    used = {"count/persistentvolumeclaims": _ONE, "persistentvolumeclaims": _ONE}
    asked = ((spec.resources.requests if spec.resources else None) or {}).get("storage")
    if asked is not None:
        granted = ((status.allocated_resources if status else None) or {}).get("storage", "0")
        largest = max(quantity.parse(asked), quantity.parse(granted))
        used["requests.storage"] = quantity.of(largest.value(), largest.format)
    annotated = (claim.metadata.annotations or {}).get(CLASS_ANNOTATION)
    name = annotated if annotated is not None else spec.storage_class_name
    of_class = {f"{name}{OF_CLASS}{key}": used[key] for key in _CLAIM_NAMES if key in used} if name else {}
    return {**used, **of_class}


_SPECIAL = {
    "pods": Measure(
        names=_pod_names,
        usage=_pod_usage,
        meets=scopes.pod_meets,
        complaint=_pod_complaint,
        subresource="resize",
    ),
    "services": Measure(
        names=lambda names: _SERVICE_NAMES & set(names), usage=_service_usage, on_update=True
    ),
    "persistentvolumeclaims": Measure(
        names=_claim_names,
        usage=_claim_usage,
        meets=scopes.claim_meets,
        on_update=True,
        subresource="status",
    ),
}
