"""The rules of a Pod's spec, wherever it stands: in a Pod or in a controller's template."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import containers, pod_resources, resources, scheduling, security, volumes
from .metadata import each, labels

MAX_INT32 = 2**31 - 1
MAX_NAMESERVERS = 3
MAX_SEARCHES = 32
MAX_SEARCH_TEXT = 2048
_RESTART = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_PREEMPTION = ("PreemptLowerPriority", "Never")


def faults(spec: core_v1.PodSpec, path: Path, *, is_pod: bool) -> Iterator[FieldError]:
    """Faults of a spec; `is_pod` adds what upstream asks of Pods and not of templates."""
    if spec.termination_grace_period_seconds is None:
        yield field.required(path / "terminationGracePeriodSeconds")
    known: dict[str, core_v1.Volume] = {}
    yield from volumes.faults(spec.volumes or [], path / "volumes", known)
    yield from containers.faults(spec, path, volumes=known, is_pod=is_pod)
    if spec.resources is not None:
        yield from pod_resources.faults(spec, spec.resources, path / "resources")
    if spec.host_network:
        yield from _host_ports(spec, path / "containers", is_pod=is_pod)
    yield from one_of(spec.restart_policy, path / "restartPolicy", _RESTART)
    yield from one_of(spec.dns_policy, path / "dnsPolicy", _DNS)
    if spec.node_selector:
        yield from labels(spec.node_selector, path / "nodeSelector")
    yield from security.pod(spec, path)
    if spec.affinity is not None:
        yield from scheduling.affinity(spec.affinity, path / "affinity")
    yield from _dns_config(spec, path / "dnsConfig")
    for index, gate in enumerate(spec.readiness_gates or ()):
        yield from each(
            names.label_key, gate.condition_type, path / "readinessGates" / index / "conditionType"
        )
    yield from scheduling.gates(spec.scheduling_gates or [], path / "schedulingGates")
    yield from scheduling.spread(spec.topology_spread_constraints or [], path / "topologySpreadConstraints")
    yield from _names(spec, path)
    yield from scheduling.tolerations(spec.tolerations or [], path / "tolerations")
    yield from _host_aliases(spec.host_aliases or [], path / "hostAliases")
    if spec.active_deadline_seconds is not None and not 1 <= spec.active_deadline_seconds <= MAX_INT32:
        why = names.between(1, MAX_INT32)
        yield field.invalid(path / "activeDeadlineSeconds", spec.active_deadline_seconds, why)
    if spec.preemption_policy is not None:
        yield from one_of(spec.preemption_policy, path / "preemptionPolicy", _PREEMPTION)
    if spec.overhead:
        yield from resources.requirements(
            core_v1.ResourceRequirements(limits=spec.overhead), path / "overhead"
        )
    if spec.os is not None and spec.os.name not in ("linux", "windows"):
        yield field.not_supported(path / "os" / "name", spec.os.name, ("linux", "windows"))


def one_of(value: str | None, path: Path, supported: tuple[str, ...]) -> Iterator[FieldError]:
    """A fault unless the value is one of those supported; an empty one is missing."""
    if not value:
        yield field.required(path)
    elif value not in supported:
        yield field.not_supported(path, value, supported)


def _names(spec: core_v1.PodSpec, path: Path) -> Iterator[FieldError]:
    for value, name in (
        (spec.service_account_name, "serviceAccountName"),
        (spec.node_name, "nodeName"),
        (spec.priority_class_name, "priorityClassName"),
        (spec.runtime_class_name, "runtimeClassName"),
    ):
        if value:
            yield from each(names.dns1123_subdomain, value, path / name)
    for value, name in ((spec.hostname, "hostname"), (spec.subdomain, "subdomain")):
        if value:
            yield from each(names.dns1123_label, value, path / name)


def _host_ports(spec: core_v1.PodSpec, path: Path, *, is_pod: bool) -> Iterator[FieldError]:
    for index, container in enumerate(spec.containers):
        for at, port in enumerate(container.ports or ()):
            if (is_pod or port.host_port) and port.host_port != port.container_port:
                why = "must match `containerPort` when `hostNetwork` is true"
                yield field.invalid(path / index / "ports" / at / "hostPort", port.host_port or 0, why)


def _host_aliases(aliases: list[core_v1.HostAlias], path: Path) -> Iterator[FieldError]:
    for index, alias in enumerate(aliases):
        yield from each(names.ip_address, alias.ip or "", path / index / "ip")
        for at, hostname in enumerate(alias.hostnames or ()):
            yield from each(names.dns1123_subdomain, hostname, path / index / "hostnames" / at)


def _dns_config(spec: core_v1.PodSpec, path: Path) -> Iterator[FieldError]:
    config = spec.dns_config
    if spec.dns_policy == "None":
        if config is None:
            yield field.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.nameservers:
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield field.required(path / "nameservers", why)
            return
    if config is None:
        return
    servers, searches = config.nameservers or [], config.searches or []
    if len(servers) > MAX_NAMESERVERS:
        why = f"must not have more than {MAX_NAMESERVERS} nameservers"
        yield field.invalid(path / "nameservers", servers, why)
    for index, server in enumerate(servers):
        yield from each(names.ip_address, server, path / "nameservers" / index)
    if len(searches) > MAX_SEARCHES:
        yield field.invalid(
            path / "searches", searches, f"must not have more than {MAX_SEARCHES} search paths"
        )
    if len(" ".join(searches)) > MAX_SEARCH_TEXT:
        why = f"must not have more than {MAX_SEARCH_TEXT} characters (including spaces) in the search list"
        yield field.invalid(path / "searches", searches, why)
    for index, search in enumerate(searches):
        if search != ".":
            plain = search.removesuffix(".").replace("_", "-")
            yield from each(names.dns1123_subdomain, plain, path / "searches" / index)
    for index, option in enumerate(config.options or ()):
        if not option.name:
            yield field.required(path / "options" / index, "must not be empty")
