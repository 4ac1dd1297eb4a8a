"""What the server refuses, in the words of Kubernetes' own validation; pure functions from a body to its faults.

`metadata` holds for every kind.  A kind with rules of its own has a module named after it, listed in `_MODULES`, with
any of these functions, each yielding `FieldError`s:

    create(body)            a new object
    update(body, old)       a change of anything but status
    update_status(body, old)
    update_approval(body, old)

and with what is taken all the same, but not kept to itself:

    warnings(body, old)     texts for the Warning header; `old` is None for a new object

Modules are imported when the first object of their kind arrives.  Messages and paths follow
k8s.io/kubernetes/pkg/apis/<group>/validation; where upstream accepts nonsense for old clients' sake, so do we.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from podling.api.field import FieldError
from podling.api.kinds import Kind

Faults = Iterable[FieldError]
Warnings = Iterable[str]

_MODULES = {
    "admissionregistration_v1:MutatingAdmissionPolicy": "mutating_admission_policy",
    "admissionregistration_v1:MutatingAdmissionPolicyBinding": "mutating_policy_binding",
    "admissionregistration_v1:MutatingWebhookConfiguration": "webhook_configuration",
    "admissionregistration_v1:ValidatingAdmissionPolicy": "validating_admission_policy",
    "admissionregistration_v1:ValidatingAdmissionPolicyBinding": "validating_policy_binding",
    "admissionregistration_v1:ValidatingWebhookConfiguration": "webhook_configuration",
    "apiextensions_v1:CustomResourceDefinition": "custom_resource_definition",
    "apiregistration_v1:APIService": "api_service",
    "apps_v1:ControllerRevision": "controller_revision",
    "apps_v1:DaemonSet": "daemon_set",
    "apps_v1:Deployment": "deployment",
    "apps_v1:ReplicaSet": "replica_set",
    "apps_v1:StatefulSet": "stateful_set",
    "autoscaling_v2:HorizontalPodAutoscaler": "horizontal_pod_autoscaler",
    "batch_v1:CronJob": "cron_job",
    "batch_v1:Job": "job",
    "certificates_v1:CertificateSigningRequest": "certificate_signing_request",
    "certificates_v1:ClusterTrustBundle": "cluster_trust_bundle",
    "coordination_v1:Lease": "lease",
    "coordination_v1beta1:LeaseCandidate": "lease_candidate",
    "core_v1:ConfigMap": "config_map",
    "core_v1:Endpoints": "endpoints",
    "core_v1:Event": "event",
    "core_v1:LimitRange": "limit_range",
    "core_v1:Namespace": "namespace",
    "core_v1:Node": "node",
    "core_v1:PersistentVolume": "persistent_volume",
    "core_v1:PersistentVolumeClaim": "persistent_volume_claim",
    "core_v1:Pod": "pod",
    "core_v1:PodTemplate": "pod_template",
    "core_v1:ReplicationController": "replication_controller",
    "core_v1:ResourceQuota": "resource_quota",
    "core_v1:Secret": "secret",
    "core_v1:Service": "service",
    "core_v1:ServiceAccount": "service_account",
    "node_v1:RuntimeClass": "runtime_class",
    "policy_v1:PodDisruptionBudget": "pod_disruption_budget",
    "discovery_v1:EndpointSlice": "endpoint_slice",
    "events_v1:Event": "strict_event",
    "flowcontrol_v1:FlowSchema": "flow_schema",
    "flowcontrol_v1:PriorityLevelConfiguration": "priority_level",
    "networking_v1:Ingress": "ingress",
    "networking_v1:IngressClass": "ingress_class",
    "networking_v1:IPAddress": "ip_address",
    "networking_v1:NetworkPolicy": "network_policy",
    "networking_v1:ServiceCIDR": "service_cidr",
    "rbac_v1:ClusterRole": "cluster_role",
    "rbac_v1:ClusterRoleBinding": "cluster_role_binding",
    "rbac_v1:Role": "role",
    "rbac_v1:RoleBinding": "role_binding",
    "resource_v1:DeviceClass": "device_class",
    "resource_v1:DeviceTaintRule": "device_taint_rule",
    "resource_v1:ResourceClaim": "resource_claim",
    "resource_v1:ResourceClaimTemplate": "resource_claim_template",
    "resource_v1:ResourceSlice": "resource_slice",
    "scheduling_v1:PriorityClass": "priority_class",
    "storage_v1:CSIDriver": "csi_driver",
    "storage_v1:CSINode": "csi_node",
    "storage_v1:CSIStorageCapacity": "csi_storage_capacity",
    "storage_v1:StorageClass": "storage_class",
    "storage_v1:VolumeAttachment": "volume_attachment",
    "storage_v1:VolumeAttributesClass": "volume_attributes_class",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one kind beyond metadata."""

    create: Callable[[Any], Faults]
    update: Callable[[Any, Any], Faults]
    update_status: Callable[[Any, Any], Faults]
    update_approval: Callable[[Any, Any], Faults]
    warnings: Callable[[Any, Any], Warnings]


def _no_rules(*_: Any) -> Iterable[Any]:
    return ()


_RULES = ("create", "update", "update_status", "update_approval", "warnings")
_NONE = Rules(*[_no_rules] * len(_RULES))


def of(kind: Kind, *, served: Kind | None = None) -> Rules:
    """The rules of a stored kind; those of the version `served` where that has some of its own, for the stored body too."""
    name = (_MODULES.get(served.type) if served is not None else None) or _MODULES.get(kind.type)
    if name is None:
        return _NONE
    module = importlib.import_module(f"{__name__}.{name}")
    return Rules(*(getattr(module, rule, _no_rules) for rule in _RULES))
