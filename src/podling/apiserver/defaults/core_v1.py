"""Defaults of the core group."""

from __future__ import annotations

from podling.api.types import core_v1

from .pod_spec import pod, template

SESSION_SECONDS = 10800


def service(body: core_v1.Service) -> None:
    spec = body.spec
    if spec is None:
        return
    spec.session_affinity = spec.session_affinity or "None"
    if spec.session_affinity == "None":
        spec.session_affinity_config = None
    elif spec.session_affinity == "ClientIP":
        config = spec.session_affinity_config
        if config is None or config.client_ip is None or config.client_ip.timeout_seconds is None:
            spec.session_affinity_config = core_v1.SessionAffinityConfig(
                client_ip=core_v1.ClientIPConfig(timeout_seconds=SESSION_SECONDS)
            )
    spec.type = spec.type or "ClusterIP"
    for port in spec.ports or ():
        port.protocol = port.protocol or "TCP"
        if not port.target_port:
            port.target_port = port.port
    outside = spec.type in ("NodePort", "LoadBalancer") or (
        spec.type == "ClusterIP" and bool(spec.external_ips)
    )
    if outside and not spec.external_traffic_policy:
        spec.external_traffic_policy = "Cluster"
    if spec.internal_traffic_policy is None and spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec.internal_traffic_policy = "Cluster"
    if spec.type == "LoadBalancer":
        if spec.allocate_load_balancer_node_ports is None:
            spec.allocate_load_balancer_node_ports = True
        _ip_mode(body.status)


def _ip_mode(status: core_v1.ServiceStatus | None) -> None:
    if status is not None and status.load_balancer is not None:
        for ingress in status.load_balancer.ingress or ():
            if ingress.ip and ingress.ip_mode is None:
                ingress.ip_mode = "VIP"


def namespace(body: core_v1.Namespace) -> None:
    name = body.metadata.name
    if name:
        body.metadata.labels = {**(body.metadata.labels or {}), "kubernetes.io/metadata.name": name}
    if body.status is None:
        body.status = core_v1.NamespaceStatus()
    body.status.phase = body.status.phase or "Active"


def secret(body: core_v1.Secret) -> None:
    body.type = body.type or "Opaque"


def node(body: core_v1.Node) -> None:
    status = body.status
    if status is not None and status.allocatable is None and status.capacity is not None:
        status.allocatable = dict(status.capacity)


def endpoints(body: core_v1.Endpoints) -> None:
    for subset in body.subsets or ():
        for port in subset.ports or ():
            port.protocol = port.protocol or "TCP"


def replication_controller(body: core_v1.ReplicationController) -> None:
    spec = body.spec
    if spec is None:
        spec = body.spec = core_v1.ReplicationControllerSpec()
    if spec.replicas is None:
        spec.replicas = 1
    if spec.template is not None:
        labels = spec.template.metadata.labels if spec.template.metadata is not None else None
        if labels:
            spec.selector = spec.selector or dict(labels)
            body.metadata.labels = body.metadata.labels or dict(labels)
        template(spec.template)


def pod_template(body: core_v1.PodTemplate) -> None:
    if body.template is None:
        body.template = core_v1.PodTemplateSpec()
    template(body.template)


def persistent_volume(body: core_v1.PersistentVolume) -> None:
    if body.status is None:
        body.status = core_v1.PersistentVolumeStatus()
    body.status.phase = body.status.phase or "Pending"
    if body.spec is not None:
        body.spec.persistent_volume_reclaim_policy = body.spec.persistent_volume_reclaim_policy or "Retain"
        body.spec.volume_mode = body.spec.volume_mode or "Filesystem"
        if body.spec.host_path is not None and body.spec.host_path.type is None:
            body.spec.host_path.type = ""


def persistent_volume_claim(body: core_v1.PersistentVolumeClaim) -> None:
    if body.status is None:
        body.status = core_v1.PersistentVolumeClaimStatus()
    body.status.phase = body.status.phase or "Pending"
    if body.spec is not None:
        body.spec.volume_mode = body.spec.volume_mode or "Filesystem"


def limit_range(body: core_v1.LimitRange) -> None:
    for item in (body.spec.limits if body.spec is not None else None) or ():
        if item.type == "Container":
            limits = {**(item.max or {}), **(item.default or {})}
            requests = {**(item.min or {}), **limits, **(item.default_request or {})}
            item.default = limits or item.default
            item.default_request = requests or item.default_request


DEFAULTS = {
    "Endpoints": endpoints,
    "LimitRange": limit_range,
    "Namespace": namespace,
    "Node": node,
    "PersistentVolume": persistent_volume,
    "PersistentVolumeClaim": persistent_volume_claim,
    "Pod": pod,
    "PodTemplate": pod_template,
    "ReplicationController": replication_controller,
    "Secret": secret,
    "Service": service,
}
