"""How the fields of the API are honoured: THE table behind `docs/api-support.md`, written by hand from reading the sources.

It knows nothing of the product's code. `HONOURED` says of a record (`module.Type` of `podling.api.types`) which parts act on which of
its fields, by JSON name; "*" stands for all of them, and `module.*` for all records of a module that have no line of their own. An object's
`spec` is honoured by whoever honours anything in it. What is named neither there nor in `REFUSED` counts as kept: stored, defaulted,
validated and shown, with nobody who acts on it. `tests/unit/docs/test_api_support.py` holds every line against the sources.
"""

from __future__ import annotations

PARTS: dict[str, str] = {
    "API server": "apiserver",
    "scheduler": "scheduler",
    "agent": "agent",
    "leader election": "client/election",
    "attachdetach": "controllers/attachdetach",
    "certificates": "controllers/certificates",
    "clusterroleaggregation": "controllers/clusterroleaggregation",
    "cronjob": "controllers/cronjob",
    "daemonset": "controllers/daemonset",
    "deployment": "controllers/deployment",
    "disruption": "controllers/disruption",
    "endpoints": "controllers/endpoints",
    "endpointslice": "controllers/endpointslice",
    "endpointslicemirroring": "controllers/endpointslicemirroring",
    "ephemeralvolume": "controllers/ephemeralvolume",
    "horizontalpodautoscaler": "controllers/horizontalpodautoscaler",
    "job": "controllers/job",
    "namespace": "controllers/namespace",
    "nodelifecycle": "controllers/nodelifecycle",
    "persistentvolume": "controllers/persistentvolume",
    "persistentvolumeclaimprotection": "controllers/persistentvolumeclaimprotection",
    "persistentvolumeexpander": "controllers/persistentvolumeexpander",
    "podgc": "controllers/podgc",
    "replicaset": "controllers/replicaset",
    "replicationcontroller": "controllers/replicationcontroller",
    "resourcequota": "controllers/resourcequota",
    "serviceaccounttoken": "controllers/serviceaccounttoken",
    "statefulset": "controllers/statefulset",
    "tainteviction": "controllers/tainteviction",
    "ttlafterfinished": "controllers/ttlafterfinished",
}
"""Who may honour a field -> where its sources begin below the package. All but the first four are controllers."""

HONOURED: dict[str, dict[str, str]] = {
    # core: configuration and accounts
    "core_v1.Binding": {"API server": "target"},
    "core_v1.ConfigMap": {"agent": "data binaryData", "API server": "immutable"},
    "core_v1.Secret": {
        "agent": "data type",
        "API server": "data stringData immutable type",
        "serviceaccounttoken": "data type",
    },
    "core_v1.ServiceAccount": {
        "API server": "automountServiceAccountToken imagePullSecrets",
        "serviceaccounttoken": "secrets",
    },
    "core_v1.Event": {"API server": "eventTime lastTimestamp series"},
    "core_v1.EventSeries": {"API server": "lastObservedTime"},
    "events_v1.Event": {"API server": "eventTime series"},
    "events_v1.EventSeries": {"API server": "lastObservedTime"},
    "core_v1.LimitRangeSpec": {"API server": "*"},
    "core_v1.LimitRangeItem": {"API server": "*"},
    "core_v1.NamespaceSpec": {"API server": "*", "namespace": "*"},
    "core_v1.ResourceQuotaSpec": {"API server": "*", "resourcequota": "*"},
    "core_v1.ScopeSelector": {"API server": "*", "resourcequota": "*"},
    "core_v1.ScopedResourceSelectorRequirement": {"API server": "*", "resourcequota": "*"},
    # core: nodes
    "core_v1.NodeSpec": {
        "scheduler": "taints unschedulable",
        "agent": "podCIDR podCIDRs unschedulable",
        "API server": "taints",
        "attachdetach": "taints",
        "daemonset": "taints",
        "nodelifecycle": "taints unschedulable",
        "podgc": "taints",
        "tainteviction": "taints",
    },
    "core_v1.Taint": {
        "scheduler": "key value effect",
        "daemonset": "key value effect",
        "tainteviction": "key value effect",
        "nodelifecycle": "key effect timeAdded",
        "attachdetach": "key",
        "podgc": "key",
    },
    # core: Pods
    "core_v1.PodSpec": {
        "API server": (
            "activeDeadlineSeconds automountServiceAccountToken containers ephemeralContainers imagePullSecrets initContainers nodeName "
            "nodeSelector os overhead priority priorityClassName resources runtimeClassName schedulingGates securityContext serviceAccount "
            "serviceAccountName terminationGracePeriodSeconds tolerations hostNetwork hostPID hostIPC hostUsers volumes"
        ),
        "scheduler": (
            "affinity containers initContainers nodeName nodeSelector overhead priority resources schedulerName schedulingGates "
            "tolerations volumes"
        ),
        "agent": (
            "activeDeadlineSeconds affinity containers dnsConfig dnsPolicy enableServiceLinks ephemeralContainers hostAliases hostIPC "
            "hostNetwork hostPID hostUsers hostname hostnameOverride imagePullSecrets initContainers nodeName nodeSelector os overhead "
            "priority readinessGates resources restartPolicy runtimeClassName securityContext serviceAccountName setHostnameAsFQDN "
            "shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations volumes"
        ),
        "attachdetach": "nodeName volumes",
        "daemonset": "affinity hostNetwork nodeName tolerations",
        "endpoints": "containers initContainers hostname nodeName subdomain",
        "endpointslice": "containers initContainers hostname nodeName subdomain",
        "ephemeralvolume": "volumes",
        "horizontalpodautoscaler": "containers resources",
        "job": "containers hostname initContainers restartPolicy",
        "nodelifecycle": "nodeName",
        "persistentvolumeclaimprotection": "nodeName volumes",
        "podgc": "nodeName",
        "statefulset": "hostname subdomain volumes",
        "tainteviction": "nodeName tolerations",
    },
    "core_v1.Affinity": {"scheduler": "nodeAffinity", "agent": "nodeAffinity", "daemonset": "nodeAffinity"},
    "core_v1.NodeAffinity": {
        "scheduler": "*",
        "agent": "requiredDuringSchedulingIgnoredDuringExecution",
        "daemonset": "requiredDuringSchedulingIgnoredDuringExecution",
    },
    "core_v1.PreferredSchedulingTerm": {"scheduler": "*"},
    "core_v1.NodeSelector": {"scheduler": "*", "agent": "*", "daemonset": "*", "persistentvolume": "*"},
    "core_v1.NodeSelectorTerm": {"scheduler": "*", "agent": "*", "daemonset": "*", "persistentvolume": "*"},
    "core_v1.NodeSelectorRequirement": {
        "scheduler": "*",
        "agent": "*",
        "daemonset": "*",
        "persistentvolume": "*",
    },
    "core_v1.Toleration": {
        "API server": "key effect",
        "scheduler": "key operator value effect",
        "agent": "key operator value effect",
        "daemonset": "key operator value effect",
        "tainteviction": "*",
    },
    "core_v1.PodDNSConfig": {"agent": "*"},
    "core_v1.PodDNSConfigOption": {"agent": "*"},
    "core_v1.HostAlias": {"agent": "*"},
    "core_v1.PodOS": {"agent": "*", "API server": "*"},
    "core_v1.PodReadinessGate": {"agent": "*"},
    "core_v1.PodSchedulingGate": {"API server": "name"},
    "core_v1.PodSecurityContext": {
        "agent": (
            "appArmorProfile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxOptions seccompProfile "
            "supplementalGroups supplementalGroupsPolicy sysctls"
        ),
        "API server": "appArmorProfile runAsNonRoot runAsUser seLinuxOptions seccompProfile sysctls windowsOptions",
    },
    "core_v1.WindowsSecurityContextOptions": {"API server": "hostProcess"},
    "core_v1.Sysctl": {"agent": "*", "API server": "name"},
    # core: containers
    "core_v1.Container": {
        "agent": "*",
        "API server": (
            "image lifecycle livenessProbe name ports readinessProbe resizePolicy resources securityContext startupProbe"
        ),
        "scheduler": "ports resources restartPolicy",
        "endpoints": "ports",
        "endpointslice": "ports",
        "horizontalpodautoscaler": "name resources",
        "job": "env name",
    },
    "core_v1.EphemeralContainer": {"agent": "*", "API server": "image name ports securityContext"},
    "core_v1.EnvVar": {"agent": "*", "job": "name"},
    "core_v1.EnvVarSource": {"agent": "configMapKeyRef fieldRef resourceFieldRef secretKeyRef"},
    "core_v1.ConfigMapKeySelector": {"agent": "*"},
    "core_v1.SecretKeySelector": {"agent": "*"},
    "core_v1.ObjectFieldSelector": {"agent": "fieldPath"},
    "core_v1.ResourceFieldSelector": {"agent": "*"},
    "core_v1.EnvFromSource": {"agent": "*"},
    "core_v1.ConfigMapEnvSource": {"agent": "*"},
    "core_v1.SecretEnvSource": {"agent": "*"},
    "core_v1.Lifecycle": {"agent": "*", "API server": "postStart preStop"},
    "core_v1.LifecycleHandler": {"agent": "exec httpGet sleep", "API server": "httpGet"},
    "core_v1.ExecAction": {"agent": "*"},
    "core_v1.HTTPGetAction": {"agent": "host httpHeaders path port scheme", "API server": "host"},
    "core_v1.HTTPHeader": {"agent": "*"},
    "core_v1.SleepAction": {"agent": "*"},
    "core_v1.TCPSocketAction": {"agent": "*", "API server": "host"},
    "core_v1.Probe": {"agent": "*", "API server": "httpGet tcpSocket"},
    "core_v1.GRPCAction": {"agent": "*"},
    "core_v1.ContainerPort": {
        "agent": "*",
        "scheduler": "hostIP hostPort protocol",
        "API server": "containerPort hostPort name",
        "endpoints": "containerPort name protocol",
        "endpointslice": "containerPort name protocol",
    },
    "core_v1.ContainerResizePolicy": {"agent": "*"},
    "core_v1.ResourceRequirements": {
        "agent": "limits requests",
        "API server": "limits requests",
        "scheduler": "requests",
        "horizontalpodautoscaler": "requests",
    },
    "core_v1.ContainerRestartRule": {"agent": "*"},
    "core_v1.ContainerRestartRuleOnExitCodes": {"agent": "*"},
    "core_v1.SecurityContext": {
        "agent": (
            "allowPrivilegeEscalation appArmorProfile capabilities privileged procMount readOnlyRootFilesystem runAsGroup "
            "runAsNonRoot runAsUser seLinuxOptions seccompProfile"
        ),
        "API server": (
            "allowPrivilegeEscalation appArmorProfile capabilities privileged procMount runAsNonRoot runAsUser seLinuxOptions "
            "seccompProfile windowsOptions"
        ),
    },
    "core_v1.AppArmorProfile": {"agent": "*", "API server": "type"},
    "core_v1.Capabilities": {"agent": "*", "API server": "*"},
    "core_v1.SELinuxOptions": {"agent": "*", "API server": "role type user"},
    "core_v1.SeccompProfile": {"agent": "*", "API server": "type"},
    "core_v1.VolumeDevice": {"agent": "*"},
    "core_v1.VolumeMount": {
        "agent": "mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr"
    },
    # core: volumes of Pods
    "core_v1.Volume": {
        "agent": "configMap csi downwardAPI emptyDir ephemeral hostPath image name persistentVolumeClaim projected secret",
        "API server": "hostPath name persistentVolumeClaim secret configMap projected csi ephemeral",
        "scheduler": "persistentVolumeClaim ephemeral",
        "ephemeralvolume": "ephemeral name",
        "persistentvolumeclaimprotection": "ephemeral name persistentVolumeClaim",
        "statefulset": "name persistentVolumeClaim",
    },
    "core_v1.ConfigMapVolumeSource": {"agent": "name items defaultMode optional", "API server": "name"},
    "core_v1.SecretVolumeSource": {
        "agent": "secretName items defaultMode optional",
        "API server": "secretName",
    },
    "core_v1.KeyToPath": {"agent": "key mode path"},
    "core_v1.CSIVolumeSource": {"agent": "*", "API server": "nodePublishSecretRef"},
    "core_v1.DownwardAPIVolumeSource": {"agent": "items defaultMode"},
    "core_v1.DownwardAPIVolumeFile": {"agent": "fieldRef mode path resourceFieldRef"},
    "core_v1.EmptyDirVolumeSource": {"agent": "medium sizeLimit"},
    "core_v1.EphemeralVolumeSource": {"ephemeralvolume": "*"},
    "core_v1.PersistentVolumeClaimTemplate": {"ephemeralvolume": "*"},
    "core_v1.HostPathVolumeSource": {"agent": "*"},
    "core_v1.ImageVolumeSource": {"agent": "*"},
    "core_v1.PersistentVolumeClaimVolumeSource": {
        "agent": "*",
        "API server": "claimName",
        "persistentvolumeclaimprotection": "claimName",
        "scheduler": "claimName",
    },
    "core_v1.ProjectedVolumeSource": {"agent": "sources defaultMode", "API server": "sources"},
    "core_v1.VolumeProjection": {"agent": "*", "API server": "configMap secret"},
    "core_v1.ClusterTrustBundleProjection": {"agent": "labelSelector name optional path signerName"},
    "core_v1.ConfigMapProjection": {"agent": "*", "API server": "name"},
    "core_v1.SecretProjection": {"agent": "*", "API server": "name"},
    "core_v1.DownwardAPIProjection": {"agent": "*"},
    "core_v1.ServiceAccountTokenProjection": {"agent": "audience expirationSeconds path"},
    "core_v1.PodCertificateProjection": {
        "agent": (
            "certificateChainPath credentialBundlePath keyPath keyType maxExpirationSeconds signerName userAnnotations"
        )
    },
    # core: workloads
    "core_v1.PodTemplateSpec": {
        "API server": "spec",
        "daemonset": "spec",
        "deployment": "*",
        "job": "*",
        "replicaset": "*",
        "replicationcontroller": "*",
        "statefulset": "*",
    },
    "core_v1.ReplicationControllerSpec": {"replicationcontroller": "*", "API server": "replicas"},
    # core: volumes and claims
    "core_v1.PersistentVolumeClaimSpec": {
        "persistentvolume": (
            "accessModes resources selector storageClassName volumeAttributesClassName volumeMode volumeName"
        ),
        "persistentvolumeexpander": "resources",
        "scheduler": "accessModes resources selector storageClassName volumeMode volumeName",
        "agent": "accessModes resources volumeMode volumeName",
        "API server": "dataSource dataSourceRef resources storageClassName volumeAttributesClassName",
    },
    "core_v1.TypedLocalObjectReference": {"API server": "*"},
    "core_v1.TypedObjectReference": {"API server": "*"},
    "core_v1.VolumeResourceRequirements": {
        "API server": "requests",
        "agent": "requests",
        "persistentvolume": "requests",
        "persistentvolumeexpander": "requests",
        "scheduler": "requests",
    },
    "core_v1.PersistentVolumeSpec": {
        "persistentvolume": (
            "accessModes capacity claimRef nodeAffinity persistentVolumeReclaimPolicy storageClassName volumeAttributesClassName "
            "volumeMode"
        ),
        "scheduler": "accessModes capacity claimRef csi nodeAffinity storageClassName volumeMode",
        "attachdetach": "accessModes claimRef csi",
        "agent": "accessModes capacity claimRef csi hostPath local mountOptions persistentVolumeReclaimPolicy volumeMode",
    },
    "core_v1.CSIPersistentVolumeSource": {
        "agent": "*",
        "scheduler": "driver volumeHandle",
        "attachdetach": "driver volumeHandle",
    },
    "core_v1.LocalVolumeSource": {"agent": "path"},
    "core_v1.VolumeNodeAffinity": {"scheduler": "*", "persistentvolume": "*"},
    # core: Services
    "core_v1.ServiceSpec": {
        "API server": "allocateLoadBalancerNodePorts clusterIP clusterIPs ipFamilies ipFamilyPolicy ports type",
        "agent": "clusterIP ports",
        "endpoints": "clusterIP ipFamilies ports publishNotReadyAddresses selector type",
        "endpointslice": (
            "clusterIP ipFamilies ports publishNotReadyAddresses selector trafficDistribution type"
        ),
        "endpointslicemirroring": "selector",
    },
    "core_v1.ServicePort": {
        "API server": "name nodePort port protocol",
        "agent": "name port protocol",
        "endpoints": "appProtocol name port protocol targetPort",
        "endpointslice": "appProtocol name port protocol targetPort",
    },
    "core_v1.Endpoints": {"endpointslicemirroring": "subsets", "endpoints": "subsets"},
    "core_v1.EndpointSubset": {"endpointslicemirroring": "*", "endpoints": "*"},
    "core_v1.EndpointAddress": {"endpointslicemirroring": "*", "endpoints": "ip targetRef"},
    "core_v1.EndpointPort": {"endpointslicemirroring": "*"},
    # apps
    "apps_v1.ControllerRevision": {"daemonset": "data revision", "statefulset": "data revision"},
    "apps_v1.DaemonSetSpec": {"daemonset": "*"},
    "apps_v1.DaemonSetUpdateStrategy": {"daemonset": "*"},
    "apps_v1.RollingUpdateDaemonSet": {"daemonset": "*"},
    "apps_v1.DeploymentSpec": {"deployment": "*", "API server": "replicas"},
    "apps_v1.DeploymentStrategy": {"deployment": "*"},
    "apps_v1.RollingUpdateDeployment": {"deployment": "*"},
    "apps_v1.ReplicaSetSpec": {
        "replicaset": "*",
        "deployment": "minReadySeconds replicas template",
        "API server": "replicas",
    },
    "apps_v1.StatefulSetSpec": {"statefulset": "*", "API server": "replicas"},
    "apps_v1.StatefulSetOrdinals": {"statefulset": "*"},
    "apps_v1.StatefulSetPersistentVolumeClaimRetentionPolicy": {"statefulset": "*"},
    "apps_v1.StatefulSetUpdateStrategy": {"statefulset": "*"},
    "apps_v1.RollingUpdateStatefulSetStrategy": {"statefulset": "*"},
    # batch
    "batch_v1.CronJobSpec": {"cronjob": "*"},
    "batch_v1.JobTemplateSpec": {"cronjob": "*"},
    "batch_v1.JobSpec": {
        "job": (
            "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions managedBy maxFailedIndexes parallelism "
            "podFailurePolicy podReplacementPolicy selector successPolicy suspend template"
        ),
        "ttlafterfinished": "ttlSecondsAfterFinished",
        "API server": "manualSelector selector template",
    },
    "batch_v1.PodFailurePolicy": {"job": "*"},
    "batch_v1.PodFailurePolicyRule": {"job": "*"},
    "batch_v1.PodFailurePolicyOnExitCodesRequirement": {"job": "*"},
    "batch_v1.PodFailurePolicyOnPodConditionsPattern": {"job": "*"},
    "batch_v1.SuccessPolicy": {"job": "*"},
    "batch_v1.SuccessPolicyRule": {"job": "*"},
    # autoscaling and policy
    "autoscaling_v2.*": {"horizontalpodautoscaler": "*"},
    "autoscaling_v1.ScaleSpec": {"API server": "*", "disruption": "*", "horizontalpodautoscaler": "*"},
    "policy_v1.Eviction": {"API server": "deleteOptions"},
    "meta_v1.DeleteOptions": {
        "API server": "dryRun gracePeriodSeconds orphanDependents preconditions propagationPolicy"
    },
    "meta_v1.Preconditions": {"API server": "*"},
    "policy_v1.PodDisruptionBudgetSpec": {
        "disruption": "maxUnavailable minAvailable selector",
        "API server": "selector unhealthyPodEvictionPolicy",
    },
    # who may do what
    "authorization_v1.*": {"API server": "*"},
    "rbac_v1.*": {"API server": "*"},
    "authentication_v1.SelfSubjectReview": {"API server": "status"},
    "authentication_v1.TokenRequestSpec": {"API server": "audiences boundObjectRef expirationSeconds"},
    "authentication_v1.BoundObjectReference": {"API server": "*"},
    "authentication_v1.TokenReviewSpec": {"API server": "*"},
    "authorization_v1.ResourceAttributes": {
        "API server": "group name namespace resource subresource verb version"
    },
    "rbac_v1.ClusterRole": {"API server": "*", "clusterroleaggregation": "aggregationRule rules"},
    "rbac_v1.AggregationRule": {"API server": "*", "clusterroleaggregation": "*"},
    "certificates_v1.CertificateSigningRequestSpec": {
        "certificates": "*",
        "API server": "extra groups uid username",
    },
    "certificates_v1.ClusterTrustBundleSpec": {"agent": "*"},
    "certificates_v1.PodCertificateRequestSpec": {
        "agent": (
            "maxExpirationSeconds nodeName nodeUID podName podUID serviceAccountName serviceAccountUID signerName "
            "stubPKCS10Request unverifiedUserAnnotations"
        )
    },
    # storage
    "storage_v1.VolumeAttachmentSpec": {"attachdetach": "*", "agent": "*"},
    "storage_v1.VolumeAttachmentSource": {
        "attachdetach": "persistentVolumeName",
        "agent": "persistentVolumeName",
    },
    "storage_v1.CSIDriverSpec": {
        "attachdetach": "attachRequired",
        "agent": "attachRequired fsGroupPolicy podInfoOnMount requiresRepublish tokenRequests volumeLifecycleModes",
    },
    "storage_v1.TokenRequest": {"agent": "*"},
    "storage_v1.CSINodeSpec": {"agent": "*", "scheduler": "*"},
    "storage_v1.CSINodeDriver": {"agent": "*", "scheduler": "name allocatable"},
    "storage_v1.VolumeNodeResources": {"agent": "*", "scheduler": "*"},
    "storage_v1.StorageClass": {
        "API server": "allowVolumeExpansion",
        "scheduler": "allowedTopologies provisioner volumeBindingMode",
        "persistentvolume": "provisioner volumeBindingMode",
        "agent": "allowedTopologies mountOptions parameters provisioner reclaimPolicy",
    },
    "core_v1.TopologySelectorTerm": {"scheduler": "*", "agent": "*"},
    "core_v1.TopologySelectorLabelRequirement": {"scheduler": "*", "agent": "*"},
    # scheduling, nodes, leases, endpoints
    "scheduling_v1.PriorityClass": {"API server": "globalDefault preemptionPolicy value"},
    "node_v1.RuntimeClass": {"agent": "handler", "API server": "overhead scheduling"},
    "node_v1.Overhead": {"API server": "*"},
    "node_v1.Scheduling": {"API server": "*"},
    "coordination_v1.LeaseSpec": {
        "agent": "holderIdentity leaseDurationSeconds renewTime",
        "nodelifecycle": "renewTime",
        "leader election": "acquireTime holderIdentity leaseDurationSeconds leaseTransitions renewTime",
    },
    "discovery_v1.EndpointSlice": {
        "endpointslice": "*",
        "endpointslicemirroring": "*",
        "API server": "endpoints ports",
    },
    "discovery_v1.Endpoint": {
        "endpointslice": "addresses conditions hints hostname nodeName targetRef zone",
        "endpointslicemirroring": "addresses conditions hostname nodeName targetRef",
        "API server": "addresses conditions",
    },
    "discovery_v1.EndpointConditions": {
        "endpointslice": "*",
        "endpointslicemirroring": "*",
        "API server": "ready",
    },
    "discovery_v1.EndpointHints": {"endpointslice": "*"},
    "discovery_v1.ForNode": {"endpointslice": "*"},
    "discovery_v1.ForZone": {"endpointslice": "*"},
    "discovery_v1.EndpointPort": {
        "endpointslice": "*",
        "endpointslicemirroring": "*",
        "API server": "name port",
    },
    # fairness and metrics
    "flowcontrol_v1.*": {"API server": "*"},
    "metrics_v1beta1.NodeMetrics": {"API server": "*"},
    "metrics_v1beta1.PodMetrics": {"API server": "*", "horizontalpodautoscaler": "*"},
    "metrics_v1beta1.ContainerMetrics": {"API server": "*", "horizontalpodautoscaler": "*"},
}

_NO_PLUGIN = "no volume plugin matched name: "
_OLD_VOLUMES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder fc flexVolume flocker gcePersistentDisk glusterfs iscsi nfs "
    "photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)

REFUSED: dict[str, dict[str, tuple[str, str]]] = {
    "core_v1.Volume": {f"{_OLD_VOLUMES} gitRepo": ("agent", _NO_PLUGIN)},
    "core_v1.PersistentVolumeSpec": {_OLD_VOLUMES: ("agent", _NO_PLUGIN)},
    "core_v1.EnvVarSource": {"fileKeyRef": ("agent", "its source is not supported by this node")},
    "core_v1.LifecycleHandler": {"tcpSocket": ("agent", "tcpSocket is not supported as a lifecycle handler")},
}
"""Record -> fields -> who refuses the object or the Pod that uses them, and words that stand in the refusal."""
