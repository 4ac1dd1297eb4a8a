"""The rules of MutatingWebhookConfigurations and ValidatingWebhookConfigurations (pkg/apis/admissionregistration/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import admissionregistration_v1 as admission

from . import admission_rules, scheduling, webhook_clients
from .admission_rules import FAILURE_POLICIES, MATCH_POLICIES, supported
from .metadata import each

WEBHOOKS = Path("webhooks")
REVIEW_VERSIONS = ("v1", "v1beta1")
MAX_TIMEOUT_SECONDS = 30
_NO_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_SIDE_EFFECTS = (*_NO_SIDE_EFFECTS, "Some", "Unknown")
_REINVOCATION = ("IfNeeded", "Never")

Webhook: TypeAlias = admission.MutatingWebhook | admission.ValidatingWebhook
Configuration: TypeAlias = admission.MutatingWebhookConfiguration | admission.ValidatingWebhookConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class _Insists:
    """On which newer rules: not on those that what was stored before does not keep either."""

    on_no_side_effects: bool = True
    on_known_versions: bool = True
    on_unique_names: bool = True
    on_label_values: bool = True


def create(configuration: Configuration) -> Iterator[FieldError]:
    yield from _webhooks(configuration.webhooks or [], (), _Insists())


def update(configuration: Configuration, old: Configuration) -> Iterator[FieldError]:
    had: Sequence[Webhook] = old.webhooks or []
    insists = _Insists(
        on_no_side_effects=all(hook.side_effects in _NO_SIDE_EFFECTS for hook in had),
        on_known_versions=all(
            not hook.admission_review_versions or _has_known(hook.admission_review_versions) for hook in had
        ),
        on_unique_names=len({hook.name for hook in had}) == len(had),
        on_label_values=not any(fault for hook in had for fault in _selectors(hook, WEBHOOKS)),
    )
    yield from _webhooks(configuration.webhooks or [], had, insists)


def _webhooks(hooks: Sequence[Webhook], had: Sequence[Webhook], insists: _Insists) -> Iterator[FieldError]:
    conditions_changed = len(hooks) != len(had) or any(
        not codec.semantic_equal(new.match_conditions, old.match_conditions)
        for new, old in zip(hooks, had, strict=True)
    )
    seen = set()
    for index, hook in enumerate(hooks):
        path = WEBHOOKS / index
        yield from _webhook(hook, path, insists)
        if conditions_changed:
            yield from admission_rules.conditions(hook.match_conditions or (), path / "matchConditions")
        versions = hook.admission_review_versions
        where = path / "admissionReviewVersions"
        yield from _review_versions(versions, where, needs_known=insists.on_known_versions)
        if insists.on_unique_names and hook.name in seen:
            yield field.duplicate(path / "name", hook.name)
        seen.add(hook.name or None)


def _webhook(hook: Webhook, path: Path, insists: _Insists) -> Iterator[FieldError]:
    yield from _name(hook.name, path / "name")
    for index, rule in enumerate(hook.rules or ()):
        yield from admission_rules.rule(rule, path / "rules" / index)
    yield from supported(hook.failure_policy, path / "failurePolicy", FAILURE_POLICIES)
    yield from supported(hook.match_policy, path / "matchPolicy", MATCH_POLICIES)
    effects = _NO_SIDE_EFFECTS if insists.on_no_side_effects else _SIDE_EFFECTS
    if not hook.side_effects:
        yield field.required(path / "sideEffects", f"must specify one of {', '.join(effects)}")
    else:
        yield from supported(hook.side_effects, path / "sideEffects", effects)
    seconds = hook.timeout_seconds
    if seconds is not None and not 1 <= seconds <= MAX_TIMEOUT_SECONDS:
        why = f"the timeout value must be between 1 and {MAX_TIMEOUT_SECONDS} seconds"
        yield field.invalid(path / "timeoutSeconds", seconds, why)
    for fault in _selectors(hook, path):
        if insists.on_label_values or not fault.field.rpartition(".")[2].startswith("values["):
            yield fault
    if isinstance(hook, admission.MutatingWebhook):
        yield from supported(hook.reinvocation_policy, path / "reinvocationPolicy", _REINVOCATION)
    config = hook.client_config
    yield from webhook_clients.client(config.url, config.service, path / "clientConfig")


def _selectors(hook: Webhook, path: Path) -> Iterator[FieldError]:
    if hook.namespace_selector is not None:
        yield from scheduling.label_selector(hook.namespace_selector, path / "namespaceSelector")
    if hook.object_selector is not None:
        yield from scheduling.label_selector(hook.object_selector, path / "objectSelector")


def _name(name: str, path: Path) -> Iterator[FieldError]:
    wrong = names.dns1123_subdomain(name)
    if not name:
        yield field.required(path)
    elif wrong:
        yield field.invalid(path, name, ",".join(wrong))
    elif name.count(".") < 2:
        yield field.invalid(path, name, "should be a domain with at least three segments separated by dots")


def _has_known(versions: list[str]) -> bool:
    return any(version in REVIEW_VERSIONS for version in versions)


def _review_versions(versions: list[str], path: Path, *, needs_known: bool) -> Iterator[FieldError]:
    known = ", ".join(REVIEW_VERSIONS)
    if not versions:
        yield field.required(path, f"must specify one of {known}")
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield field.invalid(path / index, version, "duplicate version")
        else:
            yield from each(names.dns1035_label, version, path / index)
    if needs_known and not _has_known(versions):
        yield field.invalid(path, versions, f"must include at least one of {known}")
