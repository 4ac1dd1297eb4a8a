"""One ClusterRole per controller of kube-controller-manager, so that each may do only what is its work."""

from __future__ import annotations

from podling.api.types import rbac_v1

from .rules import READ, cluster_role, events, rule

PREFIX = "system:controller:"
AGGREGATE = "podling.io/aggregate-to-controllers"
"""All these roles together are what Podling's one controller process may do (bound in ``bindings``)."""

_POD_CONTROL = rule("create delete list patch watch", "core", "pods")

_RULES: dict[str, tuple[rbac_v1.PolicyRule, ...]] = {
    "attachdetach-controller": (
        rule("list watch", "core", "persistentvolumeclaims persistentvolumes"),
        rule(READ, "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("list watch", "core", "pods"),
        rule("create delete get list watch", "storage.k8s.io", "volumeattachments"),
        rule(READ, "storage.k8s.io", "csidrivers csinodes"),
    ),
    "certificate-controller": (
        rule("delete get list watch", "certificates.k8s.io", "certificatesigningrequests"),
        rule(
            "update",
            "certificates.k8s.io",
            "certificatesigningrequests/approval certificatesigningrequests/status",
        ),
        rule("approve sign", "certificates.k8s.io", "signers"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ),
    "clusterrole-aggregation-controller": (
        rule("escalate get list patch update watch", "rbac.authorization.k8s.io", "clusterroles"),
    ),
    "cronjob-controller": (
        rule("get list update watch", "batch", "cronjobs"),
        rule("create delete get list patch update watch", "batch", "jobs"),
        rule("update", "batch", "cronjobs/status cronjobs/finalizers"),
        rule("delete list", "core", "pods"),
    ),
    "daemon-set-controller": (
        rule("get list patch update watch", "apps", "daemonsets"),
        rule("update", "apps", "daemonsets/status daemonsets/finalizers"),
        rule("list watch", "core", "nodes"),
        _POD_CONTROL,
        rule("create", "core", "pods/binding"),
        rule("create delete get list patch update watch", "apps", "controllerrevisions"),
    ),
    "deployment-controller": (
        rule("get list update watch", "apps", "deployments"),
        rule("update", "apps", "deployments/status deployments/finalizers"),
        rule("create delete get list patch update watch", "apps", "replicasets"),
        rule("get list update watch", "core", "pods"),
    ),
    "disruption-controller": (
        rule(READ, "apps", "deployments replicasets statefulsets"),
        rule(READ, "core", "replicationcontrollers pods"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule("update", "policy", "poddisruptionbudgets/status"),
        rule("patch update", "core", "pods/status"),
        rule("get", "*", "*/scale"),
    ),
    "endpoint-controller": (
        rule(READ, "core", "services pods"),
        rule("create delete get list update watch", "core", "endpoints"),
        rule("create", "core", "endpoints/restricted"),
    ),
    "endpointslice-controller": (
        rule(READ, "core", "services pods nodes"),
        rule("update", "core", "services/finalizers"),
        rule("create delete get list update watch", "discovery.k8s.io", "endpointslices"),
    ),
    "endpointslicemirroring-controller": (
        rule(READ, "core", "services endpoints"),
        rule("update", "core", "services/finalizers endpoints/finalizers"),
        rule("create delete get list update watch", "discovery.k8s.io", "endpointslices"),
    ),
    "ephemeral-volume-controller": (
        rule("update", "core", "pods/finalizers"),
        rule(READ, "core", "pods"),
        rule("create get list watch", "core", "persistentvolumeclaims"),
    ),
    "expand-controller": (
        rule("get list patch update watch", "core", "persistentvolumes"),
        rule("patch update", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "storage.k8s.io", "storageclasses"),
    ),
    "generic-garbage-collector": (rule("delete get list patch update watch", "*", "*"),),
    "horizontal-pod-autoscaler": (
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule("update", "autoscaling", "horizontalpodautoscalers/status"),
        rule("get update", "*", "*/scale"),
        rule("list", "core", "pods"),
        rule("list", "metrics.k8s.io", "pods"),
        rule("get list", "custom.metrics.k8s.io,external.metrics.k8s.io", "*"),
    ),
    "job-controller": (
        rule("get list patch update watch", "batch", "jobs"),
        rule("update", "batch", "jobs/status jobs/finalizers"),
        _POD_CONTROL,
    ),
    "local-path-controller": (
        rule("delete get list update watch", "core", "persistentvolumes"),
        rule(READ, "core", "nodes"),
    ),
    "namespace-controller": (
        rule("delete get list watch", "core", "namespaces"),
        rule("update", "core", "namespaces/finalize namespaces/status"),
        rule("delete deletecollection get list", "*", "*"),
    ),
    "node-controller": (
        rule("delete get list patch update", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("patch update", "core", "pods/status"),
        rule("delete get list", "core", "pods"),
        rule("get list update", "networking.k8s.io", "clustercidrs"),
    ),
    "persistent-volume-binder": (
        rule("create delete get list update watch", "core", "persistentvolumes"),
        rule("update", "core", "persistentvolumes/status persistentvolumeclaims/status"),
        rule("get list update watch", "core", "persistentvolumeclaims"),
        rule("create delete get list watch", "core", "pods"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("get list", "core", "nodes secrets"),
        rule("watch", "core", "events"),
    ),
    "pod-garbage-collector": (
        rule("delete list watch", "core", "pods"),
        rule("get list", "core", "nodes"),
        rule("patch", "core", "pods/status"),
    ),
    "pv-protection-controller": (rule("get list update watch", "core", "persistentvolumes"),),
    "pvc-protection-controller": (
        rule("get list update watch", "core", "persistentvolumeclaims"),
        rule(READ, "core", "pods"),
    ),
    "replicaset-controller": (
        rule("get list update watch", "apps", "replicasets"),
        rule("update", "apps", "replicasets/status replicasets/finalizers"),
        _POD_CONTROL,
    ),
    "replication-controller": (
        rule("get list update watch", "core", "replicationcontrollers"),
        rule("update", "core", "replicationcontrollers/status replicationcontrollers/finalizers"),
        _POD_CONTROL,
    ),
    "resource-claim-controller": (
        rule("update", "core", "pods/finalizers"),
        rule(READ, "core", "pods"),
        rule("create delete get list watch", "resource.k8s.io", "resourceclaims"),
        rule("patch update", "resource.k8s.io", "resourceclaims resourceclaims/status"),
        rule("patch update", "core", "pods/status"),
    ),
    "resourcequota-controller": (
        rule("list watch", "*", "*"),
        rule("update", "core", "resourcequotas/status"),
    ),
    "root-ca-cert-publisher": (rule("create update", "core", "configmaps"),),
    "service-account-controller": (rule("create", "core", "serviceaccounts"),),
    "serviceaccount-token-controller": (
        rule("delete get list update watch", "core", "secrets"),
        rule("get list update watch", "core", "serviceaccounts"),
        rule("create", "core", "serviceaccounts/token"),
    ),
    "service-controller": (
        rule(READ, "core", "services"),
        rule("patch update", "core", "services/status"),
        rule("list watch", "core", "nodes"),
    ),
    "statefulset-controller": (
        rule("list watch", "core", "pods"),
        rule(READ, "apps", "statefulsets"),
        rule("update", "apps", "statefulsets/status statefulsets/finalizers"),
        rule("create delete get patch update", "core", "pods"),
        rule("create delete get list patch update watch", "apps", "controllerrevisions"),
        rule("create delete get list patch update watch", "core", "persistentvolumeclaims"),
    ),
    "taint-eviction-controller": (
        rule("delete get list watch", "core", "pods"),
        rule("patch update", "core", "pods/status"),
        rule(READ, "core", "nodes"),
    ),
    "ttl-after-finished-controller": (rule("delete get list watch", "batch", "jobs"),),
    "ttl-controller": (rule("list patch update watch", "core", "nodes"),),
    "validatingadmissionpolicy-status-controller": (
        rule(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        rule("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
    ),
}

CONTROLLER_ROLES = tuple(
    cluster_role(PREFIX + name, *rules, events(), labels={AGGREGATE: "true"})
    for name, rules in _RULES.items()
)
