"""The rules of ClusterRoleBindings."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api.field import FieldError
from podling.api.types import rbac_v1

from . import role_binding


def create(binding: rbac_v1.ClusterRoleBinding) -> Iterator[FieldError]:
    yield from role_binding.faults(binding, roles=("ClusterRole",), namespaced=False)


def update(binding: rbac_v1.ClusterRoleBinding, old: rbac_v1.ClusterRoleBinding) -> Iterator[FieldError]:
    yield from create(binding)
    yield from role_binding.same_role(binding, old)
