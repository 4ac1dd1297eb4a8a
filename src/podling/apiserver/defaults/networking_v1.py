"""Defaults of NetworkPolicies and IngressClasses."""

from __future__ import annotations

from itertools import chain

from podling.api.types import networking_v1


def network_policy(body: networking_v1.NetworkPolicy) -> None:
    spec = body.spec
    if spec is None:
        return
    ports = chain(
        *(rule.ports or () for rule in spec.ingress or ()), *(rule.ports or () for rule in spec.egress or ())
    )
    for port in ports:
        port.protocol = port.protocol or "TCP"
    if not spec.policy_types:
        spec.policy_types = ["Ingress", "Egress"] if spec.egress else ["Ingress"]


def ingress_class(body: networking_v1.IngressClass) -> None:
    parameters = body.spec.parameters if body.spec is not None else None
    if parameters is not None:
        parameters.scope = parameters.scope or "Cluster"


DEFAULTS = {"IngressClass": ingress_class, "NetworkPolicy": network_policy}
