"""Defaults of NetworkPolicies and IngressClasses."""

from __future__ import annotations

from itertools import chain

from ....api.types import networking_v1


def network_policy(body: networking_v1.NetworkPolicy) -> None:
    spec = body.spec
    if spec is None:
        return
    for rule in chain(spec.ingress or (), spec.egress or ()):
        for port in rule.ports or ():
            port.protocol = port.protocol or "TCP"
    if not spec.policy_types:
        spec.policy_types = ["Ingress", "Egress"] if spec.egress else ["Ingress"]


def ingress_class(body: networking_v1.IngressClass) -> None:
    parameters = body.spec.parameters if body.spec is not None else None
    if parameters is not None:
        parameters.scope = parameters.scope or "Cluster"


DEFAULTS = {"IngressClass": ingress_class, "NetworkPolicy": network_policy}
