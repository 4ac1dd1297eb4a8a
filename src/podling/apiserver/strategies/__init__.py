"""Kinds that do more than their row in the table of kinds can say, one module each; all others share `Strategy`."""

from __future__ import annotations

import importlib

from podling.api.kinds import Kind

from .addresses import Addresses
from .strategy import Context, Strategy

__all__ = ["Addresses", "Context", "Strategy", "of"]

_MODULES = {
    "apiregistration_v1:APIService": "api_service",
    "batch_v1:Job": "job",
    "certificates_v1:CertificateSigningRequest": "signing_request",
    "core_v1:Event": "event",
    "core_v1:Namespace": "namespace",
    "core_v1:Node": "node",
    "core_v1:PersistentVolume": "persistent_volume",
    "core_v1:PersistentVolumeClaim": "persistent_volume_claim",
    "core_v1:Pod": "pod",
    "core_v1:PodTemplate": "returned",
    "core_v1:ReplicationController": "replication_controller",
    "core_v1:ResourceQuota": "returned",
    "core_v1:Secret": "secret",
    "core_v1:Service": "service",
    "core_v1:ServiceAccount": "returned",
    "events_v1:Event": "event",
    "policy_v1:PodDisruptionBudget": "pod_disruption_budget",
}


def of(kind: Kind, addresses: Addresses) -> Strategy:
    """The strategy of a kind; its module is imported when the first object of the kind arrives."""
    name = _MODULES.get(kind.type)
    if name is None:
        return Strategy(kind)
    made: Strategy = importlib.import_module(f"{__name__}.{name}").make(kind, addresses)
    return made
