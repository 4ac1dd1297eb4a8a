"""Groups about the network: networking, discovery."""

from __future__ import annotations

from .row import builtin

_NETWORKING = "networking.k8s.io/v1"

INGRESS_CLASS = builtin(_NETWORKING, "IngressClass", "ingressclasses", namespaced=False, generation=True)
INGRESS = builtin(
    _NETWORKING,
    "Ingress",
    "ingresses",
    short=("ing",),
    subresources=("status",),
    prefix="ingress",
    generation=True,
)
IP_ADDRESS = builtin(_NETWORKING, "IPAddress", "ipaddresses", namespaced=False, short=("ip",), name_rule="ip")
NETWORK_POLICY = builtin(_NETWORKING, "NetworkPolicy", "networkpolicies", short=("netpol",), generation=True)
SERVICE_CIDR = builtin(_NETWORKING, "ServiceCIDR", "servicecidrs", namespaced=False, subresources=("status",))

ENDPOINT_SLICE = builtin("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", generation=True)
