"""Variables that tell a container of the Services that existed before it: Kubernetes' own and Docker-link style.

(Source: concepts/services-networking/service, "Environment variables"; kubelet `pkg/kubelet/envvars`.)
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api.types import core_v1


def variables(services: Iterable[core_v1.Service], namespace: str, *, links: bool) -> dict[str, str]:
    """For a Pod in ``namespace``: ``kubernetes`` always, the namespace's own Services if ``links``."""
    found: dict[str, str] = {}
    for service in sorted(services, key=lambda s: (s.metadata.namespace or "", s.metadata.name or "")):
        where, name = service.metadata.namespace, service.metadata.name
        if (where, name) == ("default", "kubernetes") or (links and where == namespace):
            found.update(_of(service))
    return found


def _of(service: core_v1.Service) -> dict[str, str]:
    spec = service.spec or core_v1.ServiceSpec()
    host = spec.cluster_ip
    ports = spec.ports or []
    if not host or host == "None" or not ports:
        return {}
    name = _upper(service.metadata.name or "")
    found = {f"{name}_SERVICE_HOST": host, f"{name}_SERVICE_PORT": str(ports[0].port)}
    for port in ports:
        if port.name:
            found[f"{name}_SERVICE_PORT_{_upper(port.name)}"] = str(port.port)
    address = f"[{host}]" if ":" in host else host
    for index, port in enumerate(ports):
        protocol = (port.protocol or "TCP").lower()
        url = f"{protocol}://{address}:{port.port}"
        prefix = f"{name}_PORT_{port.port}_{protocol.upper()}"
        if index == 0:
            found[f"{name}_PORT"] = url
        found[prefix] = url
        found[f"{prefix}_PROTO"] = protocol
        found[f"{prefix}_PORT"] = str(port.port)
        found[f"{prefix}_ADDR"] = host
    return found


def _upper(name: str) -> str:
    return name.replace("-", "_").upper()
