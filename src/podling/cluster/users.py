"""Whom the parts of a cluster are to the API server: the users that upstream's components have."""

from __future__ import annotations

from podling.apiserver.request import UserInfo

AUTHENTICATED = "system:authenticated"

API_SERVER = UserInfo("system:apiserver", groups=("system:masters", AUTHENTICATED))
CONTROLLERS = UserInfo("system:kube-controller-manager", groups=(AUTHENTICATED,))
SCHEDULER = UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))


_ACCOUNTS = {
    "certificatesigningrequest-approving-controller": "certificate-controller",
    "certificatesigningrequest-cleaner-controller": "certificate-controller",
    "certificatesigningrequest-signing-controller": "certificate-controller",
    "daemonset-controller": "daemon-set-controller",
    "endpoints-controller": "endpoint-controller",
    "endpointslice-mirroring-controller": "endpointslicemirroring-controller",
    "garbage-collector-controller": "generic-garbage-collector",
    "horizontal-pod-autoscaler-controller": "horizontal-pod-autoscaler",
    "node-lifecycle-controller": "node-controller",
    "persistentvolume-attach-detach-controller": "attachdetach-controller",
    "persistentvolume-binder-controller": "persistent-volume-binder",
    "persistentvolume-expander-controller": "expand-controller",
    "persistentvolume-protection-controller": "pv-protection-controller",
    "persistentvolumeclaim-protection-controller": "pvc-protection-controller",
    "pod-garbage-collector-controller": "pod-garbage-collector",
    "replicationcontroller-controller": "replication-controller",
    "root-ca-certificate-publisher-controller": "root-ca-cert-publisher",
    "serviceaccount-controller": "service-account-controller",
}
"""Controllers whose ServiceAccount is called otherwise than they are (upstream's names)."""


def controller(name: str) -> UserInfo:
    """One controller, as the ServiceAccount that upstream gives it."""
    groups = ("system:serviceaccounts", "system:serviceaccounts:kube-system", AUTHENTICATED)
    return UserInfo(f"system:serviceaccount:kube-system:{_ACCOUNTS.get(name, name)}", groups=groups)


def node(name: str) -> UserInfo:
    """The agent of one node."""
    return UserInfo(f"system:node:{name}", groups=("system:nodes", AUTHENTICATED))
