"""The core group's own objects: namespaces, nodes, configuration, quotas, Events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layout import AGE, NAME, NONE, UNKNOWN, Cells, Column, Layout, age, name, since, wide

if TYPE_CHECKING:
    from podling.api.types.core_v1 import (
        ComponentStatus,
        ConfigMap,
        Event,
        Namespace,
        Node,
        ResourceQuota,
        Secret,
        ServiceAccount,
    )

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


def _namespace(obj: Namespace, now: float) -> Cells:
    return [name(obj), (obj.status.phase if obj.status else None) or "", age(obj, now)]


NAMESPACES = Layout((NAME, Column("Status", "Whether it is in use or going away."), AGE), _namespace)


def _config_map(obj: ConfigMap, now: float) -> Cells:
    return [name(obj), len(obj.data or ()) + len(obj.binary_data or ()), age(obj, now)]


CONFIG_MAPS = Layout((NAME, Column("Data", "How many entries."), AGE), _config_map)


def _secret(obj: Secret, now: float) -> Cells:
    return [name(obj), obj.type or "", len(obj.data or ()), age(obj, now)]


SECRETS = Layout((NAME, Column("Type", "What it is for."), Column("Data", "How many entries."), AGE), _secret)


def _service_account(obj: ServiceAccount, now: float) -> Cells:
    return [name(obj), len(obj.secrets or ()), age(obj, now)]


SERVICE_ACCOUNTS = Layout((NAME, Column("Secrets", "How many Secrets belong to it."), AGE), _service_account)


def _resource_quota(obj: ResourceQuota, now: float) -> Cells:
    status = obj.status
    hard, used = (status.hard if status else None) or {}, (status.used if status else None) or {}
    requests: list[str] = []
    limits: list[str] = []
    for resource in sorted(hard):
        shown = f"{resource}: {used.get(resource, '0')}/{hard[resource]}"
        (limits if resource.startswith("limits.") else requests).append(shown)
    return [name(obj), ", ".join(requests), ", ".join(limits), age(obj, now)]


RESOURCE_QUOTAS = Layout(
    (
        NAME,
        Column("Request", "Used and allowed, of all but limits."),
        Column("Limit", "Used and allowed limits."),
        AGE,
    ),
    _resource_quota,
)


def _component_status(obj: ComponentStatus, now: float) -> Cells:
    for condition in obj.conditions or ():
        if condition.type == "Healthy":
            state = "Healthy" if condition.status == "True" else "Unhealthy"
            return [name(obj), state, condition.message or "", condition.error or ""]
    return [name(obj), "Unknown", "", ""]


COMPONENT_STATUSES = Layout(
    (
        NAME,
        Column("Status", "How it is."),
        Column("Message", "What it says."),
        Column("Error", "What is wrong."),
    ),
    _component_status,
)


def _node(obj: Node, now: float) -> Cells:
    status = obj.status
    info = status.node_info if status else None
    ready = next(
        (item for item in (status.conditions if status else None) or () if item.type == "Ready"), None
    )
    states = ["Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"]
    if obj.spec is not None and obj.spec.unschedulable:
        states.append("SchedulingDisabled")
    return [
        name(obj),
        ",".join(states),
        _roles(obj.metadata.labels or {}),
        age(obj, now),
        info.kubelet_version if info else "",
        _address(obj, "InternalIP"),
        _address(obj, "ExternalIP"),
        (info.os_image if info else "") or UNKNOWN,
        (info.kernel_version if info else "") or UNKNOWN,
        (info.container_runtime_version if info else "") or UNKNOWN,
    ]


def _roles(labels: dict[str, str]) -> str:
    found = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    found.add(labels.get(_ROLE_LABEL, ""))
    return ",".join(sorted(found - {""})) or NONE


def _address(obj: Node, type: str) -> str:
    for address in (obj.status.addresses if obj.status else None) or ():
        if address.type == type:
            return address.address
    return NONE


NODES = Layout(
    (
        NAME,
        Column("Status", "Whether it is ready and takes Pods."),
        Column("Roles", "What it is for, by its labels."),
        AGE,
        Column("Version", "The version of its agent."),
        wide("Internal-IP", "Its address inside."),
        wide("External-IP", "Its address outside."),
        wide("OS-Image", "Its operating system."),
        wide("Kernel-Version", "Its kernel."),
        wide("Container-Runtime", "Its container runtime."),
    ),
    _node,
)


def _event(obj: Event, now: float) -> Cells:
    first = since(obj.first_timestamp or obj.event_time, now)
    last = since(obj.last_timestamp, now) if obj.last_timestamp else first
    count = obj.count or 1
    if obj.series is not None:
        last = since(obj.series.last_observed_time, now)
        count = obj.series.count or 0
    involved = obj.involved_object
    target = (involved.kind or "").lower()
    return [
        last,
        obj.type or "",
        obj.reason or "",
        f"{target}/{involved.name}" if involved.name else target,
        involved.field_path or "",
        _source(obj),
        (obj.message or "").strip(),
        first,
        count,
        name(obj),
    ]


def _source(obj: Event) -> str:
    component = (obj.source.component if obj.source else None) or obj.reporting_component or ""
    instance = (obj.source.host if obj.source else None) or obj.reporting_instance or ""
    return f"{component}, {instance}" if instance else component


EVENTS = Layout(
    (
        Column("Last Seen", "Time since it last happened."),
        Column("Type", "Normal or Warning."),
        Column("Reason", "Why, in one word."),
        Column("Object", "What it is about."),
        wide("Subobject", "Which part of that."),
        wide("Source", "Who reports it."),
        Column("Message", "What happened."),
        wide("First Seen", "Time since it first happened."),
        wide("Count", "How often it happened."),
        Column("Name", NAME.description, format="name", priority=1),
    ),
    _event,
)
