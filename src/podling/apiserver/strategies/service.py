"""Services: the server gives them their address and node ports, and keeps them over updates that leave them out."""

from __future__ import annotations

from podling.api import errors
from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import HEADLESS, Addresses, Exhausted
from .strategy import Context, Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return ServiceStrategy(kind, addresses)


class ServiceStrategy(Strategy):
    returns_deleted = True

    def __init__(self, kind: Kind, addresses: Addresses) -> None:
        super().__init__(kind)
        self._addresses = addresses

    def prepare_create(self, body: core_v1.Service, context: Context) -> None:
        super().prepare_create(body, context)
        self._assign(body, None)

    def prepare_update(self, body: core_v1.Service, old: core_v1.Service, context: Context) -> None:
        _keep(body, old)
        self._assign(body, old)
        super().prepare_update(body, old, context)

    def finish(self, body: core_v1.Service) -> None:
        self._addresses.release(body)

    def _assign(self, body: core_v1.Service, old: core_v1.Service | None) -> None:
        if body.spec is None:
            body.spec = core_v1.ServiceSpec()
        if body.spec.cluster_ips and not body.spec.cluster_ip:
            body.spec.cluster_ip = body.spec.cluster_ips[0]
        try:
            faults = self._addresses.assign(body, old)
        except Exhausted as error:
            raise errors.InternalError(str(error)) from error
        if faults:
            raise errors.Invalid(self.kind, body.metadata.name or "", faults)


def _keep(body: core_v1.Service, old: core_v1.Service) -> None:
    """What the server had given and the update leaves out stays; what the new type cannot have goes."""
    spec, before = body.spec or core_v1.ServiceSpec(), old.spec or core_v1.ServiceSpec()
    if spec.type == "ExternalName":
        if before.type != "ExternalName" and spec.cluster_ip == before.cluster_ip:
            spec.cluster_ip = spec.cluster_ips = None
            spec.ip_families = spec.ip_family_policy = None
        return
    if before.cluster_ip and not spec.cluster_ip:
        spec.cluster_ip, spec.cluster_ips = before.cluster_ip, before.cluster_ips
    if before.type in ("NodePort", "LoadBalancer") and spec.type == "ClusterIP":
        ports = {port.node_port for port in before.ports or ()}
        for port in spec.ports or ():
            if port.node_port in ports:
                port.node_port = None
    if spec.cluster_ip == HEADLESS and not spec.cluster_ips:
        spec.cluster_ips = [HEADLESS]
