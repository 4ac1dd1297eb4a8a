"""Groups that run Pods: apps, batch, autoscaling, policy."""

from __future__ import annotations

from .row import builtin

CONTROLLER_REVISION = builtin("apps/v1", "ControllerRevision", "controllerrevisions")
DAEMON_SET = builtin(
    "apps/v1",
    "DaemonSet",
    "daemonsets",
    short=("ds",),
    categories=("all",),
    subresources=("status",),
    generation=True,
)
DEPLOYMENT = builtin(
    "apps/v1",
    "Deployment",
    "deployments",
    short=("deploy",),
    categories=("all",),
    subresources=("scale", "status"),
    generation=True,
)
REPLICA_SET = builtin(
    "apps/v1",
    "ReplicaSet",
    "replicasets",
    short=("rs",),
    categories=("all",),
    subresources=("scale", "status"),
    selectable=("status.replicas",),
    generation=True,
)
STATEFUL_SET = builtin(
    "apps/v1",
    "StatefulSet",
    "statefulsets",
    short=("sts",),
    categories=("all",),
    subresources=("scale", "status"),
    generation=True,
)

CRON_JOB = builtin(
    "batch/v1",
    "CronJob",
    "cronjobs",
    short=("cj",),
    categories=("all",),
    subresources=("status",),
    generation=True,
)
JOB = builtin(
    "batch/v1",
    "Job",
    "jobs",
    categories=("all",),
    subresources=("status",),
    selectable=("status.successful",),
    generation=True,
)

HORIZONTAL_POD_AUTOSCALER = builtin(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    short=("hpa",),
    categories=("all",),
    subresources=("status",),
    generation=True,
)
HORIZONTAL_POD_AUTOSCALER_V1 = builtin(
    "autoscaling/v1",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    short=("hpa",),
    categories=("all",),
    subresources=("status",),
    storage_version="autoscaling/v2",
    convert="horizontalpodautoscaler",
    generation=True,
)
SCALE = builtin("autoscaling/v1", "Scale", "scales", verbs=())

EVICTION = builtin("policy/v1", "Eviction", "evictions", verbs=())
POD_DISRUPTION_BUDGET = builtin(
    "policy/v1",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    short=("pdb",),
    subresources=("status",),
    generation=True,
    unconditional_update=False,
)
