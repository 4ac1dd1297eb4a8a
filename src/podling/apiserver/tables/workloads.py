"""Kinds that run Pods: ReplicationController, apps, batch, policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from podling.api import selectors, times

from .layout import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    SELECTOR,
    UNSET,
    Cells,
    Column,
    Layout,
    age,
    container_cells,
    flag,
    labels,
    name,
    number,
    selector,
    since,
)

if TYPE_CHECKING:
    from podling.api.types.apps_v1 import ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet
    from podling.api.types.batch_v1 import CronJob, Job
    from podling.api.types.core_v1 import Container, PodTemplate, PodTemplateSpec, ReplicationController
    from podling.api.types.policy_v1 import PodDisruptionBudget


def _containers(template: PodTemplateSpec | None) -> Iterable[Container]:
    return template.spec.containers if template is not None and template.spec is not None else ()


def _replication_controller(obj: ReplicationController, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    return [
        name(obj),
        (spec.replicas if spec else None) or 0,
        status.replicas if status else 0,
        (status.ready_replicas if status else None) or 0,
        age(obj, now),
        *container_cells(_containers(spec.template if spec else None)),
        labels(spec.selector if spec else None),
    ]


_REPLICAS = (
    NAME,
    number("Desired", "Pods wanted."),
    number("Current", "Pods there are."),
    number("Ready", "Pods that are ready."),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
)

REPLICATION_CONTROLLERS = Layout(_REPLICAS, _replication_controller)


def _replica_set(obj: ReplicaSet, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    return [
        name(obj),
        (spec.replicas if spec else None) or 0,
        status.replicas if status else 0,
        (status.ready_replicas if status else None) or 0,
        age(obj, now),
        *container_cells(_containers(spec.template if spec else None)),
        selector(spec.selector if spec else None),
    ]


REPLICA_SETS = Layout(_REPLICAS, _replica_set)


def _deployment(obj: Deployment, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    try:
        chosen = str(selectors.from_struct(spec.selector if spec else None))
    except selectors.SelectorError:
        chosen = "<invalid>"
    return [
        name(obj),
        f"{(status.ready_replicas if status else None) or 0}/{(spec.replicas if spec else None) or 0}",
        (status.updated_replicas if status else None) or 0,
        (status.available_replicas if status else None) or 0,
        age(obj, now),
        *container_cells(_containers(spec.template if spec else None)),
        chosen,
    ]


DEPLOYMENTS = Layout(
    (
        NAME,
        Column("Ready", "Pods that are ready, of those wanted."),
        Column("Up-to-date", "Pods made from the present template."),
        Column("Available", "Pods that have been ready long enough."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _deployment,
)


def _stateful_set(obj: StatefulSet, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    return [
        name(obj),
        f"{(status.ready_replicas if status else None) or 0}/{(spec.replicas if spec else None) or 0}",
        age(obj, now),
        *container_cells(_containers(spec.template if spec else None)),
    ]


STATEFUL_SETS = Layout(
    (NAME, Column("Ready", "Pods that are ready, of those wanted."), AGE, CONTAINERS, IMAGES), _stateful_set
)


def _daemon_set(obj: DaemonSet, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    pod = spec.template.spec if spec else None
    return [
        name(obj),
        status.desired_number_scheduled if status else 0,
        status.current_number_scheduled if status else 0,
        status.number_ready if status else 0,
        (status.updated_number_scheduled if status else None) or 0,
        (status.number_available if status else None) or 0,
        labels(pod.node_selector if pod else None),
        age(obj, now),
        *container_cells(_containers(spec.template if spec else None)),
        selector(spec.selector if spec else None),
    ]


DAEMON_SETS = Layout(
    (
        NAME,
        number("Desired", "Nodes that should run a Pod."),
        number("Current", "Nodes that do."),
        number("Ready", "Nodes whose Pod is ready."),
        number("Up-to-date", "Nodes whose Pod is made from the present template."),
        number("Available", "Nodes whose Pod has been ready long enough."),
        Column("Node Selector", "Labels of the nodes that are meant."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _daemon_set,
)


def _controller_revision(obj: ControllerRevision, now: float) -> Cells:
    owner = next((ref for ref in obj.metadata.owner_references or () if ref.controller), None)
    controller = NONE
    if owner is not None:
        group = owner.api_version.rpartition("/")[0]
        kind = f"{owner.kind}.{group}" if group else owner.kind
        controller = f"{kind.lower()}/{owner.name}"
    return [name(obj), controller, obj.revision or 0, age(obj, now)]


CONTROLLER_REVISIONS = Layout(
    (
        NAME,
        Column("Controller", "What the revision belongs to."),
        Column("Revision", "Its number; the largest is the latest."),
        AGE,
    ),
    _controller_revision,
)


def _pod_template(obj: PodTemplate, now: float) -> Cells:
    metadata = obj.template.metadata if obj.template else None
    return [
        name(obj),
        *container_cells(_containers(obj.template)),
        labels(metadata.labels if metadata else None),
    ]


POD_TEMPLATES = Layout(
    (
        NAME,
        Column("Containers", CONTAINERS.description),
        Column("Images", IMAGES.description),
        Column("Pod Labels", "Labels of the Pods made from it."),
    ),
    _pod_template,
)


def _job(obj: Job, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    return [
        name(obj),
        _job_status(obj),
        _completions(obj),
        _duration(status.start_time, status.completion_time, now) if status else "",
        age(obj, now),
        *container_cells(_containers(spec.template if spec else None)),
        selector(spec.selector if spec else None),
    ]


def _job_status(obj: Job) -> str:
    true = {
        item.type for item in (obj.status.conditions if obj.status else None) or () if item.status == "True"
    }
    for condition in ("Complete", "Failed"):
        if condition in true:
            return condition
    if obj.metadata.deletion_timestamp:
        return "Terminating"
    if "Suspended" in true:
        return "Suspended"
    return "FailureTarget" if "FailureTarget" in true else "Running"


def _completions(obj: Job) -> str:
    spec = obj.spec
    succeeded = (obj.status.succeeded if obj.status else None) or 0
    if spec is not None and spec.completions is not None:
        return f"{succeeded}/{spec.completions}"
    parallelism = (spec.parallelism if spec else None) or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(start: str | None, end: str | None, now: float) -> str:
    if not start:
        return ""
    return times.human_duration((times.parse(end) if end else now) - times.parse(start))


JOBS = Layout(
    (
        NAME,
        Column("Status", "How the Job stands."),
        Column("Completions", "Pods that succeeded, of those needed."),
        Column("Duration", "Time that the Job took or has taken so far."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _job,
)


def _cron_job(obj: CronJob, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    job = spec.job_template.spec if spec else None
    last = status.last_schedule_time if status else None
    return [
        name(obj),
        spec.schedule if spec else "",
        (spec.time_zone if spec else None) or NONE,
        _truth(spec.suspend if spec else None),
        len((status.active if status else None) or ()),
        since(last, now) if last else NONE,
        age(obj, now),
        *container_cells(_containers(job.template if job else None)),
        selector(job.selector if job else None),
    ]


def _truth(value: bool | None) -> str:
    return UNSET if value is None else str(value)


CRON_JOBS = Layout(
    (
        NAME,
        Column("Schedule", "When Jobs are made, in cron's form."),
        Column("Timezone", "The time zone that the schedule is meant in."),
        flag("Suspend", "Whether no further Jobs are made."),
        number("Active", "Jobs now running."),
        Column("Last Schedule", "Time since a Job was last made."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _cron_job,
)


def _disruption_budget(obj: PodDisruptionBudget, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    return [
        name(obj),
        _or_not_applicable(spec.min_available if spec else None),
        _or_not_applicable(spec.max_unavailable if spec else None),
        (status.disruptions_allowed if status else None) or 0,
        age(obj, now),
    ]


def _or_not_applicable(value: int | str | None) -> str:
    return "N/A" if value is None else str(value)


DISRUPTION_BUDGETS = Layout(
    (
        NAME,
        Column("Min Available", "Pods that must stay available."),
        Column("Max Unavailable", "Pods that may be unavailable."),
        number("Allowed Disruptions", "Pods that may be disrupted now."),
        AGE,
    ),
    _disruption_budget,
)
