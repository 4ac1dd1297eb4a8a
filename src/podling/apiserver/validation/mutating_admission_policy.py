"""The rules of MutatingAdmissionPolicies (pkg/apis/admissionregistration/validation, KEP-3962)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podling.api import codec, field
from podling.api.field import FieldError, Path
from podling.api.types import admissionregistration_v1 as admission

from . import admission_rules
from .admission_rules import FAILURE_POLICIES, demanded, supported
from .validating_admission_policy import constraints, named_expression, param_kind

SPEC = Path("spec")
_OPERATIONS = ("*", "CONNECT", "CREATE", "UPDATE")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_REINVOCATION = ("IfNeeded", "Never")

Policy = admission.MutatingAdmissionPolicy


def create(policy: Policy) -> Iterator[FieldError]:
    yield from _spec(_of(policy), judges_conditions=True)


def update(policy: Policy, old: Policy) -> Iterator[FieldError]:
    new, had = _of(policy), _of(old)
    same = codec.semantic_equal(new.match_conditions, had.match_conditions)
    same = same and codec.semantic_equal(new.param_kind, had.param_kind)
    yield from _spec(new, judges_conditions=not same)


def operations(rules: Sequence[admission.NamedRuleWithOperations], path: Path) -> Iterator[FieldError]:
    """What is on its way out cannot be changed."""
    for rule in rules:
        for operation in rule.operations or ():
            yield from supported(operation, path / "resourceRules" / "operations", _OPERATIONS)


def _of(policy: Policy) -> admission.MutatingAdmissionPolicySpec:
    return policy.spec or admission.MutatingAdmissionPolicySpec()


def _spec(spec: admission.MutatingAdmissionPolicySpec, *, judges_conditions: bool) -> Iterator[FieldError]:
    yield from demanded(spec.failure_policy, SPEC / "failurePolicy", FAILURE_POLICIES)
    if spec.param_kind is not None:
        yield from param_kind(spec.param_kind, SPEC / "paramKind")
    yield from constraints(spec.match_constraints)
    if spec.match_constraints is not None:
        yield from operations(spec.match_constraints.resource_rules or (), SPEC / "matchConstraints")
    if judges_conditions:
        yield from admission_rules.conditions(spec.match_conditions or (), SPEC / "matchConditions")
    for index, variable in enumerate(spec.variables or ()):
        yield from named_expression(variable, SPEC / "variables" / index)
    if not spec.mutations:
        yield field.required(SPEC / "mutations", "mutations must contain at least one item")
    for index, mutation in enumerate(spec.mutations or ()):
        yield from _mutation(mutation, SPEC / "mutations" / index)
    yield from demanded(spec.reinvocation_policy or None, SPEC / "reinvocationPolicy", _REINVOCATION)


def _mutation(given: admission.Mutation, path: Path) -> Iterator[FieldError]:
    """The patch of the type that it says it is, and no other."""
    patches = {"ApplyConfiguration": given.apply_configuration, "JSONPatch": given.json_patch}
    fields = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
    type = given.patch_type
    yield from demanded(type or None, path / "patchType", _PATCH_TYPES)
    if type not in patches:
        return
    patch, where = patches.pop(type), path / fields.pop(type)
    if patch is None:
        yield field.required(where, f"must be specified when patchType is {type}")
    elif not (patch.expression or "").strip():
        yield field.required(where / "expression")
    ((_, other),), ((_, name),) = patches.items(), fields.items()
    if other is not None:
        why = f"must not be specified when patchType is {type}"
        yield field.invalid(path / name, f"{{{name}}}", why)
