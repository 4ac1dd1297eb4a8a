"""Which requests a webhook or an admission policy speaks of (pkg/apis/admissionregistration/validation).

Expressions are judged by whoever runs them; here they only have to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import admissionregistration_v1 as admission

from . import scheduling
from .metadata import each

FAILURE_POLICIES = ("Fail", "Ignore")
MATCH_POLICIES = ("Equivalent", "Exact")
MAX_CONDITIONS = 64
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")

AnyRule: TypeAlias = admission.RuleWithOperations | admission.NamedRuleWithOperations


def supported(value: str | None, path: Path, values: tuple[str, ...]) -> Iterator[FieldError]:
    """One of some words, or nothing at all."""
    if value is not None and value not in values:
        yield field.not_supported(path, value, values)


def demanded(value: str | None, path: Path, values: tuple[str, ...]) -> Iterator[FieldError]:
    """One of some words."""
    if value is None:
        yield field.required(path)
    yield from supported(value, path, values)


def rule(given: AnyRule, path: Path) -> Iterator[FieldError]:
    """Operations on resources of groups and versions; whoever means all names nothing else."""
    yield from _all_or_some(given.operations or [], path / "operations", "operations")
    for index, operation in enumerate(given.operations or ()):
        yield from supported(operation, path / "operations" / index, _OPERATIONS)
    yield from _all_or_some(given.api_groups or [], path / "apiGroups", "API groups")
    yield from _all_or_some(given.api_versions or [], path / "apiVersions", "API versions")
    for index, version in enumerate(given.api_versions or ()):
        if not version:
            yield field.required(path / "apiVersions" / index)
    yield from _resources(given.resources or [], path / "resources")
    yield from supported(given.scope, path / "scope", _SCOPES)


def match_resources(given: admission.MatchResources, path: Path) -> Iterator[FieldError]:
    """What a policy or its binding is about."""
    yield from demanded(given.match_policy, path / "matchPolicy", MATCH_POLICIES)
    for selector, name in (
        (given.namespace_selector, "namespaceSelector"),
        (given.object_selector, "objectSelector"),
    ):
        if selector is None:
            yield field.required(path / name)
        else:
            yield from scheduling.label_selector(selector, path / name)
    for rules, name in (
        (given.resource_rules, "resourceRules"),
        (given.exclude_resource_rules, "excludeResourceRules"),
    ):
        for index, named in enumerate(rules or ()):
            yield from _named(named, path / name / index)


def conditions(given: Sequence[admission.MatchCondition], path: Path) -> Iterator[FieldError]:
    """What must hold before a webhook or policy is asked at all."""
    if len(given) > MAX_CONDITIONS:
        yield field.too_many(path, len(given), MAX_CONDITIONS)
    seen = set()
    for index, condition in enumerate(given):
        if not condition.expression.strip():
            yield field.required(path / index / "expression")
        where = path / index / "name"
        if not condition.name:
            yield field.required(where)
            continue
        yield from each(names.label_key, condition.name, where)
        if condition.name in seen:
            yield field.duplicate(where, condition.name)
        seen.add(condition.name)


def _all_or_some(given: list[str], path: Path, what: str) -> Iterator[FieldError]:
    if not given:
        yield field.required(path)
    if len(given) > 1 and "*" in given:
        yield field.invalid(path, given, f"if '*' is present, must not specify other {what}")


def _named(given: admission.NamedRuleWithOperations, path: Path) -> Iterator[FieldError]:
    seen = set()
    for index, name in enumerate(given.resource_names or ()):
        yield from each(names.path_segment, name, path / "resourceNames" / index)
        if name in seen:
            yield field.duplicate(path / "resourceNames" / index, name)
        seen.add(name)
    yield from rule(given, path)


def _resources(given: list[str], path: Path) -> Iterator[FieldError]:
    if not given:
        yield field.required(path)
    whole, everywhere = set(), set()
    names_plain = False
    for index, text in enumerate(given):
        resource, slash, sub = text.partition("/")
        if not text:
            yield field.required(path / index)
            continue
        if not slash:
            names_plain = text != "*"
            continue
        for has_it, shown in ((resource in whole, f"{resource}/*"), (sub in everywhere, f"*/{sub}")):
            if has_it:
                yield field.invalid(path / index, text, f"if '{shown}' is present, must not specify {text}")
        if sub == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(sub)
    if len(given) > 1 and "*/*" in given:
        yield field.invalid(path, given, "if '*/*' is present, must not specify other resources")
    if "*" in given and names_plain:
        why = "if '*' is present, must not specify other resources without subresources"
        yield field.invalid(path, given, why)
