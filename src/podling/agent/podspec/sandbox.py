"""A Pod as one sandbox attempt of the runtime interface."""

from __future__ import annotations

from podling.agent import labels
from podling.agent.errors import ConfigFault
from podling.api.types import core_v1
from podling.runtime.interface import (
    DnsConfig,
    NamespaceMode,
    NamespaceOptions,
    PortMapping,
    SandboxConfig,
)

from . import names, resources, security


def config(
    pod: core_v1.Pod, *, attempt: int, log_directory: str, dns: DnsConfig, cluster_domain: str
) -> SandboxConfig:
    """What `Runtime.run_sandbox` is to make.  Raises ``ConfigFault`` for what this node cannot do."""
    spec, meta = pod.spec or core_v1.PodSpec(), pod.metadata
    if spec.host_users is False and not spec.host_network:
        raise ConfigFault("cannot honour hostUsers: false: this node does not map user IDs")
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
        namespaces=namespaces(spec),
        security=security.of_sandbox(pod),
        resources=resources.of_pod(pod),
    )


def namespaces(spec: core_v1.PodSpec) -> NamespaceOptions:
    pid = NamespaceMode.POD if spec.share_process_namespace else NamespaceMode.CONTAINER
    return NamespaceOptions(
        network=NamespaceMode.NODE if spec.host_network else NamespaceMode.POD,
        pid=NamespaceMode.NODE if spec.host_pid else pid,
        ipc=NamespaceMode.NODE if spec.host_ipc else NamespaceMode.POD,
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
