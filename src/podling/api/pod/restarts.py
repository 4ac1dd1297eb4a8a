"""Whether a container that has ended is started again (`pkg/kubelet/container/helpers.go`, KEP-5307).

The container's first rule that fits its exit code decides; then its own policy, if it has one; then the Pod's.  A rule may
also have all of the Pod's containers start anew (KEP-5532).
"""

from __future__ import annotations

from podling.api.types.core_v1 import Container, ContainerRestartRule, PodSpec

RESTART_ALL = "RestartAllContainers"
ACTIONS = ("Restart", RESTART_ALL)


def is_restarted(spec: PodSpec, container: Container, exit_code: int) -> bool:
    """What is to follow the end of ``container`` with ``exit_code``."""
    if container.restart_policy and _rule(container, exit_code) is not None:
        return True
    policy = container.restart_policy or spec.restart_policy or "Always"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def restarts_all(container: Container, exit_code: int) -> bool:
    """Whether the end of ``container`` with ``exit_code`` makes all of its Pod's containers start anew."""
    rule = _rule(container, exit_code)
    return rule is not None and rule.action == RESTART_ALL


def may_restart_all(spec: PodSpec) -> bool:
    """Whether a container of the Pod has such a rule."""
    containers = (*(spec.init_containers or ()), *spec.containers)
    return any(rule.action == RESTART_ALL for each in containers for rule in each.restart_policy_rules or ())


def _rule(container: Container, exit_code: int) -> ContainerRestartRule | None:
    """The first rule that fits."""
    return next((rule for rule in container.restart_policy_rules or () if _fits(rule, exit_code)), None)


def _fits(rule: ContainerRestartRule, exit_code: int) -> bool:
    codes = rule.exit_codes
    if rule.action not in ACTIONS or codes is None:
        return False
    return (exit_code in (codes.values or ())) == (codes.operator == "In")
