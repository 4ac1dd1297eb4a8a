"""Groups about where and with what Pods run: scheduling, lifecycle, node, coordination, resource."""

from __future__ import annotations

from .row import Kind, builtin

PRIORITY_CLASS = builtin(
    "scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False, short=("pc",)
)
POD_GROUP_V1BETA1 = builtin("scheduling.k8s.io/v1beta1", "PodGroup", "podgroups", subresources=("status",))
WORKLOAD_V1BETA1 = builtin("scheduling.k8s.io/v1beta1", "Workload", "workloads")
COMPOSITE_POD_GROUP_V1ALPHA3 = builtin(
    "scheduling.k8s.io/v1alpha3",
    "CompositePodGroup",
    "compositepodgroups",
    subresources=("status",),
)
POD_GROUP_V1ALPHA3 = builtin(
    "scheduling.k8s.io/v1alpha3",
    "PodGroup",
    "podgroups",
    subresources=("status",),
    storage_version="scheduling.k8s.io/v1beta1",
    convert="same",
)
WORKLOAD_V1ALPHA3 = builtin(
    "scheduling.k8s.io/v1alpha3",
    "Workload",
    "workloads",
    storage_version="scheduling.k8s.io/v1beta1",
    convert="same",
)

EVICTION_LIFECYCLE_V1ALPHA1 = builtin(
    "lifecycle.k8s.io/v1alpha1", "Eviction", "evictions", subresources=("status",), generation=True
)
EVICTION_REQUEST_V1ALPHA1 = builtin(
    "lifecycle.k8s.io/v1alpha1",
    "EvictionRequest",
    "evictionrequests",
    subresources=("status",),
    generation=True,
)

RUNTIME_CLASS = builtin("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", namespaced=False)

LEASE = builtin(
    "coordination.k8s.io/v1",
    "Lease",
    "leases",
    history=False,
    create_on_update=True,
    unconditional_update=False,
)
LEASE_CANDIDATE_V1BETA1 = builtin(
    "coordination.k8s.io/v1beta1", "LeaseCandidate", "leasecandidates", unconditional_update=False
)
LEASE_CANDIDATE_V1ALPHA2 = builtin(
    "coordination.k8s.io/v1alpha2",
    "LeaseCandidate",
    "leasecandidates",
    storage_version="coordination.k8s.io/v1beta1",
    convert="same",
    unconditional_update=False,
)

_SLICE_FIELDS = ("spec.nodeName", "spec.driver")


def _resource(
    version: str,
    name: str,
    plural: str,
    *,
    namespaced: bool = False,
    subresources: tuple[str, ...] = (),
    selectable: tuple[str, ...] = (),
    convert: str = "",
    generation: bool = False,
) -> Kind:
    return builtin(
        f"resource.k8s.io/{version}",
        name,
        plural,
        namespaced=namespaced,
        subresources=subresources,
        selectable=selectable,
        storage_version="resource.k8s.io/v1",
        convert=convert,
        generation=generation,
    )


DEVICE_CLASS = _resource("v1", "DeviceClass", "deviceclasses", generation=True)
DEVICE_TAINT_RULE = _resource(
    "v1", "DeviceTaintRule", "devicetaintrules", subresources=("status",), generation=True
)
RESOURCE_CLAIM = _resource("v1", "ResourceClaim", "resourceclaims", namespaced=True, subresources=("status",))
RESOURCE_CLAIM_TEMPLATE = _resource("v1", "ResourceClaimTemplate", "resourceclaimtemplates", namespaced=True)
RESOURCE_SLICE = _resource("v1", "ResourceSlice", "resourceslices", selectable=_SLICE_FIELDS, generation=True)
DEVICE_CLASS_V1BETA2 = _resource("v1beta2", "DeviceClass", "deviceclasses", convert="same", generation=True)
DEVICE_TAINT_RULE_V1BETA2 = _resource(
    "v1beta2",
    "DeviceTaintRule",
    "devicetaintrules",
    subresources=("status",),
    convert="same",
    generation=True,
)
RESOURCE_CLAIM_V1BETA2 = _resource(
    "v1beta2",
    "ResourceClaim",
    "resourceclaims",
    namespaced=True,
    subresources=("status",),
    convert="same",
)
RESOURCE_CLAIM_TEMPLATE_V1BETA2 = _resource(
    "v1beta2", "ResourceClaimTemplate", "resourceclaimtemplates", namespaced=True, convert="same"
)
RESOURCE_SLICE_V1BETA2 = _resource(
    "v1beta2",
    "ResourceSlice",
    "resourceslices",
    selectable=_SLICE_FIELDS,
    convert="same",
    generation=True,
)
DEVICE_CLASS_V1BETA1 = _resource(
    "v1beta1", "DeviceClass", "deviceclasses", convert="resource_v1beta1", generation=True
)
RESOURCE_CLAIM_V1BETA1 = _resource(
    "v1beta1",
    "ResourceClaim",
    "resourceclaims",
    namespaced=True,
    subresources=("status",),
    convert="resource_v1beta1",
)
RESOURCE_CLAIM_TEMPLATE_V1BETA1 = _resource(
    "v1beta1",
    "ResourceClaimTemplate",
    "resourceclaimtemplates",
    namespaced=True,
    convert="resource_v1beta1",
)
RESOURCE_SLICE_V1BETA1 = _resource(
    "v1beta1",
    "ResourceSlice",
    "resourceslices",
    selectable=_SLICE_FIELDS,
    convert="resource_v1beta1",
    generation=True,
)
DEVICE_TAINT_RULE_V1ALPHA3 = _resource(
    "v1alpha3",
    "DeviceTaintRule",
    "devicetaintrules",
    subresources=("status",),
    convert="same",
    generation=True,
)
RESOURCE_POOL_STATUS_REQUEST_V1ALPHA3 = builtin(
    "resource.k8s.io/v1alpha3",
    "ResourcePoolStatusRequest",
    "resourcepoolstatusrequests",
    namespaced=False,
    subresources=("status",),
)
