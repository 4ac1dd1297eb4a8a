"""How many Pods a Deployment may have more, and how many fewer, than it asks for (pure; API reference, `RollingUpdateDeployment`)."""

from __future__ import annotations

from podling.api import intstr
from podling.api.types import apps_v1

NEVER = 2**31 - 1
"""What a limit is set to that is none."""


def replicas_of(deployment: apps_v1.Deployment) -> int:
    replicas = deployment.spec.replicas if deployment.spec else None
    return 1 if replicas is None else replicas


def is_rolling(deployment: apps_v1.Deployment) -> bool:
    strategy = deployment.spec.strategy if deployment.spec else None
    return strategy is None or strategy.type != "Recreate"


def max_surge(deployment: apps_v1.Deployment) -> int:
    return _fence(deployment)[0]


def max_unavailable(deployment: apps_v1.Deployment) -> int:
    """Never more than there are to be."""
    return min(_fence(deployment)[1], replicas_of(deployment))


def min_available(deployment: apps_v1.Deployment) -> int:
    return replicas_of(deployment) - max_unavailable(deployment)


def progress_deadline(deployment: apps_v1.Deployment) -> int | None:
    """Seconds without progress after which the Deployment counts as stuck; None: never."""
    seconds = deployment.spec.progress_deadline_seconds if deployment.spec else None
    return None if seconds is None or seconds == NEVER else seconds


def history_limit(deployment: apps_v1.Deployment) -> int | None:
    limit = deployment.spec.revision_history_limit if deployment.spec else None
    return None if limit is None or limit == NEVER else limit


def _fence(deployment: apps_v1.Deployment) -> tuple[int, int]:
    """Surge is rounded up, unavailability down; both zero would mean no way forward, so then one may be missing."""
    if not is_rolling(deployment):
        return 0, 0
    strategy = deployment.spec.strategy if deployment.spec else None
    rolling = (strategy.rolling_update if strategy else None) or apps_v1.RollingUpdateDeployment()
    replicas = replicas_of(deployment)
    surge = intstr.scaled(_or_quarter(rolling.max_surge), replicas, round_up=True)
    unavailable = intstr.scaled(_or_quarter(rolling.max_unavailable), replicas, round_up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _or_quarter(value: int | str | None) -> int | str:
    return "25%" if value is None else value
