"""The rules of MutatingAdmissionPolicyBindings (pkg/apis/admissionregistration/validation, KEP-3962)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api.field import FieldError
from podling.api.types import admissionregistration_v1 as admission

from .mutating_admission_policy import SPEC, operations
from .validating_policy_binding import bound

Binding = admission.MutatingAdmissionPolicyBinding


def create(binding: Binding) -> Iterator[FieldError]:
    spec = binding.spec or admission.MutatingAdmissionPolicyBindingSpec()
    yield from bound(spec.policy_name or "", spec.param_ref, spec.match_resources)
    if spec.match_resources is not None:
        yield from operations(spec.match_resources.resource_rules or (), SPEC / "matchResources")


def update(binding: Binding, old: Binding) -> Iterator[FieldError]:
    yield from create(binding)
