"""Containers with a restart policy of their own, and rules by exit code. (Source: KEP-5307.)"""

from __future__ import annotations

import pytest
from podstate_world import World, container, pod

from podling.runtime.interface import ContainerState


def rule(*codes: int, operator: str = "In") -> dict[str, object]:
    return {"action": "Restart", "exitCodes": {"operator": operator, "values": list(codes)}}


def world(policy: str, **fields: object) -> World:
    made = World(pod(container("main", **fields), container("other"), restartPolicy=policy))
    made.settle()
    return made


@pytest.mark.parametrize(
    ("pods_policy", "own", "rules", "code", "again"),
    [
        ("Never", "Always", [], 0, True),
        ("Never", "OnFailure", [], 0, False),
        ("Never", "OnFailure", [], 1, True),
        ("Always", "Never", [], 1, False),
        ("Never", "Never", [rule(42)], 42, True),
        ("Never", "Never", [rule(42)], 1, False),
        ("Never", "Never", [rule(42, operator="NotIn")], 1, True),
        ("Never", "Never", [rule(42, operator="NotIn")], 42, False),
        ("Never", "Never", [rule(1), rule(2)], 2, True),
        ("Always", "Never", [rule(42)], 0, False),
    ],
)
def test_who_decides(pods_policy: str, own: str, rules: list[object], code: int, again: bool):
    made = world(pods_policy, restartPolicy=own, restartPolicyRules=rules)
    made.exit("main", code)
    made.settle()
    assert (made.newest("main").attempt == 1) is again
    assert made.status.phase == "Running", "the other container runs on"


def test_pod_that_never_restarts_runs_on_while_one_of_its_containers_comes_back():
    made = World(pod(container("main", restartPolicy="OnFailure"), restartPolicy="Never"))
    made.settle()
    for _ in range(3):
        made.exit("main", 1)
        made.settle()
        assert made.status.phase == "Running"
        made.advance(300)
        assert made.newest("main").state is ContainerState.RUNNING
    made.exit("main", 0)
    made.settle()
    assert made.status.phase == "Succeeded"


def test_pod_that_always_restarts_ends_when_none_of_its_containers_is_to_run_again():
    made = World(pod(container("main", restartPolicy="Never"), restartPolicy="Always"))
    made.settle()
    made.exit("main", 3)
    made.settle()
    assert made.status.phase == "Failed"


def test_init_container_that_is_not_tried_again_fails_a_pod_that_would():
    setup = container("setup", restartPolicy="Never")
    made = World(pod(container("main"), initContainers=[setup], restartPolicy="OnFailure"))
    made.settle()
    made.exit("setup", 1)
    made.settle()
    assert made.status.phase == "Failed"


def test_init_container_with_a_rule_is_tried_again_in_a_pod_that_would_not():
    setup = container("setup", restartPolicy="Never", restartPolicyRules=[rule(42)])
    made = World(pod(container("main"), initContainers=[setup], restartPolicy="Never"))
    made.settle()
    made.exit("setup", 42)
    made.settle()
    assert made.newest("setup").attempt == 1
    made.exit("setup", 0)
    made.settle()
    assert made.newest("main").state is ContainerState.RUNNING
