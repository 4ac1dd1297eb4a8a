"""Restart policies of containers: what is refused, in which words. (Source: `pkg/apis/core/validation`, KEP-5307.)"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api.field import Path
from podling.api.types import core_v1
from podling.apiserver.validation import restarts

GOOD = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
RULES = "spec.containers[0].restartPolicyRules"


def said(**fields: Any) -> list[str]:
    made = msgspec.convert({"name": "main", **fields}, core_v1.Container)
    return [str(fault) for fault in restarts.faults(made, Path("spec") / "containers" / 0)]


@pytest.mark.parametrize("policy", ["Always", "Never", "OnFailure"])
def test_policies_with_rules_are_accepted(policy: str):
    rules = [GOOD, GOOD | {"action": "RestartAllContainers"}]
    assert said(restartPolicy=policy, restartPolicyRules=rules) == []


def test_no_policy_is_accepted():
    assert said() == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"restartPolicy": "Sometimes"},
            'spec.containers[0].restartPolicy: Unsupported value: "Sometimes": '
            'supported values: "Always", "Never", "OnFailure"',
        ),
        (
            {"restartPolicyRules": [GOOD]},
            "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
        ),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [GOOD] * 21},
            f"{RULES}: Too many: 21: must have at most 20 items",
        ),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [GOOD | {"action": "Explode"}]},
            f'{RULES}[0].action: Unsupported value: "Explode": supported values: "Restart", "RestartAllContainers"',
        ),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]},
            f"{RULES}[0].exitCodes: Required value: must be specified",
        ),
        (
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [GOOD | {"exitCodes": {"operator": "Is", "values": [1]}}],
            },
            f'{RULES}[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
        ),
        (
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [GOOD | {"exitCodes": {"operator": "In", "values": [*range(256)]}}],
            },
            f"{RULES}[0].exitCodes.values: Too many: 256: must have at most 255 items",
        ),
    ],
)
def test_what_is_refused(fields: dict[str, Any], fault: str):
    assert said(**fields) == [fault]
