"""A container's own restart policy and its rules (KEP-5307, KEP-5532)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.pod.restarts import ACTIONS
from podling.api.types import core_v1

POLICIES = ("Always", "Never", "OnFailure")
MAX_RULES = 20
MAX_CODES = 255


def faults(container: core_v1.Container, path: Path) -> Iterator[FieldError]:
    """What is wrong with `restartPolicy` and `restartPolicyRules` of the container at ``path``."""
    policy, rules = container.restart_policy, container.restart_policy_rules or []
    if policy is None:
        if rules:
            why = "must specify restartPolicy when restart rules are used"
            yield field.required(path / "restartPolicy", why)
        return
    if policy not in POLICIES:
        yield field.not_supported(path / "restartPolicy", policy, POLICIES)
    if len(rules) > MAX_RULES:
        yield field.too_many(path / "restartPolicyRules", len(rules), MAX_RULES)
    for index, rule in enumerate(rules):
        yield from _rule(rule, path / "restartPolicyRules" / index)


def _rule(rule: core_v1.ContainerRestartRule, path: Path) -> Iterator[FieldError]:
    if rule.action not in ACTIONS:
        yield field.not_supported(path / "action", rule.action, ACTIONS)
    codes = rule.exit_codes
    if codes is None:
        yield field.required(path / "exitCodes", "must be specified")
        return
    if codes.operator not in ("In", "NotIn"):
        yield field.not_supported(path / "exitCodes" / "operator", codes.operator, ("In", "NotIn"))
    if len(codes.values or ()) > MAX_CODES:
        yield field.too_many(path / "exitCodes" / "values", len(codes.values or ()), MAX_CODES)
