"""Whether a container that has ended is started again (`pkg/kubelet/container/helpers.go`, KEP-5307).

The container's first rule that fits its exit code decides; then its own policy, if it has one; then the Pod's.
"""

from __future__ import annotations

from podling.api.types.core_v1 import Container, ContainerRestartRule, PodSpec


def is_restarted(spec: PodSpec, container: Container, exit_code: int) -> bool:
    """What is to follow the end of ``container`` with ``exit_code``."""
    if container.restart_policy and any(_fits(r, exit_code) for r in container.restart_policy_rules or ()):
        return True
    policy = container.restart_policy or spec.restart_policy or "Always"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _fits(rule: ContainerRestartRule, exit_code: int) -> bool:
    codes = rule.exit_codes
    if rule.action != "Restart" or codes is None:
        return False
    return (exit_code in (codes.values or ())) == (codes.operator == "In")
