"""The rules that a Job's author may give: what a Pod's failure means, and when success is enough (pure; KEP-3329, KEP-3998)."""

from __future__ import annotations

from dataclasses import dataclass

from podling.api.types import batch_v1, core_v1

from . import indexes


@dataclass(frozen=True, slots=True)
class Match:
    """What the first rule that fits a failed Pod asks for; `action` is "" when none fits, which counts it."""

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        return self.action != "Ignore"


def judge_failure(policy: batch_v1.PodFailurePolicy | None, pod: core_v1.Pod) -> Match:
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        found = _fits(rule, pod)
        if found:
            return Match(rule.action, f"{found} matching {rule.action} rule at index {number}")
    return Match()


def _fits(rule: batch_v1.PodFailurePolicyRule, pod: core_v1.Pod) -> str:
    """What of the Pod fits the rule, for people; "" if nothing does."""
    status = pod.status or core_v1.PodStatus()
    where = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if rule.on_exit_codes is not None:
        for each in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
            end = each.state.terminated if each.state is not None else None
            if end is not None and _exit_fits(rule.on_exit_codes, each.name, end.exit_code):
                return f"Container {each.name} for pod {where} failed with exit code {end.exit_code}"
        return ""
    for pattern in rule.on_pod_conditions or ():
        for condition in status.conditions or ():
            if (condition.type, condition.status) == (pattern.type, pattern.status or "True"):
                return f"Pod {where} has condition {condition.type}"
    return ""


def _exit_fits(rule: batch_v1.PodFailurePolicyOnExitCodesRequirement, container: str, code: int) -> bool:
    if code == 0 or rule.container_name not in (None, container):
        return False
    return (code in rule.values) == (rule.operator == "In")


def succeeded_enough(policy: batch_v1.SuccessPolicy | None, done: frozenset[int], completions: int) -> str:
    """Which rule is met, for people; "" if none is."""
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        asked = (
            indexes.parse(rule.succeeded_indexes, completions) if rule.succeeded_indexes is not None else None
        )
        have = len(done if asked is None else done & asked)
        need = rule.succeeded_count if rule.succeeded_count is not None else len(asked or ())
        if (asked is not None or rule.succeeded_count is not None) and have >= need:
            return f"Matched rules at index {number}"
    return ""
