"""The rules of ResourceQuotas: what can be limited, in which scopes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podling.api import field, quantity
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import IMMUTABLE
from .resources import is_extended, is_standard_for_quota, quota_resource

SPEC, STATUS = Path("spec"), Path("status")
_COMPUTE = {f"{prefix}{name}" for prefix in ("", "requests.", "limits.") for name in ("cpu", "memory")}
_POD = {"pods"}
_CLAIM = {"persistentvolumeclaims", "requests.storage"}
_SCOPES: dict[str, set[str]] = {
    "BestEffort": _POD,
    "CrossNamespacePodAffinity": _POD | _COMPUTE,
    "NotBestEffort": _POD | _COMPUTE,
    "NotTerminating": _POD | _COMPUTE,
    "PriorityClass": _POD | _COMPUTE,
    "Terminating": _POD | _COMPUTE,
    "VolumeAttributesClass": _CLAIM,
}
"""Which of the standard names each scope can be about."""
_BARE = ("BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "Terminating")
"""Scopes that an object is either in or not: they have no values."""
_PAIRS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_INTEGERS = {
    *("configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets"),
    *("services", "services.loadbalancers", "services.nodeports"),
}


def create(quota: core_v1.ResourceQuota) -> Iterator[FieldError]:
    spec = quota.spec or core_v1.ResourceQuotaSpec()
    yield from _amounts(spec.hard or {}, SPEC / "hard")
    yield from _scopes(spec)
    yield from _selector(spec)


def update(quota: core_v1.ResourceQuota, old: core_v1.ResourceQuota) -> Iterator[FieldError]:
    yield from create(quota)
    now, before = ((each.spec.scopes if each.spec else None) or [] for each in (quota, old))
    if set(now) != set(before):
        yield field.invalid(SPEC / "scopes", now, IMMUTABLE)


def update_status(quota: core_v1.ResourceQuota, _: core_v1.ResourceQuota) -> Iterator[FieldError]:
    status = quota.status or core_v1.ResourceQuotaStatus()
    yield from _amounts(status.hard or {}, STATUS / "hard")
    yield from _amounts(status.used or {}, STATUS / "used")


def _amounts(given: Mapping[str, str], path: Path) -> Iterator[FieldError]:
    for name, text in given.items():
        here = path.key(name)
        yield from quota_resource(name, here)
        value = quantity.parse(text)
        if value < quantity.ZERO:
            yield field.invalid(here, str(value), "must be greater than or equal to 0")
        if (name in _INTEGERS or is_extended(name)) and value.nanos % quantity.NANO:
            yield field.invalid(here, str(value), "must be an integer")


def _scopes(spec: core_v1.ResourceQuotaSpec) -> Iterator[FieldError]:
    scopes, path = spec.scopes or [], SPEC / "scopes"
    for scope in scopes:
        if scope not in _SCOPES:
            yield field.invalid(path, scopes, "unsupported scope")
        for _ in _unfit(scope, spec):
            yield field.invalid(path, scopes, "unsupported scope applied to resource")
    if any(pair <= set(scopes) for pair in _PAIRS):
        yield field.invalid(path, scopes, "conflicting scopes")


def _unfit(scope: str, spec: core_v1.ResourceQuotaSpec) -> list[str]:
    """The limited names that a scope cannot be about."""
    fit = _SCOPES.get(scope)
    if fit is None:
        return []
    return [name for name in sorted(spec.hard or ()) if is_standard_for_quota(name) and name not in fit]


def _selector(spec: core_v1.ResourceQuotaSpec) -> Iterator[FieldError]:
    selector = spec.scope_selector
    if selector is None:
        return
    path = SPEC / "scopeSelector" / "matchExpressions"
    for each in selector.match_expressions or ():
        if each.scope_name not in _SCOPES:
            yield field.invalid(path / "scopeName", each.scope_name, "unsupported scope")
        for _ in _unfit(each.scope_name, spec):
            yield field.invalid(path, _plain(selector), "unsupported scope applied to resource")
        yield from _expression(each, path)
    named = {each.scope_name for each in selector.match_expressions or ()}
    if any(pair <= named for pair in _PAIRS):
        yield field.invalid(path, spec.scopes or [], "conflicting scopes")


def _expression(each: core_v1.ScopedResourceSelectorRequirement, path: Path) -> Iterator[FieldError]:
    if each.scope_name in _BARE and each.operator != "Exists":
        why = (
            "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
            "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
        )
        yield field.invalid(path / "operator", each.operator, why)
    match each.operator:
        case "In" | "NotIn":
            if not each.values:
                why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                yield field.required(path / "values", why)
        case "Exists" | "DoesNotExist":
            if each.values:
                why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                yield field.invalid(path / "values", each.values, why)
        case _:
            yield field.invalid(path / "operator", each.operator, "not a valid selector operator")


def _plain(selector: core_v1.ScopeSelector) -> dict[str, object]:
    return {
        "matchExpressions": [
            {"scopeName": each.scope_name, "operator": each.operator, "values": each.values}
            for each in selector.match_expressions or ()
        ]
    }
