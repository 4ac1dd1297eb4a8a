"""The rules of metav1 Conditions, for kinds whose status carries them (k8s.io/apimachinery/pkg/apis/meta/v1/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import meta_v1

from .metadata import each

MAX_REASON, MAX_MESSAGE = 1024, 32 * 1024
_STATUSES = ("False", "True", "Unknown")
_UNSET = "must be set"


def conditions(given: list[meta_v1.Condition], path: Path) -> Iterator[FieldError]:
    """All conditions of a status; each type may come once."""
    seen: set[str] = set()
    for index, condition in enumerate(given):
        if condition.type in seen:
            yield field.duplicate(path / index / "type", condition.type)
        seen.add(condition.type)
        yield from _condition(condition, path / index)


def _condition(condition: meta_v1.Condition, path: Path) -> Iterator[FieldError]:
    yield from each(names.label_key, condition.type, path / "type")
    if condition.status not in _STATUSES:
        yield field.not_supported(path / "status", condition.status, _STATUSES)
    if (condition.observed_generation or 0) < 0:
        why = "must be greater than or equal to zero"
        yield field.invalid(path / "observedGeneration", condition.observed_generation, why)
    if not condition.last_transition_time:
        yield field.required(path / "lastTransitionTime", _UNSET)
    yield from _reason(condition.reason, path / "reason")
    if len(condition.message.encode()) > MAX_MESSAGE:
        yield field.too_long(path / "message", MAX_MESSAGE)


def _reason(reason: str, path: Path) -> Iterator[FieldError]:
    if not reason:
        yield field.required(path, _UNSET)
        return
    yield from each(names.condition_reason, reason, path)
    if len(reason.encode()) > MAX_REASON:
        yield field.too_long(path, MAX_REASON)
