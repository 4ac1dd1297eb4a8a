"""The rules of RoleBindings, and of roles and subjects in every kind of binding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import rbac_v1

from .metadata import each

GROUP = "rbac.authorization.k8s.io"
ROLE_REF, SUBJECTS = Path("roleRef"), Path("subjects")
_KINDS = ("ServiceAccount", "User", "Group")

AnyBinding: TypeAlias = rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding


def create(binding: rbac_v1.RoleBinding) -> Iterator[FieldError]:
    yield from faults(binding, roles=("Role", "ClusterRole"), namespaced=True)


def update(binding: rbac_v1.RoleBinding, old: rbac_v1.RoleBinding) -> Iterator[FieldError]:
    yield from create(binding)
    yield from same_role(binding, old)


def faults(binding: AnyBinding, *, roles: tuple[str, ...], namespaced: bool) -> Iterator[FieldError]:
    ref = binding.role_ref
    if ref.api_group != GROUP:
        yield field.not_supported(ROLE_REF / "apiGroup", ref.api_group or "", (GROUP,))
    if ref.kind not in roles:
        yield field.not_supported(ROLE_REF / "kind", ref.kind, roles)
    if not ref.name:
        yield field.required(ROLE_REF / "name")
    else:
        yield from each(names.path_segment, ref.name, ROLE_REF / "name")
    for index, subject in enumerate(binding.subjects or ()):
        yield from _subject(subject, SUBJECTS / index, namespaced=namespaced)


def same_role(binding: AnyBinding, old: AnyBinding) -> Iterator[FieldError]:
    """What a binding grants is settled when it is made; only to whom may change."""
    if binding.role_ref != old.role_ref:
        yield field.invalid(ROLE_REF, binding.role_ref, "cannot change roleRef")


def _subject(subject: rbac_v1.Subject, path: Path, *, namespaced: bool) -> Iterator[FieldError]:
    if not subject.name:
        yield field.required(path / "name")
    if subject.kind not in _KINDS:
        yield field.not_supported(path / "kind", subject.kind, _KINDS)
    elif subject.kind != "ServiceAccount":
        if subject.api_group != GROUP:
            yield field.not_supported(path / "apiGroup", subject.api_group or "", (GROUP,))
    else:
        if subject.name:
            yield from each(names.dns1123_subdomain, subject.name, path / "name")
        if subject.api_group:
            yield field.not_supported(path / "apiGroup", subject.api_group, ("",))
        if not namespaced and not subject.namespace:
            yield field.required(path / "namespace")
