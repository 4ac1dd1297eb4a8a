"""Which Pods stand behind a Service, where they are reached, and when that changed (pure, but for what `TriggerTimes` remembers).

Shared by the controllers that publish it, as EndpointSlices and as Endpoints; how it is packed is theirs to decide
(upstream's k8s.io/endpointslice/util and podutil.FindPort).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podling.api import kinds, names
from podling.api.pod import is_ready, is_sidecar, is_terminal
from podling.api.selectors import from_set
from podling.api.types import core_v1
from podling.client.informer import Handler, Informer

from .reconcile import Enqueue, Key

HEADLESS_LABEL = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
NO_ADDRESS = "None"
IPV4, IPV6 = "IPv4", "IPv6"


def selects(service: core_v1.Service) -> bool:
    """Whether its endpoints are found by a selector, rather than written by somebody else."""
    spec = service.spec
    return spec is not None and bool(spec.selector) and spec.type != "ExternalName"


def has_address(service: core_v1.Service) -> bool:
    """Whether it has a virtual address; otherwise it is headless."""
    return bool(service.spec and service.spec.cluster_ip and service.spec.cluster_ip != NO_ADDRESS)


def is_reachable(pod: core_v1.Pod, *, even_leaving: bool) -> bool:
    """Whether the Pod is an endpoint at all, ready or not: it runs and has an address."""
    status = pod.status
    if status is None or is_terminal(pod) or not (status.pod_ip or status.pod_ips):
        return False
    return even_leaving or pod.metadata.deletion_timestamp is None


def addresses(pod: core_v1.Pod, family: str) -> list[str]:
    """The Pod's addresses of one family, in canonical form."""
    status = pod.status or core_v1.PodStatus()
    given = [each.ip for each in status.pod_ips or () if each.ip] or [status.pod_ip or ""]
    parsed = [address for address in map(parsed_address, given) if address is not None]
    return [str(address) for address in parsed if f"IPv{address.version}" == family]


def parsed_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address, however it is spelled; None if it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def families(service: core_v1.Service) -> tuple[str, ...]:
    """The address families that the Service is published in."""
    spec = service.spec or core_v1.ServiceSpec()
    if spec.ip_families:
        return tuple(family for family in spec.ip_families if family in (IPV4, IPV6))
    if has_address(service):
        return (IPV6 if ":" in (spec.cluster_ip or "") else IPV4,)
    return (IPV4, IPV6)


def find_port(pod: core_v1.Pod, port: core_v1.ServicePort) -> int | None:
    """The number behind a Service's port in this Pod; None where the Pod has no port of that name and protocol."""
    target = port.target_port
    if not isinstance(target, str):
        return target or port.port
    spec = pod.spec or core_v1.PodSpec()
    sidecars = [container for container in spec.init_containers or () if is_sidecar(container)]
    for container in (*spec.containers, *sidecars):
        for declared in container.ports or ():
            if declared.name == target and (declared.protocol or "TCP") == (port.protocol or "TCP"):
                return declared.container_port
    return None


def ports(pod: core_v1.Pod, service: core_v1.Service) -> list[tuple[core_v1.ServicePort, int]]:
    """The Service's ports that the Pod has, with their numbers in the Pod."""
    spec = service.spec or core_v1.ServiceSpec()
    found = [(port, find_port(pod, port)) for port in spec.ports or ()]
    return [(port, number) for port, number in found if number is not None]


def hostname(pod: core_v1.Pod, service: core_v1.Service) -> str | None:
    """The name that the Pod asks to have under the Service."""
    spec = pod.spec or core_v1.PodSpec()
    return spec.hostname if spec.hostname and spec.subdomain == service.metadata.name else None


def target(pod: core_v1.Pod) -> core_v1.ObjectReference:
    meta = pod.metadata
    return core_v1.ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)


def generate_name(service_name: str) -> str:
    """The prefix of its slices' names: with a dash, where there is room for one."""
    prefix = f"{service_name}-"
    return service_name if names.name_prefix(kinds.ENDPOINT_SLICE.name_rule, prefix) else prefix


def matters(old: core_v1.Pod, new: core_v1.Pod) -> bool:
    """Whether a change of a Pod can change any endpoint."""
    return _facts(old) != _facts(new)


def _facts(pod: core_v1.Pod) -> tuple[Any, ...]:
    spec, status = pod.spec or core_v1.PodSpec(), pod.status or core_v1.PodStatus()
    return (
        pod.metadata.labels,
        pod.metadata.deletion_timestamp,
        spec.node_name,
        (spec.hostname, spec.subdomain),
        (status.pod_ip, status.pod_ips),
        is_ready(pod),
        is_terminal(pod),
    )


def services_of(pod: core_v1.Pod, services: Informer[Any]) -> Iterable[Key]:
    """The Services that select a Pod."""
    namespace = pod.metadata.namespace or ""
    for service in services.list(namespace):
        if selects(service) and from_set(service.spec.selector).matches(pod.metadata.labels):
            yield Key(namespace, service.metadata.name)


def following(
    pods: Informer[Any], keys: Callable[[core_v1.Pod], Iterable[Key]]
) -> Callable[[Enqueue], Awaitable[None]]:
    """A feed that brings up what a Pod concerns, whenever something about it changes that matters here."""

    async def feed(enqueue: Enqueue) -> None:
        def one(pod: core_v1.Pod) -> None:
            for key in keys(pod):
                enqueue(key)

        def updated(old: core_v1.Pod, new: core_v1.Pod) -> None:
            if matters(old, new):
                one(old)
                one(new)

        handler = Handler(on_add=one, on_update=updated, on_delete=one)
        pods.add_handler(handler)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            pods.remove_handler(handler)

    return feed


@dataclass(slots=True)
class _Seen:
    service: str
    pods: Mapping[str, str]


@dataclass(slots=True)
class TriggerTimes:
    """When that happened which the next write will tell of: the annotation by which proxies measure their delay.

    Times are RFC 3339 in UTC and compare as text. Upstream's TriggerTimeTracker.
    """

    _seen: dict[Key, _Seen] = field(default_factory=dict)

    def next(self, key: Key, service: core_v1.Service, pods: Sequence[core_v1.Pod]) -> str | None:
        """The earliest change since this was last asked; None when there was none, a new Service's creation at first."""
        created = service.metadata.creation_timestamp or ""
        turned = {pod.metadata.name or "": _turned(pod) for pod in pods}
        before = self._seen.get(key)
        self._seen[key] = _Seen(created, turned)
        if before is None:
            return created or None
        fresh = [time for name, time in turned.items() if time > before.pods.get(name, "")]
        if created > before.service:
            fresh.append(created)
        return min(fresh, default=None)

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)


def _turned(pod: core_v1.Pod) -> str:
    for condition in (pod.status.conditions if pod.status else None) or ():
        if condition.type == "Ready":
            return condition.last_transition_time or ""
    return ""
