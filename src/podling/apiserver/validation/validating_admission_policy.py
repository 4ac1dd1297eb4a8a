"""The rules of ValidatingAdmissionPolicies (pkg/apis/admissionregistration/validation).

Expressions have to be there; whether they make sense is found by whoever compiles them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import admissionregistration_v1 as admission

from . import admission_rules
from .admission_rules import FAILURE_POLICIES, demanded, supported
from .conditions import conditions
from .metadata import each

SPEC, STATUS = Path("spec"), Path("status")
MAX_ANNOTATIONS = 20
MAX_VALUE_EXPRESSION = 5 * 1024
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_IDENTIFIER = re.compile("[_a-zA-Z][_a-zA-Z0-9]*")
_RESERVED = {
    *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
    *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
}
_NEITHER = "validations or auditAnnotations must contain at least one item"

Policy = admission.ValidatingAdmissionPolicy


def create(policy: Policy) -> Iterator[FieldError]:
    yield from _spec(policy, judges_conditions=True)


def update(policy: Policy, old: Policy) -> Iterator[FieldError]:
    new, had = _of(policy), _of(old)
    same = codec.semantic_equal(new.match_conditions, had.match_conditions)
    same = same and codec.semantic_equal(new.param_kind, had.param_kind)
    yield from _spec(policy, judges_conditions=not same)


def update_status(policy: Policy, old: Policy) -> Iterator[FieldError]:
    status = policy.status or admission.ValidatingAdmissionPolicyStatus()
    checking = status.type_checking or admission.TypeChecking()
    for index, warning in enumerate(checking.expression_warnings or ()):
        path = STATUS / "typeChecking" / "expressionWarnings" / index
        if not warning.warning:
            yield field.required(path / "warning")
        if not warning.field_ref.strip():
            yield field.required(path / "fieldRef")
    yield from conditions(status.conditions or [], STATUS / "conditions")


def _of(policy: Policy) -> admission.ValidatingAdmissionPolicySpec:
    return policy.spec or admission.ValidatingAdmissionPolicySpec()


def _spec(policy: Policy, *, judges_conditions: bool) -> Iterator[FieldError]:
    spec = _of(policy)
    yield from demanded(spec.failure_policy, SPEC / "failurePolicy", FAILURE_POLICIES)
    if spec.param_kind is not None:
        yield from param_kind(spec.param_kind, SPEC / "paramKind")
    yield from constraints(spec.match_constraints)
    if judges_conditions:
        yield from admission_rules.conditions(spec.match_conditions or (), SPEC / "matchConditions")
    for index, variable in enumerate(spec.variables or ()):
        yield from named_expression(variable, SPEC / "variables" / index)
    if not spec.validations and not spec.audit_annotations:
        yield field.required(SPEC / "validations", _NEITHER)
        yield field.required(SPEC / "auditAnnotations", _NEITHER)
    for index, validation in enumerate(spec.validations or ()):
        yield from _validation(validation, SPEC / "validations" / index)
    yield from _annotations(policy.metadata.name or "", spec.audit_annotations or [])


def constraints(given: admission.MatchResources | None) -> Iterator[FieldError]:
    """What a policy is about; at least one rule says of what type the objects are."""
    path = SPEC / "matchConstraints"
    if given is None:
        yield field.required(path)
        return
    yield from admission_rules.match_resources(given, path)
    if not given.resource_rules:
        yield field.required(path / "resourceRules")


def param_kind(given: admission.ParamKind, path: Path) -> Iterator[FieldError]:
    """The kind of object that a policy takes its parameters from."""
    text = given.api_version or ""
    group, _, version = text.rpartition("/")
    where = path / "apiVersion"
    if not text:
        yield field.required(where)
    elif "/" in group:
        yield field.invalid(where, text, f"unexpected GroupVersion string: {text}")
    else:
        wrong = names.dns1123_subdomain(group) if group else []
        if wrong:
            yield field.invalid(where, group, ",".join(wrong))
        wrong = names.dns1035_label(version)
        if not version:
            yield field.invalid(where, text, "version must be specified")
        elif wrong:
            yield field.invalid(where, version, ",".join(wrong))
    kind = given.kind or ""
    wrong = names.dns1035_label(kind.lower())
    if not kind:
        yield field.required(path / "kind")
    elif wrong:
        why = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
        yield field.invalid(path / "kind", kind, why)


def named_expression(variable: admission.Variable, path: Path) -> Iterator[FieldError]:
    """A variable that other expressions may use."""
    if not variable.name.strip():
        yield field.required(path / "name", "name is not specified")
    elif not _IDENTIFIER.fullmatch(variable.name) or variable.name in _RESERVED:
        yield field.invalid(path / "name", variable.name, "name is not a valid CEL identifier")
    if not variable.expression.strip():
        yield field.required(path / "expression", "expression is not specified")


def _validation(given: admission.Validation, path: Path) -> Iterator[FieldError]:
    message, spoken = given.message or "", given.message_expression or ""
    if not given.expression.strip():
        yield field.required(path / "expression", "expression is not specified")
    if spoken and not spoken.strip():
        yield field.invalid(path / "messageExpression", spoken, "must be non-empty if specified")
    if message and not message.strip():
        yield field.invalid(path / "message", message, "message must be non-empty if specified")
    elif "\n" in message.strip() or "\r" in message.strip():
        yield field.invalid(path / "message", message, "message must not contain line breaks")
    yield from supported(given.reason, path / "reason", _REASONS)


def _annotations(policy: str, given: list[admission.AuditAnnotation]) -> Iterator[FieldError]:
    path = SPEC / "auditAnnotations"
    if len(given) > MAX_ANNOTATIONS:
        why = f"must not have more than {MAX_ANNOTATIONS} auditAnnotations"
        yield field.invalid(path, given, why)
    seen = set()
    for index, annotation in enumerate(given):
        key, where = annotation.key, path / index / "valueExpression"
        if policy:
            yield from each(names.label_key, f"{policy}/{key}", path / index / "key")
        else:
            yield field.invalid(path / index / "key", key, "requires metadata.name be non-empty")
        expression = annotation.value_expression.strip()
        if not expression:
            yield field.required(where, "valueExpression is not specified")
        elif len(expression.encode()) > MAX_VALUE_EXPRESSION:
            yield field.required(where, f"must not exceed {MAX_VALUE_EXPRESSION} bytes in length")
        if key in seen:
            yield field.duplicate(path / index / "key", key)
        seen.add(key)
