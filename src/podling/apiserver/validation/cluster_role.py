"""The rules of ClusterRoles."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import rbac_v1

from . import role, scheduling

SELECTORS = Path("aggregationRule", "clusterRoleSelectors")


def create(cluster_role: rbac_v1.ClusterRole) -> Iterator[FieldError]:
    yield from role.policy_rules(cluster_role.rules or (), namespaced=False)
    aggregation = cluster_role.aggregation_rule
    if aggregation is None:
        return
    if not aggregation.cluster_role_selectors:
        why = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        yield field.required(SELECTORS, why)
    for index, selector in enumerate(aggregation.cluster_role_selectors or ()):
        yield from scheduling.label_selector(selector, SELECTORS / index)


def update(cluster_role: rbac_v1.ClusterRole, _: rbac_v1.ClusterRole) -> Iterator[FieldError]:
    yield from create(cluster_role)
