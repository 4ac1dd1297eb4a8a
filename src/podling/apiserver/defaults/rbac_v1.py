"""Defaults of role bindings: the API groups of what they name."""

from __future__ import annotations

from podling.api.types import rbac_v1

GROUP = "rbac.authorization.k8s.io"


def binding(body: rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding) -> None:
    body.role_ref.api_group = body.role_ref.api_group or GROUP
    for subject in body.subjects or ():
        if not subject.api_group and subject.kind in ("User", "Group"):
            subject.api_group = GROUP


DEFAULTS = {"ClusterRoleBinding": binding, "RoleBinding": binding}
