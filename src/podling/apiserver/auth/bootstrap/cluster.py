"""ClusterRoles for users, nodes and components, and the few Roles of system namespaces."""

from __future__ import annotations

from .rules import READ, READ_WRITE, WRITE, aggregate, cluster_role, events, role, rule, urls

ADMIN, EDIT, VIEW = (f"rbac.authorization.k8s.io/aggregate-to-{name}" for name in ("admin", "edit", "view"))
HEALTH = "/livez /readyz /healthz"
_WORKLOADS = (
    "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale "
    "statefulsets statefulsets/scale"
)
_WORKLOADS_SEEN = (
    "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets "
    "replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status"
)

_USERS = (
    cluster_role("cluster-admin", rule("*", "*", "*"), urls("*", "*")),
    cluster_role(
        "system:discovery",
        urls("get", f"/api /api/* /apis /apis/* {HEALTH} /openapi /openapi/* /version /version/"),
    ),
    cluster_role(
        "system:monitoring", urls("get", f"/metrics /metrics/slis {HEALTH} /healthz/* /livez/* /readyz/*")
    ),
    cluster_role(
        "system:basic-user",
        rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
        rule("create", "authentication.k8s.io", "selfsubjectreviews"),
    ),
    cluster_role("system:public-info-viewer", urls("get", f"{HEALTH} /version /version/")),
    aggregate("admin", ADMIN),
    aggregate("edit", EDIT, labels={ADMIN: "true"}),
    aggregate("view", VIEW, labels={EDIT: "true"}),
)

_AGGREGATED = (
    cluster_role(
        "system:aggregate-to-admin",
        rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
        rule(READ_WRITE, "rbac.authorization.k8s.io", "roles rolebindings"),
        labels={ADMIN: "true"},
    ),
    cluster_role(
        "system:aggregate-to-edit",
        rule(READ, "core", "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy"),
        rule("impersonate", "core", "serviceaccounts"),
        rule(WRITE, "core", "pods pods/attach pods/proxy pods/exec pods/portforward"),
        rule("create", "core", "pods/eviction"),
        rule(
            WRITE,
            "core",
            "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
            "serviceaccounts services services/proxy",
        ),
        rule("create", "core", "serviceaccounts/token"),
        rule(WRITE, "apps", _WORKLOADS),
        rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
        rule(WRITE, "batch", "cronjobs jobs"),
        rule(WRITE, "policy", "poddisruptionbudgets"),
        rule(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
        rule(READ_WRITE, "coordination.k8s.io", "leases"),
        rule(WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
        labels={EDIT: "true"},
    ),
    cluster_role(
        "system:aggregate-to-view",
        rule(
            READ,
            "core",
            "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
            "replicationcontrollers/scale serviceaccounts services services/status",
        ),
        rule(
            READ,
            "core",
            "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
            "resourcequotas resourcequotas/status",
        ),
        rule(READ, "core", "namespaces"),
        rule(READ, "discovery.k8s.io", "endpointslices"),
        rule(READ, "apps", _WORKLOADS_SEEN),
        rule(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
        rule(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
        rule(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
        rule(READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
        rule(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
        labels={VIEW: "true"},
    ),
    cluster_role(
        "system:aggregated-metrics-reader",
        rule(READ, "metrics.k8s.io", "pods nodes"),
        labels={ADMIN: "true", EDIT: "true", VIEW: "true"},
    ),
)

NODE_RULES = (
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
    rule("get list watch", "core", "services"),
    rule("create get list watch", "core", "nodes"),
    rule("patch update", "core", "nodes/status"),
    rule("patch update", "core", "nodes"),
    events(),
    rule(READ, "core", "pods"),
    rule("create delete", "core", "pods"),
    rule("patch update", "core", "pods/status"),
    rule("create", "core", "pods/eviction"),
    rule("get list watch", "core", "configmaps secrets"),
    rule("get", "core", "persistentvolumeclaims persistentvolumes"),
    rule("get", "core", "endpoints"),
    rule("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
    rule("create delete get patch update", "coordination.k8s.io", "leases"),
    rule("get", "storage.k8s.io", "volumeattachments"),
    rule("create", "core", "serviceaccounts/token"),
    rule("get patch update", "core", "persistentvolumeclaims/status"),
    rule("get list watch", "storage.k8s.io", "csidrivers"),
    rule("create delete get patch update", "storage.k8s.io", "csinodes"),
    rule("get list watch", "node.k8s.io", "runtimeclasses"),
    rule("get", "resource.k8s.io", "resourceclaims"),
    rule("deletecollection", "resource.k8s.io", "resourceslices"),
    rule("get list watch", "certificates.k8s.io", "clustertrustbundles"),
    rule("create get list watch", "certificates.k8s.io", "podcertificaterequests"),
)
"""What every node's agent may do; which of its Pods' Secrets it may read is judged in ``auth.node``."""

_NODES = (
    cluster_role("system:node", *NODE_RULES),
    cluster_role(
        "system:node-problem-detector",
        rule("get", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        events(),
    ),
    cluster_role(
        "system:node-proxier",
        rule("list watch", "core", "services endpoints"),
        rule(READ, "core", "nodes"),
        events(),
        rule("list watch", "discovery.k8s.io", "endpointslices"),
        rule("list watch", "networking.k8s.io", "servicecidrs"),
    ),
    cluster_role(
        "system:kubelet-api-admin",
        rule(READ, "core", "nodes"),
        rule("proxy", "core", "nodes"),
        rule(
            "*",
            "core",
            "nodes/checkpoint nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
        ),
    ),
    cluster_role(
        "system:node-bootstrapper",
        rule("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
    ),
)

_COMPONENTS = (
    cluster_role(
        "system:auth-delegator",
        rule("create", "authentication.k8s.io", "tokenreviews"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ),
    cluster_role("system:kube-aggregator", rule(READ, "core", "endpoints services")),
    cluster_role(
        "system:kube-controller-manager",
        events(),
        rule("create get list update watch", "coordination.k8s.io", "leases"),
        rule("create", "core", "secrets serviceaccounts"),
        rule("delete", "core", "secrets"),
        rule("get", "core", "configmaps namespaces secrets serviceaccounts"),
        rule("update", "core", "secrets serviceaccounts"),
        rule("create", "authentication.k8s.io", "tokenreviews"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
        rule("list watch", "*", "*"),
        rule("create", "core", "serviceaccounts/token"),
    ),
    cluster_role(
        "system:kube-scheduler",
        events(),
        rule("create get list update watch", "coordination.k8s.io", "leases leasecandidates"),
        rule(READ, "core", "nodes"),
        rule("delete get list watch", "core", "pods"),
        rule("create", "core", "bindings pods/binding"),
        rule("patch update", "core", "pods/status"),
        rule(
            READ,
            "core",
            "replicationcontrollers services namespaces persistentvolumeclaims persistentvolumes",
        ),
        rule(READ, "apps", "replicasets statefulsets"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(
            READ,
            "storage.k8s.io",
            "csidrivers csinodes csistoragecapacities storageclasses volumeattachments",
        ),
        rule("create", "authentication.k8s.io", "tokenreviews"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
        rule(READ, "resource.k8s.io", "deviceclasses resourceclaims resourceslices"),
        rule("patch update", "resource.k8s.io", "resourceclaims resourceclaims/status"),
    ),
    cluster_role(
        "system:kube-dns",
        rule("list watch", "core", "endpoints services"),
        rule("list watch", "discovery.k8s.io", "endpointslices"),
    ),
    cluster_role(
        "system:persistent-volume-provisioner",
        rule("create delete get list watch", "core", "persistentvolumes"),
        rule("get list update watch", "core", "persistentvolumeclaims"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("watch", "core", "events"),
        events(),
    ),
    cluster_role(
        "podling:local-path-provisioner",
        rule("create delete get list patch watch", "core", "persistentvolumes"),
        rule("get list update watch", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(READ, "storage.k8s.io", "storageclasses"),
    ),
    cluster_role(
        "podling:csi-sidecars",
        rule("get list watch patch", "storage.k8s.io", "volumeattachments"),
        rule("patch", "storage.k8s.io", "volumeattachments/status"),
        rule("list watch", "storage.k8s.io", "csinodes"),
    ),
    cluster_role(
        "system:volume-scheduler",
        rule("get list patch update watch", "core", "persistentvolumes"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("get list patch update watch", "core", "persistentvolumeclaims"),
    ),
    cluster_role(
        "system:service-account-issuer-discovery",
        urls(
            "get",
            "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
        ),
    ),
    cluster_role(
        "system:heapster",
        rule(READ, "core", "events namespaces nodes pods"),
        rule(READ, "extensions", "deployments"),
    ),
    *(
        cluster_role(
            f"system:certificates.k8s.io:certificatesigningrequests:{name}",
            rule("create", "certificates.k8s.io", f"certificatesigningrequests/{name}"),
        )
        for name in ("nodeclient", "selfnodeclient")
    ),
    *(
        cluster_role(
            f"system:certificates.k8s.io:{name}-approver",
            rule("approve", "certificates.k8s.io", "signers", f"kubernetes.io/{name}"),
        )
        for name in (
            "kube-apiserver-client",
            "kube-apiserver-client-kubelet",
            "kubelet-serving",
            "legacy-unknown",
        )
    ),
)

CLUSTER_ROLES = (*_USERS, *_AGGREGATED, *_NODES, *_COMPONENTS)

ROLES = (
    role(
        "kube-system",
        "extension-apiserver-authentication-reader",
        rule(READ, "core", "configmaps", "extension-apiserver-authentication"),
    ),
    role("kube-system", "system:controller:bootstrap-signer", rule(READ, "core", "secrets")),
    role(
        "kube-system", "system:controller:cloud-provider", rule("create get list watch", "core", "configmaps")
    ),
    role(
        "kube-system",
        "system:controller:token-cleaner",
        rule("delete get list watch", "core", "secrets"),
        events(),
    ),
    role(
        "kube-system",
        "system::leader-locking-kube-controller-manager",
        rule("watch", "core", "configmaps"),
        rule("get update", "core", "configmaps", "kube-controller-manager"),
    ),
    role(
        "kube-system",
        "system::leader-locking-kube-scheduler",
        rule("watch", "core", "configmaps"),
        rule("get update", "core", "configmaps", "kube-scheduler"),
    ),
    role(
        "kube-public",
        "system:controller:bootstrap-signer",
        rule(READ, "core", "configmaps"),
        rule("update", "core", "configmaps", "cluster-info"),
        events(),
    ),
)
