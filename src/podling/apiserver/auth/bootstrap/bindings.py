"""Who has the bootstrap roles from the start."""

from __future__ import annotations

from podling.api.types import rbac_v1

from .controllers import AGGREGATE, CONTROLLER_ROLES, PREFIX
from .rules import API_GROUP, aggregate, metadata

CONTROLLERS = aggregate("podling:controllers", AGGREGATE)

_USERS = {
    "system:node-proxier": "system:kube-proxy",
    "system:kube-controller-manager": "system:kube-controller-manager",
    "system:kube-scheduler": "system:kube-scheduler",
    "system:volume-scheduler": "system:kube-scheduler",
    CONTROLLERS.metadata.name or "": "system:kube-controller-manager",
}
_GROUPS = {
    "cluster-admin": ("system:masters",),
    "system:monitoring": ("system:monitoring",),
    "system:discovery": ("system:authenticated",),
    "system:basic-user": ("system:authenticated",),
    "system:public-info-viewer": ("system:authenticated", "system:unauthenticated"),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
    "system:node": (),
    "podling:csi-sidecars": ("system:nodes",),
    "podling:local-path-provisioner": ("system:nodes",),
}
_ACCOUNTS = {"system:kube-dns": "kube-dns"}
_LEADERS = {
    "system::leader-locking-kube-controller-manager": "kube-controller-manager",
    "system::leader-locking-kube-scheduler": "kube-scheduler",
}


def cluster_role_bindings() -> list[rbac_v1.ClusterRoleBinding]:
    """All ClusterRoleBindings of a new cluster; each is named as its role."""
    controllers = {
        role.metadata.name or "": _account_of(role.metadata.name or "") for role in CONTROLLER_ROLES
    }
    subjects = {name: [_user(user)] for name, user in _USERS.items()}
    subjects |= {name: [_group(group) for group in groups] for name, groups in _GROUPS.items()}
    subjects |= {name: [_account(account)] for name, account in (_ACCOUNTS | controllers).items()}
    return [
        rbac_v1.ClusterRoleBinding(
            metadata=metadata(name), role_ref=_reference("ClusterRole", name), subjects=who or None
        )
        for name, who in subjects.items()
    ]


def role_bindings() -> list[rbac_v1.RoleBinding]:
    """All RoleBindings of a new cluster."""
    signer = "system:controller:bootstrap-signer"
    rows = [
        ("kube-system", name, [_user(f"system:{user}"), _account(user)]) for name, user in _LEADERS.items()
    ]
    rows += [
        ("kube-system", signer, [_account("bootstrap-signer")]),
        ("kube-public", signer, [_account("bootstrap-signer")]),
        ("kube-system", "system:controller:cloud-provider", [_account("cloud-provider")]),
        ("kube-system", "system:controller:token-cleaner", [_account("token-cleaner")]),
        (
            "kube-system",
            "system::extension-apiserver-authentication-reader",
            [_user("system:kube-controller-manager")],
        ),
    ]
    return [
        rbac_v1.RoleBinding(
            metadata=metadata(name, namespace=namespace),
            role_ref=_reference("Role", name.replace("system::extension", "extension")),
            subjects=who,
        )
        for namespace, name, who in rows
    ]


def _account_of(role: str) -> str:
    return role.removeprefix(PREFIX)


def _reference(kind: str, name: str) -> rbac_v1.RoleRef:
    return rbac_v1.RoleRef(api_group=API_GROUP, kind=kind, name=name)


def _user(name: str) -> rbac_v1.Subject:
    return rbac_v1.Subject(kind="User", api_group=API_GROUP, name=name)


def _group(name: str) -> rbac_v1.Subject:
    return rbac_v1.Subject(kind="Group", api_group=API_GROUP, name=name)


def _account(name: str) -> rbac_v1.Subject:
    return rbac_v1.Subject(kind="ServiceAccount", namespace="kube-system", name=name)
