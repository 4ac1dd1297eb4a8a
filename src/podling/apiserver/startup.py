"""What every cluster has from its first second, and what a start puts right.

    system Namespaces -> bootstrap roles and bindings, system PriorityClasses, metrics.k8s.io, the `kubernetes` Service
    and where it leads

Objects go the way of every write (admission, validation, managed fields) under the server's own name.  What is there
already is left alone, but for bootstrap roles of an older version, which are brought up to date unless their owner has
taken them over (`rbac.authorization.kubernetes.io/autoupdate`), and the address of this server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from podling.api import codec, errors, kinds
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.api.types import apiregistration_v1, core_v1, discovery_v1, meta_v1, scheduling_v1
from podling.api.types.flowcontrol_v1 import FlowSchema, FlowSchemaCondition, FlowSchemaStatus

from . import creation
from .auth.authorize import MASTERS
from .auth.bootstrap import bootstrap_objects
from .call import Call, Services
from .change import STATUS, Make, change
from .fairness import bootstrap as fairness_rules
from .options import WriteOptions
from .request import Query, Request, RequestInfo, UserInfo
from .validation.priority_class import SYSTEM

USER = UserInfo("system:apiserver", groups=(MASTERS, "system:authenticated"))
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
AUTOUPDATE = ("rbac.authorization.kubernetes.io/autoupdate", fairness_rules.AUTOUPDATE)
"""With these an owner says that an object is his from now on."""
_PRIORITIES = {
    "system-cluster-critical": (
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
    ),
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
}
_OPTIONS = WriteOptions(field_manager="podling-apiserver", field_validation="Ignore")
_SERVER = "kubernetes"
_APART = ("kind", "api_version", "metadata", "status")


async def bootstrap(services: Services) -> None:
    """Make what is missing; all of one step share commits."""
    await _ensure(
        services, (core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)) for name in NAMESPACES)
    )
    ours = [*bootstrap_objects(), *_priority_classes(), _service(services), _metrics()]
    await _ensure(services, ours)
    endpoints = _endpoints(services)
    await _ensure(services, endpoints)
    await _update(services, [*bootstrap_objects(), *endpoints])


async def _ensure(services: Services, bodies: Iterable[Any]) -> None:
    """Create those that do not exist."""
    missing = [body for body in bodies if _stored(services, body) is None]
    async with asyncio.TaskGroup() as group:
        for body in missing:
            obj = Object(kinds.of(type(body)), codec.struct_clone(body))
            group.create_task(_create(services, obj), name=f"bootstrap {obj}")


async def _create(services: Services, obj: Object) -> None:
    call = _call(services, obj.kind, obj.namespace, "", "create")
    call.resource.default(obj.body)
    try:
        await creation.create(call, obj, options=_OPTIONS)
    except errors.AlreadyExists:
        return  # another server on the same store was faster


async def _update(services: Services, bodies: Sequence[Any]) -> None:
    """Bring those up to date that say something else than they should and still are the server's to change."""
    for body in bodies:
        stored = _stored(services, body)
        if stored is None or _is_taken_over(stored):
            continue
        wanted = codec.struct_clone(body)
        call = _call(
            services, kinds.of(type(body)), body.metadata.namespace or "", body.metadata.name or "", "update"
        )
        call.resource.default(wanted)
        if _content(wanted) != _content(stored):
            await change(call, _replacing(wanted), options=_OPTIONS)


def _is_taken_over(stored: Any) -> bool:
    annotations = stored.metadata.annotations or {}
    return any(annotations.get(name) == "false" for name in AUTOUPDATE)


async def ensure(services: Services, bodies: Sequence[Any]) -> None:
    """Objects that must be there as they are given, unless an owner has taken them over."""
    await _ensure(services, bodies)
    await _update(services, bodies)


async def show(services: Services, schema: FlowSchema, conditions: list[FlowSchemaCondition]) -> None:
    """Write the conditions of a FlowSchema."""

    def shown(old: Object, _: bytes) -> Object:
        new = codec.clone(old)
        new.body.status = FlowSchemaStatus(conditions=conditions)
        return new

    call = _call(services, kinds.FLOW_SCHEMA, "", schema.metadata.name or "", "update")
    with contextlib.suppress(errors.NotFound):
        await change(call, shown, options=_OPTIONS, scope=STATUS)


def _content(body: Any) -> list[Any]:
    """What an object says besides its metadata and status."""
    return [getattr(body, name) for name in _content_names(body)]


def _content_names(body: msgspec.Struct) -> list[str]:
    return [name for name in body.__struct_fields__ if name not in _APART]


def _replacing(wanted: Any) -> Make:
    """The stored object with the content of another."""

    def replaced(old: Object, _: bytes) -> Object:
        new = codec.clone(old)
        for name in _content_names(wanted):
            setattr(new.body, name, getattr(wanted, name))
        return new

    return replaced


def _stored(services: Services, body: Any) -> Any | None:
    meta = body.metadata
    return services.world.read(kinds.of(type(body)), meta.namespace or "", meta.name or "")


def _call(services: Services, kind: Kind, namespace: str, name: str, verb: str) -> Call:
    """A call of the server's own."""
    info = RequestInfo(
        verb=verb,
        path="",
        is_resource=True,
        group=kind.group,
        version=kind.version,
        namespace=namespace,
        resource=kind.plural,
        name=name,
    )
    request = Request("", "", Query(), {}, user=USER, info=info)
    return Call(services, request, services.resources.of(kind), USER)


def _priority_classes() -> list[scheduling_v1.PriorityClass]:
    return [
        scheduling_v1.PriorityClass(
            metadata=meta_v1.ObjectMeta(name=name), value=SYSTEM[name], description=words
        )
        for name, words in _PRIORITIES.items()
    ]


def _metrics() -> apiregistration_v1.APIService:
    """What installers of upstream's metrics server look for: the group is served already."""
    row = kinds.POD_METRICS
    return apiregistration_v1.APIService(
        metadata=meta_v1.ObjectMeta(name=f"{row.version}.{row.group}"),
        spec=apiregistration_v1.APIServiceSpec(
            group=row.group, version=row.version, group_priority_minimum=100, version_priority=100
        ),
    )


def _service(services: Services) -> core_v1.Service:
    """`kubernetes.default`: how Pods reach this server."""
    config = services.config
    port = core_v1.ServicePort(name="https", port=443, protocol="TCP", target_port=config.advertise_port)
    return core_v1.Service(
        metadata=meta_v1.ObjectMeta(
            name=_SERVER, namespace="default", labels={"component": "apiserver", "provider": _SERVER}
        ),
        spec=core_v1.ServiceSpec(
            type="ClusterIP",
            cluster_ip=str(config.service_network()[1]),
            session_affinity="None",
            ports=[port],
        ),
    )


def _endpoints(services: Services) -> list[core_v1.Endpoints | discovery_v1.EndpointSlice]:
    """Where the `kubernetes` Service leads; nothing while nobody has said where this server is reached."""
    config = services.config
    if not config.advertise_address:
        return []
    address, port = config.advertise_address, config.advertise_port
    subset = core_v1.EndpointSubset(
        addresses=[core_v1.EndpointAddress(ip=address)],
        ports=[core_v1.EndpointPort(name="https", port=port, protocol="TCP")],
    )
    mirrored = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    owner = {"kubernetes.io/service-name": _SERVER}
    return [
        core_v1.Endpoints(
            metadata=meta_v1.ObjectMeta(name=_SERVER, namespace="default", labels=mirrored), subsets=[subset]
        ),
        discovery_v1.EndpointSlice(
            metadata=meta_v1.ObjectMeta(name=_SERVER, namespace="default", labels=owner),
            address_type="IPv4",
            endpoints=[
                discovery_v1.Endpoint(
                    addresses=[address], conditions=discovery_v1.EndpointConditions(ready=True)
                )
            ],
            ports=[discovery_v1.EndpointPort(name="https", port=port, protocol="TCP")],
        ),
    ]
