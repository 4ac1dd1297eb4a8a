"""What the rules of all controllers of Pods share: counts, selectors, templates, rolling updates."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, intstr, names
from podling.api.field import FieldError, Path
from podling.api.selectors import from_struct
from podling.api.types import core_v1, meta_v1

from . import pod_spec, scheduling
from .metadata import annotation_map, labels

SPEC = Path("spec")
NOT_NEGATIVE = "must be greater than or equal to 0"
ALWAYS = ("Always",)


def counts(path: Path, **values: int | None) -> Iterator[FieldError]:
    """Numbers that must not be negative, by their JSON names."""
    for name, value in values.items():
        if value is not None and value < 0:
            yield field.invalid(path / name, value, NOT_NEGATIVE)


def selector(given: meta_v1.LabelSelector) -> Iterator[FieldError]:
    """A selector that must be there; an absent and an empty one cannot be told apart, and neither will do."""
    if not given.match_labels and not given.match_expressions:
        yield field.required(SPEC / "selector")
    yield from scheduling.label_selector(given, SPEC / "selector")


def template(
    given: core_v1.PodTemplateSpec | None, chosen: meta_v1.LabelSelector | None, *, owner: str
) -> Iterator[FieldError]:
    """The template of a controller whose Pods run for good; its labels must be what the controller selects."""
    path = SPEC / "template"
    if given is None:
        yield field.required(path)
        return
    if not (chosen is not None and any(scheduling.label_selector(chosen, path))):
        found = given.metadata.labels or {}
        if not from_struct(chosen).matches(found):
            why = "`selector` does not match template `labels`"
            yield field.invalid(path / "metadata" / "labels", found, why)
    yield from pods(given, path)
    spec = given.spec or core_v1.PodSpec()
    if spec.restart_policy not in (*ALWAYS, None):
        yield field.not_supported(path / "spec" / "restartPolicy", spec.restart_policy, ALWAYS)
    if spec.active_deadline_seconds is not None:
        why = f"activeDeadlineSeconds in {owner} is not Supported"
        yield field.forbidden(path / "spec" / "activeDeadlineSeconds", why)


def pods(given: core_v1.PodTemplateSpec, path: Path) -> Iterator[FieldError]:
    """Any template of Pods."""
    yield from labels(given.metadata.labels or {}, path / "labels")
    yield from annotation_map(given.metadata.annotations or {}, path / "annotations")
    spec = given.spec or core_v1.PodSpec()
    yield from pod_spec.faults(spec, path / "spec", is_pod=False)
    if spec.ephemeral_containers:
        why = "ephemeral containers not allowed in pod template"
        yield field.forbidden(path / "spec" / "ephemeralContainers", why)


def rolling(path: Path, unavailable: int | str | None, surge: int | str | None) -> Iterator[FieldError]:
    """How many Pods a rolling update may lack and have too many: numbers or percentages, not both none."""
    yield from _portion(unavailable, path / "maxUnavailable")
    yield from _portion(surge, path / "maxSurge")
    if _is_zero(unavailable) and _is_zero(surge):
        why = "may not be 0 when `maxSurge` is 0"
        yield field.invalid(path / "maxUnavailable", unavailable or 0, why)
    if isinstance(unavailable, str) and not names.percent(unavailable) and int(unavailable[:-1]) > 100:
        yield field.invalid(path / "maxUnavailable", unavailable, "must not be greater than 100%")


def _portion(value: int | str | None, path: Path) -> Iterator[FieldError]:
    if isinstance(value, str):
        for fault in names.percent(value):
            yield field.invalid(path, value, fault)
    elif value is not None and value < 0:
        yield field.invalid(path, value, NOT_NEGATIVE)


def _is_zero(value: int | str | None) -> bool:
    if isinstance(value, str):
        return not names.percent(value) and not intstr.scaled(value, 100, round_up=False)
    return not value
