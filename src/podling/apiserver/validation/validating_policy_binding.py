"""The rules of ValidatingAdmissionPolicyBindings (pkg/apis/admissionregistration/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import admissionregistration_v1 as admission

from . import admission_rules, scheduling
from .metadata import each

SPEC = Path("spec")
_ACTIONS = ("Audit", "Deny", "Warn")
_NOT_FOUND_ACTIONS = ("Deny", "Allow")
_EXCLUSIVE = "name and selector are mutually exclusive"

Binding = admission.ValidatingAdmissionPolicyBinding


def create(binding: Binding) -> Iterator[FieldError]:
    spec = binding.spec
    yield from bound(spec.policy_name, spec.param_ref, spec.match_resources)
    yield from _actions(spec.validation_actions)


def update(binding: Binding, old: Binding) -> Iterator[FieldError]:
    yield from create(binding)


def bound(
    policy: str, parameters: admission.ParamRef | None, resources: admission.MatchResources | None
) -> Iterator[FieldError]:
    """Which policy holds where, and with which parameters."""
    if not policy:
        yield field.required(SPEC / "policyName")
    else:
        yield from each(names.dns1123_subdomain, policy, SPEC / "policyName")
    if parameters is not None:
        yield from _parameters(parameters, SPEC / "paramRef")
    if resources is not None:
        yield from admission_rules.match_resources(resources, SPEC / "matchResources")


def _parameters(given: admission.ParamRef, path: Path) -> Iterator[FieldError]:
    if given.name:
        yield from each(names.path_segment, given.name, path / "name")
        if given.selector is not None:
            yield field.forbidden(path / "name", _EXCLUSIVE)
    if given.selector is not None:
        yield from scheduling.label_selector(given.selector, path / "selector")
        if given.name:
            yield field.forbidden(path / "selector", _EXCLUSIVE)
    elif not given.name:
        yield field.required(path, "one of name or selector must be specified")
    action = given.parameter_not_found_action
    if not action:
        yield field.required(path / "parameterNotFoundAction")
    elif action not in _NOT_FOUND_ACTIONS:
        yield field.not_supported(path / "parameterNotFoundAction", action, _NOT_FOUND_ACTIONS)


def _actions(given: list[str]) -> Iterator[FieldError]:
    path = SPEC / "validationActions"
    for index, action in enumerate(given):
        if action not in _ACTIONS:
            yield field.not_supported(path / index, action, _ACTIONS)
        if action in given[:index]:
            yield field.duplicate(path / index, action)
    if "Deny" in given and "Warn" in given:
        why = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API response "
            "and headers serves no purpose)"
        )
        yield field.invalid(path, given, why)
    if not given:
        yield field.required(path, "at least one validation action is required")
