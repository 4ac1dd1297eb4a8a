"""From which level on a field is honoured, where that is later than the level that first knew it.

Upstream brings most fields in behind a feature gate: the schema knows them, but what users write there is dropped until the gate is on by
default. Source: the reference "Feature Gates" (and "Feature Gates (removed)"); the gate is named beside each field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HONOURED: Final[Mapping[str, Mapping[str, int]]] = {
    "admissionregistration_v1.MutatingWebhook": {"matchConditions": 28},  # AdmissionWebhookMatchConditions
    "admissionregistration_v1.ValidatingWebhook": {"matchConditions": 28},
    "apps_v1.DeploymentStatus": {"terminatingReplicas": 35},  # DeploymentReplicaSetTerminatingReplicas
    "apps_v1.ReplicaSetStatus": {"terminatingReplicas": 35},
    "apps_v1.RollingUpdateStatefulSetStrategy": {"maxUnavailable": 35},  # MaxUnavailableStatefulSet
    "apps_v1.StatefulSetSpec": {
        "ordinals": 27,  # StatefulSetStartOrdinal
        "persistentVolumeClaimRetentionPolicy": 27,  # StatefulSetAutoDeletePVC
    },
    "autoscaling_v2.HPAScalingRules": {"tolerance": 35},  # HPAConfigurableTolerance
    "autoscaling_v2.MetricSpec": {"containerResource": 27},  # HPAContainerMetrics
    "batch_v1.JobSpec": {
        "backoffLimitPerIndex": 29,  # JobBackoffLimitPerIndex
        "managedBy": 32,  # JobManagedBy
        "maxFailedIndexes": 29,
        "podFailurePolicy": 26,  # JobPodFailurePolicy
        "podReplacementPolicy": 29,  # JobPodReplacementPolicy
        "successPolicy": 31,  # JobSuccessPolicy
    },
    "core_v1.Container": {
        "resizePolicy": 33,  # InPlacePodVerticalScaling
        "restartPolicy": 29,  # SidecarContainers
        "restartPolicyRules": 35,  # ContainerRestartRules
    },
    "core_v1.ContainerStatus": {"allocatedResources": 33, "resources": 33},  # InPlacePodVerticalScaling
    "core_v1.LifecycleHandler": {"sleep": 30},  # PodLifecycleSleepAction
    "core_v1.PersistentVolumeClaimSpec": {"volumeAttributesClassName": 34},  # VolumeAttributesClass
    "core_v1.PersistentVolumeSpec": {"volumeAttributesClassName": 34},
    "core_v1.PersistentVolumeStatus": {
        "lastPhaseTransitionTime": 29
    },  # PersistentVolumeLastPhaseTransitionTime
    "core_v1.PodAffinityTerm": {"matchLabelKeys": 31, "mismatchLabelKeys": 31},  # MatchLabelKeysInPodAffinity
    "core_v1.PodSecurityContext": {
        "seLinuxChangePolicy": 33,  # SELinuxChangePolicy
        "supplementalGroupsPolicy": 33,  # SupplementalGroupsPolicy
    },
    "core_v1.PodSpec": {
        "hostUsers": 33,  # UserNamespacesSupport
        "hostnameOverride": 35,  # HostnameOverride
        "resourceClaims": 34,  # DynamicResourceAllocation
        "resources": 34,  # PodLevelResources
        "schedulingGates": 27,  # PodSchedulingReadiness
    },
    "core_v1.PodStatus": {
        "hostIPs": 29,  # PodHostIPs
        "observedGeneration": 34,  # PodObservedGenerationTracking
        "resize": 33,
        "resourceClaimStatuses": 34,
    },
    "core_v1.ServiceSpec": {"trafficDistribution": 31},  # ServiceTrafficDistribution
    "core_v1.TopologySpreadConstraint": {
        "matchLabelKeys": 27,  # MatchLabelKeysInPodTopologySpread
        "minDomains": 27,  # MinDomainsInPodTopologySpread
        "nodeAffinityPolicy": 26,  # NodeInclusionPolicyInPodTopologySpread
        "nodeTaintsPolicy": 26,
    },
    "core_v1.Volume": {"image": 35},  # ImageVolume
    "core_v1.VolumeMount": {"recursiveReadOnly": 31},  # RecursiveReadOnlyMounts
    "policy_v1.PodDisruptionBudgetSpec": {"unhealthyPodEvictionPolicy": 27},  # PDBUnhealthyPodEvictionPolicy
    "storage_v1.CSIDriverSpec": {"nodeAllocatableUpdatePeriodSeconds": 34},  # MutableCSINodeAllocatableCount
}
"""Type -> JSON name -> level."""

SUBRESOURCES: Final[Mapping[str, int]] = {"pods/resize": 33}
"""Subresources that came later than their kind."""
