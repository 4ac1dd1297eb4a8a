"""The rules of Roles, and of the policy rules in every kind of role (k8s.io/kubernetes/pkg/apis/rbac/validation)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import rbac_v1

RULES = Path("rules")


def create(role: rbac_v1.Role) -> Iterator[FieldError]:
    yield from policy_rules(role.rules or (), namespaced=True)


def update(role: rbac_v1.Role, _: rbac_v1.Role) -> Iterator[FieldError]:
    yield from create(role)


def policy_rules(rules: Iterable[rbac_v1.PolicyRule], *, namespaced: bool) -> Iterator[FieldError]:
    for index, rule in enumerate(rules):
        yield from _rule(rule, RULES / index, namespaced=namespaced)


def _rule(rule: rbac_v1.PolicyRule, path: Path, *, namespaced: bool) -> Iterator[FieldError]:
    if not rule.verbs:
        yield field.required(path / "verbs", "verbs must contain at least one value")
    urls = rule.non_resource_urls
    if urls:
        here = path / "nonResourceURLs"
        if namespaced:
            yield field.invalid(here, urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.api_groups or rule.resources or rule.resource_names:
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield field.invalid(here, urls, why)
        return
    if not rule.api_groups:
        yield field.required(path / "apiGroups", "resource rules must supply at least one api group")
    if not rule.resources:
        yield field.required(path / "resources", "resource rules must supply at least one resource")
