"""The roles and bindings that every cluster has from its first second, as upstream defines them.

``cluster`` holds those for users and components, ``controllers`` one role per controller; ``rules`` is the notation.
Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy of Kubernetes.
"""

from __future__ import annotations

from podling.api.types import rbac_v1

from .bindings import CONTROLLERS, cluster_role_bindings, role_bindings
from .cluster import CLUSTER_ROLES, NODE_RULES, ROLES
from .controllers import CONTROLLER_ROLES

__all__ = ["NODE_RULES", "bootstrap_objects"]


def bootstrap_objects() -> list[
    rbac_v1.ClusterRole | rbac_v1.Role | rbac_v1.ClusterRoleBinding | rbac_v1.RoleBinding
]:
    """Everything, roles before the bindings that refer to them.  The objects are shared: copy before changing one."""
    return [
        *CLUSTER_ROLES,
        *CONTROLLER_ROLES,
        CONTROLLERS,
        *ROLES,
        *cluster_role_bindings(),
        *role_bindings(),
    ]
