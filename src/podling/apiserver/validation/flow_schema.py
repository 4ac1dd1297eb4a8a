"""The rules of FlowSchemas (k8s.io/kubernetes/pkg/apis/flowcontrol/validation)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import flowcontrol_v1
from podling.apiserver.fairness import bootstrap

from .metadata import each

MAX_PRECEDENCE = 10000
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
METHODS = ("ByNamespace", "ByUser")
SUBJECTS = ("Group", "ServiceAccount", "User")
_SPEC = Path("spec")
_OWN = {"user": "User", "group": "Group", "serviceAccount": "ServiceAccount"}

Schema = flowcontrol_v1.FlowSchema


def create(schema: Schema) -> Iterator[FieldError]:
    spec = schema.spec
    yield from _precedence(schema.metadata.name or "", spec.matching_precedence or 0)
    method = spec.distinguisher_method
    if method is not None and method.type not in METHODS:
        yield field.not_supported(_SPEC / "distinguisherMethod" / "type", method.type, METHODS)
    path, level = _SPEC / "priorityLevelConfiguration" / "name", spec.priority_level_configuration.name
    if level:
        yield from each(names.dns1123_subdomain, level, path)
    else:
        yield field.required(path, "must reference a priority level")
    for index, rule in enumerate(spec.rules or ()):
        yield from _rule(rule, _SPEC / "rules" / index)
    fixed = {one.metadata.name: one for one in bootstrap.mandatory_schemas()}
    yield from same_as_fixed(schema, fixed)
    yield from conditions(schema.status.conditions if schema.status is not None else None)


def update(schema: Schema, old: Schema) -> Iterator[FieldError]:
    yield from create(schema)


def update_status(schema: Schema, old: Schema) -> Iterator[FieldError]:
    yield from conditions(schema.status.conditions if schema.status is not None else None)


def same_as_fixed(body: Any, fixed: dict[Any, Any]) -> Iterator[FieldError]:
    """The mandatory objects say what they say."""
    name = body.metadata.name
    if name in fixed and not codec.semantic_equal(body.spec, fixed[name].spec):
        yield field.invalid(_SPEC, body.spec, f"spec of '{name}' must equal the fixed value")


def conditions(given: Sequence[Any] | None) -> Iterator[FieldError]:
    seen = set()
    for index, condition in enumerate(given or ()):
        path = Path("status", "conditions") / index / "type"
        if condition.type in seen:
            yield field.duplicate(path, condition.type)
        seen.add(condition.type)
        if not condition.type:
            yield field.required(path, "must not be empty")


def _precedence(name: str, precedence: int) -> Iterator[FieldError]:
    path = _SPEC / "matchingPrecedence"
    if precedence <= 0:
        yield field.invalid(path, precedence, "must be a positive value")
    if precedence > MAX_PRECEDENCE:
        yield field.invalid(path, precedence, f"must not be greater than {MAX_PRECEDENCE}")
    if precedence == 1 and name != bootstrap.EXEMPT:
        yield field.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")


def _rule(rule: flowcontrol_v1.PolicyRulesWithSubjects, path: Path) -> Iterator[FieldError]:
    if not rule.subjects:
        yield field.required(path / "subjects", "subjects must contain at least one value")
    for index, subject in enumerate(rule.subjects):
        yield from _subject(subject, path / "subjects" / index)
    if not rule.resource_rules and not rule.non_resource_rules:
        why = "at least one of resourceRules and nonResourceRules has to be non-empty"
        yield field.required(path, why)
    for index, resource_rule in enumerate(rule.resource_rules or ()):
        yield from _resource_rule(resource_rule, path / "resourceRules" / index)
    for index, path_rule in enumerate(rule.non_resource_rules or ()):
        yield from _path_rule(path_rule, path / "nonResourceRules" / index)


def _subject(subject: flowcontrol_v1.Subject, path: Path) -> Iterator[FieldError]:
    if subject.kind not in SUBJECTS:
        yield field.not_supported(path / "kind", subject.kind, SUBJECTS)
        return
    given = {"user": subject.user, "group": subject.group, "serviceAccount": subject.service_account}
    own = next(name for name, kind in _OWN.items() if kind == subject.kind)
    if given[own] is None:
        yield field.required(path / own, f"{own} is required when subject kind is '{subject.kind}'")
    elif subject.service_account is not None and own == "serviceAccount":
        yield from _account(subject.service_account, path / own)
    elif not getattr(given[own], "name", ""):
        yield field.required(path / own / "name")
    for other in (name for name in ("user", "serviceAccount", "group") if name != own):
        if given[other] is not None:
            why = f"{other} is forbidden when subject kind is not '{_OWN[other]}'"
            yield field.forbidden(path / other, why)


def _account(account: flowcontrol_v1.ServiceAccountSubject, path: Path) -> Iterator[FieldError]:
    if not account.name:
        yield field.required(path / "name")
    elif account.name != "*":
        yield from each(names.dns1123_subdomain, account.name, path / "name")
    if account.namespace:
        yield from each(names.dns1123_label, account.namespace, path / "namespace")
    else:
        yield field.required(path / "namespace", "must specify namespace for service account")


def _verbs(verbs: list[str], path: Path) -> Iterator[FieldError]:
    if not verbs:
        yield field.required(path, "verbs must contain at least one value")
    elif "*" in verbs:
        yield from _alone(verbs, path, "verbs")
    elif not set(verbs) <= set(VERBS):
        yield field.not_supported(path, verbs, VERBS)


def _alone(values: list[str], path: Path, what: str) -> Iterator[FieldError]:
    """Whoever means all names nothing else."""
    if "*" in values and len(values) > 1:
        yield field.invalid(path, values, f"if '*' is present, must not specify other {what}")


def _resource_rule(rule: flowcontrol_v1.ResourcePolicyRule, path: Path) -> Iterator[FieldError]:
    yield from _verbs(rule.verbs, path / "verbs")
    for values, name, one, many in (
        (rule.api_groups, "apiGroups", "api group", "api groups"),
        (rule.resources, "resources", "resource", "resources"),
    ):
        if not values:
            yield field.required(path / name, f"resource rules must supply at least one {one}")
        yield from _alone(values, path / name, many)
    namespaces = rule.namespaces or []
    if not namespaces and not rule.cluster_scope:
        why = "resource rules that are not cluster scoped must supply at least one namespace"
        yield field.required(path / "namespaces", why)
    elif "*" in namespaces:
        yield from _alone(namespaces, path / "namespaces", "namespaces")
    else:
        for index, namespace in enumerate(namespaces):
            for fault in names.dns1123_label(namespace):
                why = f"each member of this list must be '*' or a DNS-1123 label; {fault}"
                yield field.invalid(path / "namespaces" / index, namespace, why)


def _path_rule(rule: flowcontrol_v1.NonResourcePolicyRule, path: Path) -> Iterator[FieldError]:
    yield from _verbs(rule.verbs, path / "verbs")
    urls, path = rule.non_resource_urls, path / "nonResourceURLs"
    if not urls:
        yield field.required(path, "nonResourceURLs must contain at least one value")
    elif "*" in urls:
        yield from _alone(urls, path, "non-resource URLs")
    else:
        for index, url in enumerate(urls):
            yield from (field.invalid(path / index, url, fault) for fault in _url(url))


def _url(url: str) -> Iterable[str]:
    """What is wrong first."""
    if not url:
        return ("must not be empty",)
    if url != "/" and not url.startswith("/"):
        return ("must start with slash",)
    if " " in url:
        return ("must not contain white-space",)
    if "//" in url:
        return ("must not contain double slash",)
    if url.count("*") > 1 or ("*" in url and not url.endswith("/*")):
        return ("wildcard can only do suffix matching",)
    return ()
