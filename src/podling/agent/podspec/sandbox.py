"""A Pod as one sandbox attempt of the runtime interface."""

from __future__ import annotations

from podling.agent import labels
from podling.api.types import core_v1
from podling.runtime.interface import (
    DnsConfig,
    IdMapping,
    NamespaceMode,
    NamespaceOptions,
    PortMapping,
    SandboxConfig,
)

from . import names, resources, security


def config(
    pod: core_v1.Pod,
    *,
    attempt: int,
    log_directory: str,
    dns: DnsConfig,
    cluster_domain: str,
    users: tuple[IdMapping, ...] | None = None,
    pids: int | None = None,
) -> SandboxConfig:
    """What `Runtime.run_sandbox` is to make.

    ``users``: the ids of the Pod's own users, None where it has the node's; ``pids``: how many processes it may have.
    """
    spec, meta = pod.spec or core_v1.PodSpec(), pod.metadata
    host_name = "" if spec.host_network else names.host_name(pod, cluster_domain)[0]
    shared = spec.security_context or core_v1.PodSecurityContext()
    return SandboxConfig(
        name=meta.name or "",
        namespace=meta.namespace or "",
        uid=meta.uid or "",
        attempt=attempt,
        hostname=host_name,
        log_directory=log_directory,
        dns=dns,
        port_mappings=() if spec.host_network else _ports(spec),
        labels={**(meta.labels or {}), **labels.of_pod(pod)},
        annotations={**(meta.annotations or {}), labels.POD_GRACE: str(grace(spec))},
        cgroup_parent=resources.cgroup_parent(pod),
        sysctls={sysctl.name: sysctl.value for sysctl in shared.sysctls or []},
        namespaces=namespaces(spec, users),
        security=security.of_sandbox(pod),
        resources=resources.of_pod(pod, pids=pids),
    )


def namespaces(spec: core_v1.PodSpec, users: tuple[IdMapping, ...] | None) -> NamespaceOptions:
    pid = NamespaceMode.POD if spec.share_process_namespace else NamespaceMode.CONTAINER
    return NamespaceOptions(
        network=NamespaceMode.NODE if spec.host_network else NamespaceMode.POD,
        pid=NamespaceMode.NODE if spec.host_pid else pid,
        ipc=NamespaceMode.NODE if spec.host_ipc else NamespaceMode.POD,
        users=users,
    )


def grace(spec: core_v1.PodSpec) -> int:
    seconds = spec.termination_grace_period_seconds
    return labels.DEFAULT_GRACE if seconds is None else seconds


def _ports(spec: core_v1.PodSpec) -> tuple[PortMapping, ...]:
    return tuple(
        PortMapping(
            protocol=port.protocol or "TCP",
            container_port=port.container_port,
            host_port=port.host_port,
            host_ip=port.host_ip or "",
        )
        for container in [*(spec.init_containers or []), *spec.containers]
        for port in container.ports or []
        if port.host_port
    )
