"""The rules of a Job's policies for failure, success and replacement (k8s.io/kubernetes/pkg/apis/batch/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.gotext import quote
from podling.api.types import batch_v1, core_v1

from . import job_indexes
from .metadata import each
from .workload import NOT_NEGATIVE

MAX_RULES = 20
MAX_EXIT_CODES = 255
MAX_PATTERNS = 20
MAX_INDEXES_TEXT = 64 * 1024
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATUSES = ("False", "True", "Unknown")
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")


def faults(spec: batch_v1.JobSpec, path: Path) -> Iterator[FieldError]:
    if spec.pod_failure_policy is not None:
        yield from _failure(spec, spec.pod_failure_policy, path / "podFailurePolicy" / "rules")
    if spec.success_policy is not None:
        if spec.completion_mode != "Indexed":
            why = "requires indexed completion mode"
            yield field.invalid(path / "successPolicy", spec.success_policy, why)
        else:
            yield from _success(spec, spec.success_policy, path / "successPolicy" / "rules")
    replacement = spec.pod_replacement_policy
    supported = _REPLACEMENTS[:1] if spec.pod_failure_policy is not None else _REPLACEMENTS
    if replacement is not None and replacement not in supported:
        yield field.not_supported(path / "podReplacementPolicy", replacement, supported)


def _failure(spec: batch_v1.JobSpec, policy: batch_v1.PodFailurePolicy, path: Path) -> Iterator[FieldError]:
    if len(policy.rules) > MAX_RULES:
        yield field.too_many(path, len(policy.rules), MAX_RULES)
    pod = spec.template.spec or core_v1.PodSpec()
    known = {container.name for container in [*(pod.containers or ()), *(pod.init_containers or ())]}
    for index, rule in enumerate(policy.rules):
        yield from _failure_rule(spec, rule, path / index, known)


def _failure_rule(
    spec: batch_v1.JobSpec, rule: batch_v1.PodFailurePolicyRule, path: Path, known: set[str]
) -> Iterator[FieldError]:
    yield from _choice(rule.action, path / "action", _ACTIONS)
    if rule.action == "FailIndex" and spec.backoff_limit_per_index is None:
        yield field.invalid(path / "action", rule.action, "requires the backoffLimitPerIndex to be set")
    codes, patterns = rule.on_exit_codes, rule.on_pod_conditions or []
    if codes is not None:
        yield from _exit_codes(codes, path / "onExitCodes", known)
    if patterns:
        yield from _patterns(patterns, path / "onPodConditions")
    if codes is not None and patterns:
        why = "specifying both OnExitCodes and OnPodConditions is not supported"
        yield field.invalid_as_whole(path, why)
    if codes is None and not patterns:
        why = "specifying one of OnExitCodes and OnPodConditions is required"
        yield field.invalid_as_whole(path, why)


def _exit_codes(
    codes: batch_v1.PodFailurePolicyOnExitCodesRequirement, path: Path, known: set[str]
) -> Iterator[FieldError]:
    yield from _choice(codes.operator, path / "operator", _OPERATORS)
    if codes.container_name is not None and codes.container_name not in known:
        why = "must be one of the container or initContainer names in the pod template"
        yield field.invalid(path / "containerName", codes.container_name, why)
    values = codes.values
    if not values:
        yield field.invalid(path / "values", values, "at least one value is required")
    elif len(values) > MAX_EXIT_CODES:
        yield field.too_many(path / "values", len(values), MAX_EXIT_CODES)
    for index, value in enumerate(values):
        if codes.operator == "In" and value == 0:
            yield field.invalid(path / "values" / index, value, "must not be 0 for the In operator")
        if value in values[:index]:
            yield field.duplicate(path / "values" / index, value)
    if list(values) != sorted(values):
        yield field.invalid(path / "values", values, "must be ordered")


def _patterns(
    patterns: Sequence[batch_v1.PodFailurePolicyOnPodConditionsPattern], path: Path
) -> Iterator[FieldError]:
    if len(patterns) > MAX_PATTERNS:
        yield field.too_many(path, len(patterns), MAX_PATTERNS)
    for index, pattern in enumerate(patterns):
        yield from each(names.label_key, pattern.type, path / index / "type")
        yield from _choice(pattern.status, path / index / "status", _STATUSES)


def _success(spec: batch_v1.JobSpec, policy: batch_v1.SuccessPolicy, path: Path) -> Iterator[FieldError]:
    if not policy.rules:
        yield field.required(path, "at least one rules must be specified when the successPolicy is specified")
    if len(policy.rules) > MAX_RULES:
        yield field.too_many(path, len(policy.rules), MAX_RULES)
    for index, rule in enumerate(policy.rules):
        yield from _success_rule(rule, path / index, spec.completions or 0)


def _success_rule(rule: batch_v1.SuccessPolicyRule, path: Path, completions: int) -> Iterator[FieldError]:
    count, indexes = rule.succeeded_count, rule.succeeded_indexes
    if count is None and indexes is None:
        yield field.required(path, "at least one of succeededCount or succeededIndexes must be specified")
    total = 0
    if indexes is not None:
        if len(indexes) > MAX_INDEXES_TEXT:
            yield field.too_long(path / "succeededIndexes", MAX_INDEXES_TEXT)
        try:
            total = job_indexes.count(indexes, completions)
        except ValueError as error:
            why = f"error parsing succeededIndexes: {error}"
            yield field.invalid(path / "succeededIndexes", indexes, why)
    if count is None:
        return
    if count < 0:
        yield field.invalid(path / "succeededCount", count, NOT_NEGATIVE)
    if count > completions:
        why = f"must be less than or equal to {completions} (the number of specified completions)"
        yield field.invalid(path / "succeededCount", count, why)
    if indexes is not None and count > total:
        why = f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        yield field.invalid(path / "succeededCount", count, why)


def _choice(value: str | None, path: Path, supported: tuple[str, ...]) -> Iterator[FieldError]:
    """One of these; an empty one is told which there are."""
    if not value:
        yield field.required(path, f"valid values: [{' '.join(map(quote, supported))}]")
    elif value not in supported:
        yield field.not_supported(path, value, supported)
