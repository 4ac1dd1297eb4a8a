"""What a Pod as a whole asks for and may use, and the class of service that follows.

Containers run side by side, so their resources add up; init containers run one after another before them, each beside the sidecars started
so far, so the largest counts; the larger of the two is needed. Resources given for the whole Pod replace the sum, and the
runtime's overhead comes on top (KEP-753, KEP-2837; k8s.io/component-helpers/resource).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from podling.api import quantity
from podling.api.quantity import Quantity
from podling.api.types.core_v1 import Container, Pod, PodSpec, ResourceRequirements

from .conditions import get_condition
from .containers import container_status, is_sidecar

Amounts = dict[str, Quantity]
Spelled = Mapping[str, str]
Source = Callable[[Container], Spelled | None]
QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]

_QOS_RESOURCES = ("cpu", "memory")


def requests(
    pod: Pod,
    *,
    overhead: bool = True,
    use_status: bool = False,
    missing: Spelled | None = None,
) -> Amounts:
    """What the Pod asks its node for.

    `use_status` takes into account what a resize in progress still holds, as schedulers and admission on the node must. `missing` gives amounts
    to count for containers that do not name those resources, for scores that should not take silence for nothing.
    """
    spec = pod.spec
    if spec is None:
        return {}
    found = _aggregate(spec, _requested, missing)
    if use_status:
        found = _with_status(pod, spec, found, missing)
    if spec.resources is not None:
        _replace(found, spec.resources.requests)
        if use_status:
            _raise_whole(found, pod, spec.resources)
    if overhead and spec.overhead:
        _add(found, _parsed(spec.overhead))
    return found


def limits(pod: Pod, *, overhead: bool = True) -> Amounts:
    """What the Pod may use at most; a resource that some container may use without bound still shows the others' sum."""
    spec = pod.spec
    if spec is None:
        return {}
    found = _aggregate(spec, _limited, None)
    if spec.resources is not None:
        _replace(found, spec.resources.limits)
    if overhead and spec.overhead:
        for name, amount in _parsed(spec.overhead).items():
            if name in found and not found[name].is_zero:
                found[name] = found[name] + amount
    return found


def container_requests(spec: PodSpec) -> Amounts:
    """What the containers ask for together, whatever is said of the Pod as a whole."""
    return _aggregate(spec, _requested, None)


def container_limits(spec: PodSpec) -> Amounts:
    """What the containers may use together, whatever is said of the Pod as a whole."""
    return _aggregate(spec, _limited, None)


def qos_class(pod: Pod) -> QosClass:
    """The class recorded in the status, else the one that the spec deserves."""
    if pod.status is not None and pod.status.qos_class in ("Guaranteed", "Burstable", "BestEffort"):
        return pod.status.qos_class  # type: ignore[return-value]
    return compute_qos_class(pod.spec) if pod.spec is not None else "BestEffort"


def compute_qos_class(spec: PodSpec) -> QosClass:
    """Guaranteed: every container's cpu and memory are limited and fully requested. BestEffort: nothing is said of either."""
    if has_pod_level_resources(spec):
        given = [spec.resources]
    else:
        given = [container.resources for container in (*spec.containers, *(spec.init_containers or ()))]
    asked: Amounts = {}
    bounds: Amounts = {}
    all_bounded = True
    for item in given:
        _add(asked, _qos_amounts(item.requests if item else None))
        bounded = _qos_amounts(item.limits if item else None)
        _add(bounds, bounded)
        all_bounded = all_bounded and len(bounded) == len(_QOS_RESOURCES)
    if not asked and not bounds:
        return "BestEffort"
    return "Guaranteed" if all_bounded and asked == bounds else "Burstable"


def has_pod_level_resources(spec: PodSpec) -> bool:
    """Resources are given for the Pod as a whole (KEP-2837)."""
    given = spec.resources
    return given is not None and any(map(is_pod_level, (*(given.requests or ()), *(given.limits or ()))))


def is_pod_level(name: str) -> bool:
    """Whether the resource can be given for a Pod as a whole."""
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def is_extended(name: str) -> bool:
    """Whether the resource is not Kubernetes' own, nor what a quota is on, but some device of a node."""
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def _requested(container: Container) -> Spelled | None:
    return container.resources.requests if container.resources else None


def _limited(container: Container) -> Spelled | None:
    return container.resources.limits if container.resources else None


def _aggregate(spec: PodSpec, source: Source, missing: Spelled | None) -> Amounts:
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _filled(source(container), missing))
    running: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers or ():
        own = _filled(source(container), missing)
        if is_sidecar(container):
            _add(total, own)
            _add(running, own)
            _raise_to(peak, running)
        else:
            _add(own, running)
            _raise_to(peak, own)
    _raise_to(total, peak)
    return total


def _with_status(pod: Pod, spec: PodSpec, wanted: Amounts, missing: Spelled | None) -> Amounts:
    """The largest of what is wanted, what the node has granted and what is in force; a resize that cannot be is not counted."""
    infeasible = _is_infeasible(pod)

    def wanted_by(container: Container) -> Spelled | None:
        return None if infeasible else _requested(container)

    def granted(container: Container) -> Spelled | None:
        status = container_status(pod, container.name)
        return status.allocated_resources if status and status.allocated_resources else wanted_by(container)

    def in_force(container: Container) -> Spelled | None:
        status = container_status(pod, container.name)
        actual: ResourceRequirements | None = status.resources if status else None
        return actual.requests if actual and actual.requests is not None else granted(container)

    found: Amounts = {} if infeasible else wanted
    _raise_to(found, _aggregate(spec, granted, missing))
    _raise_to(found, _aggregate(spec, in_force, missing))
    return found


def _is_infeasible(pod: Pod) -> bool:
    pending = get_condition(pod, "PodResizePending")
    return pending is not None and pending.reason == "Infeasible"


def _raise_whole(found: Amounts, pod: Pod, wanted: ResourceRequirements) -> None:
    """The same for resources of the Pod as a whole."""
    status = pod.status
    granted = status.allocated_resources if status else None
    actual = status.resources.requests if status and status.resources else None
    held = [_parsed(given) for given in (granted, actual) if given]
    if held and _is_infeasible(pod):
        _replace(found, granted or actual)
    for given in held:
        _raise_to(found, {name: amount for name, amount in given.items() if name in (wanted.requests or ())})


def _replace(total: Amounts, whole: Spelled | None) -> None:
    for name, amount in _parsed(whole).items():
        if is_pod_level(name):
            total[name] = amount


def _parsed(amounts: Spelled | None) -> Amounts:
    return {name: quantity.parse(text) for name, text in (amounts or {}).items()}


def _filled(amounts: Spelled | None, missing: Spelled | None) -> Amounts:
    return {**_parsed(missing), **_parsed(amounts)} if missing else _parsed(amounts)


def _qos_amounts(amounts: Spelled | None) -> Amounts:
    return {
        name: amount
        for name, amount in _parsed(amounts).items()
        if name in _QOS_RESOURCES and amount > quantity.ZERO
    }


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _raise_to(total: Amounts, least: Amounts) -> None:
    for name, amount in least.items():
        if name not in total or total[name] < amount:
            total[name] = amount
