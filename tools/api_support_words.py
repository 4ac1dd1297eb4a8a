"""What `docs/api-support.md` says in words: remarks on fields, who writes which status, and what users may miss.

Like the table of facts beside it this is written by hand, and `tests/unit/docs/test_api_support.py` holds it against that table.
"""

from __future__ import annotations

_NO_METRICS = (
    "needs a metrics API that nothing here serves: `unable to fetch metrics from custom metrics API`"
)

NOTES: dict[str, dict[str, str]] = {
    "autoscaling_v2.MetricSpec": {
        "external": "needs a metrics API that nothing here serves: `unable to fetch metrics from external metrics API`",
        "object": _NO_METRICS,
        "pods": _NO_METRICS,
    },
    "core_v1.Affinity": {
        "podAffinity": "the scheduler does not heed it; quotas on `CrossNamespacePodAffinity` count it",
        "podAntiAffinity": "the scheduler does not heed it; quotas on `CrossNamespacePodAffinity` count it",
    },
    "core_v1.CSIPersistentVolumeSource": {"fsType": "passed to the driver"},
    "core_v1.EphemeralVolumeSource": {"volumeClaimTemplate": "becomes a claim"},
    "core_v1.NodeSpec": {
        "podCIDR": "written when the node registers",
        "podCIDRs": "written when the node registers",
    },
    "core_v1.PersistentVolumeClaimSpec": {
        "dataSource": "kept in step with `dataSourceRef`; local volumes are refused: `volumes cannot be filled from a data source`",
        "dataSourceRef": "kept in step with `dataSource`",
        "selector": "claims with one find volumes that are there; local volumes are not made for them",
    },
    "core_v1.PersistentVolumeSpec": {"mountOptions": "of CSI volumes"},
    "core_v1.LocalVolumeSource": {"fsType": "devices without a file system are refused"},
    "core_v1.ObjectFieldSelector": {"apiVersion": "only `v1` is allowed"},
    "core_v1.PodSpec": {
        "activeDeadlineSeconds": "API server: quota scopes `Terminating` and `NotTerminating`",
        "preemptionPolicy": "filled in from the class; nothing is preempted by the scheduler",
        "priority": "order of scheduling; who is evicted first",
        "serviceAccount": "old name of `serviceAccountName`, kept in step with it",
    },
    "core_v1.PodSecurityContext": {"windowsOptions": "Pod Security only"},
    "core_v1.SecurityContext": {
        "appArmorProfile": "Pods are refused where the kernel has no AppArmor",
        "seLinuxOptions": "where the kernel has SELinux",
        "windowsOptions": "Pod Security only",
    },
    "core_v1.ServiceSpec": {
        "clusterIP": "given by the API server; nothing forwards it to the endpoints",
        "type": "`NodePort` and `LoadBalancer` get ports from the API server; nothing listens there",
    },
    "core_v1.ServicePort": {"nodePort": "given by the API server; nothing listens there"},
    "scheduling_v1.PriorityClass": {"preemptionPolicy": "copied into Pods"},
    "storage_v1.StorageClass": {
        "parameters": "of CSI drivers that the agent calls itself; refused for local volumes: `unknown parameter`",
        "mountOptions": "of CSI drivers that the agent calls itself; refused for local volumes",
    },
}
"""Remarks on single fields."""

STATUS: dict[str, str] = {
    "Pod": "agent; the scheduler and the API server's eviction set conditions, `podgc` and `nodelifecycle` end what no agent reports",
    "Node": "agent; `nodelifecycle` says Unknown, `attachdetach` what is attached",
    "Namespace": "API server, `namespace`",
    "PersistentVolumeClaim": "`persistentvolume`; the agent tells of resizes",
    "PersistentVolume": "`persistentvolume`, API server",
    "ReplicationController": "`replicationcontroller`",
    "ResourceQuota": "API server on every charge, `resourcequota`",
    "DaemonSet": "`daemonset`",
    "Deployment": "`deployment`",
    "ReplicaSet": "`replicaset`",
    "StatefulSet": "`statefulset`",
    "HorizontalPodAutoscaler": "`horizontalpodautoscaler`",
    "CronJob": "`cronjob`",
    "Job": "`job`",
    "CertificateSigningRequest": "`certificates`",
    "PodDisruptionBudget": "`disruption`; the API server takes evictions off",
    "VolumeAttachment": "the driver's attacher, or the agent for drivers without one",
    "APIService": "API server, for groups that it serves itself",
    "FlowSchema": "API server",
    "SelfSubjectReview": "API server, in the answer",
    "TokenRequest": "API server, in the answer",
    "TokenReview": "API server, in the answer",
    "LocalSubjectAccessReview": "API server, in the answer",
    "SelfSubjectAccessReview": "API server, in the answer",
    "SelfSubjectRulesReview": "API server, in the answer",
    "SubjectAccessReview": "API server, in the answer",
    "Scale": "API server, in the answer",
}
"""Kind -> who writes its status; nobody in Podling writes that of other kinds, but whoever may can."""

GAPS: tuple[tuple[str, str], ...] = (
    (
        "Services have addresses and endpoints, but no proxy forwards to them: cluster IPs, node ports, `externalIPs`, load balancers, "
        "`sessionAffinity` and traffic policies lead nowhere. Pods are reached by their own addresses, host ports, `kubectl port-forward` and "
        "the API server's proxy.",
        "core_v1.ServiceSpec: externalIPs externalName externalTrafficPolicy internalTrafficPolicy healthCheckNodePort loadBalancerClass "
        "loadBalancerIP loadBalancerSourceRanges sessionAffinity sessionAffinityConfig",
    ),
    (
        "There is no cluster DNS: Pods use the machine's resolvers, and names of Services and Pods do not resolve; "
        "a node says so in an Event `MissingClusterDNS`.",
        "",
    ),
    ("NetworkPolicies are stored, not enforced.", "networking_v1.NetworkPolicy: spec"),
    (
        "Ingresses, IngressClasses, ServiceCIDRs and IPAddresses are stored; no controller acts on them.",
        "networking_v1.Ingress: spec; networking_v1.IngressClass: spec; networking_v1.ServiceCIDR: spec; networking_v1.IPAddress: spec",
    ),
    (
        "The scheduler knows no affinity between Pods, no topology spread, no preemption and no groups of Pods.",
        "core_v1.Affinity: podAffinity podAntiAffinity; core_v1.PodSpec: topologySpreadConstraints preemptionPolicy schedulingGroup workloadRef; "
        "scheduling_v1beta1.PodGroup: spec; scheduling_v1beta1.Workload: spec",
    ),
    (
        "Dynamic resource allocation: ResourceClaims, slices and device classes are stored; nobody allocates devices.",
        "core_v1.PodSpec: resourceClaims; core_v1.ResourceRequirements: claims; resource_v1.ResourceClaim: spec; resource_v1.ResourceSlice: spec; "
        "resource_v1.DeviceClass: spec",
    ),
    (
        "Admission webhooks and admission policies are stored, never asked.",
        "admissionregistration_v1.MutatingWebhookConfiguration: webhooks; admissionregistration_v1.ValidatingWebhookConfiguration: webhooks; "
        "admissionregistration_v1.ValidatingAdmissionPolicy: spec; admissionregistration_v1.MutatingAdmissionPolicy: spec",
    ),
    (
        "CustomResourceDefinitions and APIServices are stored; custom resources and aggregated APIs are not served.",
        "apiextensions_v1.CustomResourceDefinition: spec; apiregistration_v1.APIService: spec",
    ),
    (
        "Volumes: no in-tree plugins but `local` and `hostPath`, no filling from a data source, no tracking of capacity. Making, attaching and "
        "growing volumes of CSI drivers is their own sidecars' work, or the agent's where the CSIDriver says "
        "`podling.dev/csi-controller: built-in`.",
        "storage_v1.VolumeAttributesClass: driverName parameters; "
        "storage_v1.CSIStorageCapacity: capacity maximumVolumeSize nodeTopology storageClassName",
    ),
    (
        "Young fields of Pods: variables from files (`fileKeyRef`), owners of projected files (`user`, `defaultUser`), `mode` of an `emptyDir`, "
        "`bindMountOptions`, `protocol` of HTTP probes, `evictionResponders`, `seLinuxChangePolicy`.",
        "core_v1.EnvVarSource: fileKeyRef; core_v1.KeyToPath: user; core_v1.ProjectedVolumeSource: defaultUser; "
        "core_v1.EmptyDirVolumeSource: mode; core_v1.VolumeMount: bindMountOptions; core_v1.HTTPGetAction: protocol; "
        "core_v1.PodSpec: evictionResponders; core_v1.PodSecurityContext: seLinuxChangePolicy",
    ),
    (
        "Access is not reviewed by field and label selectors; leaders are not chosen by LeaseCandidates; of ComponentStatuses there is the store's alone.",
        "authorization_v1.ResourceAttributes: fieldSelector labelSelector; coordination_v1beta1.LeaseCandidate: spec",
    ),
    (
        "Without privileges (the `process` runtime) CPU, memory and process limits are not enforced and Pods share the machine's network; what "
        "makes no sense there, such as sysctls, is refused by name. `podling status` and the node's annotation `podling.dev/not-isolated` "
        "say what is shared.",
        "",
    ),
    (
        "Stored versions are not migrated, eviction requests are not carried out.",
        "storagemigration_v1.StorageVersionMigration: spec; lifecycle_v1alpha1.EvictionRequest: spec",
    ),
)
"""What users may miss, with the fields (`record: fields; ...`) that must be kept as long as the sentence stands."""
