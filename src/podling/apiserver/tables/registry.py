"""Which layout each kind has. Kinds that are not named here show their name and when they were created."""

from __future__ import annotations

from typing import Final

from podling.api import kinds
from podling.api.kinds import Kind

from . import (
    access,
    autoscalers,
    core,
    devices,
    evictions,
    extension,
    groups,
    measured,
    network,
    placement,
    pods,
    storage,
    versions,
    workloads,
)
from .layout import NAME, Cells, Column, Layout, name


def _created(obj: object, now: float) -> Cells:
    return [name(obj), obj.metadata.creation_timestamp or ""]  # type: ignore[attr-defined]


DEFAULT: Final = Layout((NAME, Column("Created At", "When the object was created.", "date")), _created)

LAYOUTS: Final[dict[Kind, Layout]] = {
    kinds.POD: pods.PODS,
    kinds.POD_TEMPLATE: workloads.POD_TEMPLATES,
    kinds.REPLICATION_CONTROLLER: workloads.REPLICATION_CONTROLLERS,
    kinds.REPLICA_SET: workloads.REPLICA_SETS,
    kinds.DEPLOYMENT: workloads.DEPLOYMENTS,
    kinds.STATEFUL_SET: workloads.STATEFUL_SETS,
    kinds.DAEMON_SET: workloads.DAEMON_SETS,
    kinds.CONTROLLER_REVISION: workloads.CONTROLLER_REVISIONS,
    kinds.JOB: workloads.JOBS,
    kinds.CRON_JOB: workloads.CRON_JOBS,
    kinds.POD_DISRUPTION_BUDGET: workloads.DISRUPTION_BUDGETS,
    kinds.HORIZONTAL_POD_AUTOSCALER: autoscalers.AUTOSCALERS,
    kinds.SCALE: autoscalers.SCALES,
    kinds.NAMESPACE: core.NAMESPACES,
    kinds.CONFIG_MAP: core.CONFIG_MAPS,
    kinds.SECRET: core.SECRETS,
    kinds.SERVICE_ACCOUNT: core.SERVICE_ACCOUNTS,
    kinds.RESOURCE_QUOTA: core.RESOURCE_QUOTAS,
    kinds.COMPONENT_STATUS: core.COMPONENT_STATUSES,
    kinds.NODE: core.NODES,
    kinds.EVENT: core.EVENTS,
    kinds.SERVICE: network.SERVICES,
    kinds.ENDPOINTS: network.ENDPOINTS,
    kinds.ENDPOINT_SLICE: network.ENDPOINT_SLICES,
    kinds.INGRESS: network.INGRESSES,
    kinds.INGRESS_CLASS: network.INGRESS_CLASSES,
    kinds.NETWORK_POLICY: network.NETWORK_POLICIES,
    kinds.IP_ADDRESS: network.IP_ADDRESSES,
    kinds.SERVICE_CIDR: network.SERVICE_CIDRS,
    kinds.PERSISTENT_VOLUME: storage.PERSISTENT_VOLUMES,
    kinds.PERSISTENT_VOLUME_CLAIM: storage.PERSISTENT_VOLUME_CLAIMS,
    kinds.STORAGE_CLASS: storage.STORAGE_CLASSES,
    kinds.VOLUME_ATTRIBUTES_CLASS: storage.VOLUME_ATTRIBUTES_CLASSES,
    kinds.VOLUME_ATTACHMENT: storage.VOLUME_ATTACHMENTS,
    kinds.CSI_NODE: storage.CSI_NODES,
    kinds.CSI_DRIVER: storage.CSI_DRIVERS,
    kinds.CSI_STORAGE_CAPACITY: storage.CSI_STORAGE_CAPACITIES,
    kinds.ROLE_BINDING: access.BINDINGS,
    kinds.CLUSTER_ROLE_BINDING: access.BINDINGS,
    kinds.CERTIFICATE_SIGNING_REQUEST: access.CERTIFICATE_SIGNING_REQUESTS,
    kinds.CLUSTER_TRUST_BUNDLE: access.CLUSTER_TRUST_BUNDLES,
    kinds.POD_CERTIFICATE_REQUEST_V1BETA1: access.POD_CERTIFICATE_REQUESTS,
    kinds.MUTATING_WEBHOOK_CONFIGURATION: extension.WEBHOOKS,
    kinds.VALIDATING_WEBHOOK_CONFIGURATION: extension.WEBHOOKS,
    kinds.VALIDATING_ADMISSION_POLICY: extension.VALIDATING_POLICIES,
    kinds.VALIDATING_ADMISSION_POLICY_BINDING: extension.POLICY_BINDINGS,
    kinds.MUTATING_ADMISSION_POLICY: extension.MUTATING_POLICIES,
    kinds.MUTATING_ADMISSION_POLICY_BINDING: extension.POLICY_BINDINGS,
    kinds.API_SERVICE: extension.API_SERVICES,
    kinds.FLOW_SCHEMA: extension.FLOW_SCHEMAS,
    kinds.PRIORITY_LEVEL_CONFIGURATION: extension.PRIORITY_LEVELS,
    kinds.LEASE: placement.LEASES,
    kinds.PRIORITY_CLASS: placement.PRIORITY_CLASSES,
    kinds.RUNTIME_CLASS: placement.RUNTIME_CLASSES,
    kinds.RESOURCE_CLAIM: devices.RESOURCE_CLAIMS,
    kinds.RESOURCE_CLAIM_TEMPLATE: placement.AGED,
    kinds.RESOURCE_SLICE: devices.RESOURCE_SLICES,
    kinds.DEVICE_CLASS: placement.AGED,
    kinds.DEVICE_TAINT_RULE: devices.DEVICE_TAINT_RULES,
    kinds.RESOURCE_POOL_STATUS_REQUEST_V1ALPHA3: devices.RESOURCE_POOL_STATUS_REQUESTS,
    kinds.LEASE_CANDIDATE_V1BETA1: placement.LEASE_CANDIDATES,
    kinds.WORKLOAD_V1BETA1: placement.AGED,
    kinds.POD_GROUP_V1BETA1: groups.POD_GROUPS,
    kinds.COMPOSITE_POD_GROUP_V1ALPHA3: groups.COMPOSITE_POD_GROUPS,
    kinds.STORAGE_VERSION: versions.STORAGE_VERSIONS,
    kinds.STORAGE_VERSION_MIGRATION: versions.STORAGE_VERSION_MIGRATIONS,
    kinds.NODE_METRICS: measured.NODES,
    kinds.POD_METRICS: measured.PODS,
    kinds.EVICTION_REQUEST_V1ALPHA1: evictions.EVICTION_REQUESTS,
    kinds.EVICTION_LIFECYCLE_V1ALPHA1: evictions.EVICTIONS,
}
