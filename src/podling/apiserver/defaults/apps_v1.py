"""Defaults of Deployments, ReplicaSets, StatefulSets and DaemonSets."""

from __future__ import annotations

from podling.api.types import apps_v1

from .pod_spec import template

QUARTER = "25%"
HISTORY = 10
DEADLINE_SECONDS = 600


def deployment(body: apps_v1.Deployment) -> None:
    spec = body.spec
    spec.replicas = 1 if spec.replicas is None else spec.replicas
    if spec.strategy is None:
        spec.strategy = apps_v1.DeploymentStrategy()
    strategy = spec.strategy
    strategy.type = strategy.type or "RollingUpdate"
    if strategy.type == "RollingUpdate":
        rolling = strategy.rolling_update = strategy.rolling_update or apps_v1.RollingUpdateDeployment()
        rolling.max_unavailable = QUARTER if rolling.max_unavailable is None else rolling.max_unavailable
        rolling.max_surge = QUARTER if rolling.max_surge is None else rolling.max_surge
    if spec.revision_history_limit is None:
        spec.revision_history_limit = HISTORY
    if spec.progress_deadline_seconds is None:
        spec.progress_deadline_seconds = DEADLINE_SECONDS
    template(spec.template)


def replica_set(body: apps_v1.ReplicaSet) -> None:
    body.spec.replicas = 1 if body.spec.replicas is None else body.spec.replicas
    template(body.spec.template)


def stateful_set(body: apps_v1.StatefulSet) -> None:
    spec = body.spec
    spec.replicas = 1 if spec.replicas is None else spec.replicas
    spec.pod_management_policy = spec.pod_management_policy or "OrderedReady"
    if spec.update_strategy is None:
        spec.update_strategy = apps_v1.StatefulSetUpdateStrategy()
    strategy = spec.update_strategy
    if not strategy.type:
        strategy.type = "RollingUpdate"
        strategy.rolling_update = strategy.rolling_update or apps_v1.RollingUpdateStatefulSetStrategy()
    if strategy.type == "RollingUpdate" and strategy.rolling_update is not None:
        strategy.rolling_update.partition = strategy.rolling_update.partition or 0
    if spec.revision_history_limit is None:
        spec.revision_history_limit = HISTORY
    retention = spec.persistent_volume_claim_retention_policy
    if retention is None:
        retention = apps_v1.StatefulSetPersistentVolumeClaimRetentionPolicy()
        spec.persistent_volume_claim_retention_policy = retention
    retention.when_deleted = retention.when_deleted or "Retain"
    retention.when_scaled = retention.when_scaled or "Retain"
    for claim in spec.volume_claim_templates or ():
        if claim.spec is not None:
            claim.spec.volume_mode = claim.spec.volume_mode or "Filesystem"
    template(spec.template)


def daemon_set(body: apps_v1.DaemonSet) -> None:
    spec = body.spec
    if spec.update_strategy is None:
        spec.update_strategy = apps_v1.DaemonSetUpdateStrategy()
    strategy = spec.update_strategy
    strategy.type = strategy.type or "RollingUpdate"
    if strategy.type == "RollingUpdate":
        rolling = strategy.rolling_update = strategy.rolling_update or apps_v1.RollingUpdateDaemonSet()
        rolling.max_unavailable = 1 if rolling.max_unavailable is None else rolling.max_unavailable
        rolling.max_surge = 0 if rolling.max_surge is None else rolling.max_surge
    if spec.revision_history_limit is None:
        spec.revision_history_limit = HISTORY
    template(spec.template)


DEFAULTS = {
    "DaemonSet": daemon_set,
    "Deployment": deployment,
    "ReplicaSet": replica_set,
    "StatefulSet": stateful_set,
}
