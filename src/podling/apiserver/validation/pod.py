"""What a Pod may be, and what of a Pod may change.

The rules of the spec itself are in `pod_spec` and the modules it draws on; they hold for templates as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from podling.api import codec, field, names
from podling.api import pod as pods
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import pod_spec, scheduling
from .metadata import METADATA, each, immutable

SPEC = Path("spec")
STATUS = Path("status")
MIRROR = "kubernetes.io/config.mirror"
MAX_INT32 = 2**31 - 1
UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_SYSTEM_CONDITIONS = {"PodScheduled", "Ready", "Initialized"}


def create(pod: core_v1.Pod) -> Iterator[FieldError]:
    spec = _spec(pod)
    yield from _whole(pod, spec)
    if spec.ephemeral_containers:
        yield field.forbidden(SPEC / "ephemeralContainers", "cannot be set on create")
    if spec.node_name and spec.scheduling_gates:
        yield field.forbidden(SPEC / "nodeName", "cannot be set until all schedulingGates have been cleared")


def update(pod: core_v1.Pod, old: core_v1.Pod) -> Iterator[FieldError]:
    """Only images, a shorter deadline, more tolerations and fewer gates are changes that a running Pod can follow."""
    spec, before = _spec(pod), _spec(old)
    yield from _whole(pod, spec)
    yield from _mirror(pod, old)
    if codec.semantic_equal(spec, before):
        return
    for name, new, was in (
        ("containers", spec.containers, before.containers),
        ("initContainers", spec.init_containers or [], before.init_containers or []),
    ):
        if len(new) != len(was):
            yield field.forbidden(SPEC / name, "pod updates may not add or remove containers")
            return
    deadline = list(_deadline(spec.active_deadline_seconds, before.active_deadline_seconds))
    yield from deadline
    if deadline:
        return
    yield from _tolerations(spec.tolerations or [], before.tolerations or [])
    yield from _gates(spec.scheduling_gates or [], before.scheduling_gates or [])
    yield from _the_rest(spec, before)


def update_status(pod: core_v1.Pod, old: core_v1.Pod) -> Iterator[FieldError]:
    yield from _mirror(pod, old)
    status = pod.status or core_v1.PodStatus()
    before = old.status or core_v1.PodStatus()
    for index, condition in enumerate(status.conditions or ()):
        if condition.type not in _SYSTEM_CONDITIONS:
            yield from each(names.label_key, condition.type, METADATA / "conditions" / index / "Type")
    if status.nominated_node_name and status.nominated_node_name != before.nominated_node_name:
        yield from each(names.dns1123_subdomain, status.nominated_node_name, STATUS / "nominatedNodeName")
    yield from immutable(status.qos_class, before.qos_class, STATUS / "qosClass")
    yield from _transitions(
        status.container_statuses, before.container_statuses, "containerStatuses", spec=_spec(old)
    )
    yield from _transitions(
        status.init_container_statuses,
        before.init_container_statuses,
        "initContainerStatuses",
        spec=_spec(old),
    )
    for index, address in enumerate(status.pod_ips or ()):
        yield from each(names.ip_address, address.ip, STATUS / "podIPs" / index)
    yield from _host_ips(status)


def _spec(pod: core_v1.Pod) -> core_v1.PodSpec:
    return pod.spec or core_v1.PodSpec()


def _whole(pod: core_v1.Pod, spec: core_v1.PodSpec) -> Iterator[FieldError]:
    yield from pod_spec.faults(spec, SPEC, is_pod=True)
    mirror = (pod.metadata.annotations or {}).get(MIRROR)
    if mirror is not None and not spec.node_name:
        path = (METADATA / "annotations").key(MIRROR)
        yield field.invalid(path, mirror, "must set spec.nodeName if mirror pod annotation is set")
    if not spec.service_account_name:
        yield from _tokens_without_account(spec)


def _tokens_without_account(spec: core_v1.PodSpec) -> Iterator[FieldError]:
    for index, volume in enumerate(spec.volumes or ()):
        for at, source in enumerate((volume.projected.sources if volume.projected else None) or ()):
            if source.service_account_token is not None:
                path = SPEC / "volumes" / index / "projected" / "sources" / at / "serviceAccountToken"
                yield field.forbidden(path, "must not be specified when serviceAccountName is not set")


def _mirror(pod: core_v1.Pod, old: core_v1.Pod) -> Iterator[FieldError]:
    new = (pod.metadata.annotations or {}).get(MIRROR)
    was = (old.metadata.annotations or {}).get(MIRROR)
    if new != was:
        what = (
            "may not add mirror pod annotation"
            if was is None
            else "may not remove or update mirror pod annotation"
        )
        yield field.forbidden((METADATA / "annotations").key(MIRROR), what)


def _deadline(new: int | None, old: int | None) -> Iterator[FieldError]:
    path = SPEC / "activeDeadlineSeconds"
    if new is None:
        if old is not None:
            yield field.invalid(path, None, "must not update from a positive integer to nil value")
    elif not 0 <= new <= MAX_INT32:
        yield field.invalid(path, new, names.between(0, MAX_INT32))
    elif old is not None and old < new:
        yield field.invalid(path, new, "must be less than or equal to previous value")


def _tolerations(new: list[core_v1.Toleration], old: list[core_v1.Toleration]) -> Iterator[FieldError]:
    def timeless(toleration: core_v1.Toleration) -> core_v1.Toleration:
        return msgspec.structs.replace(toleration, toleration_seconds=None)

    kept = [timeless(toleration) for toleration in new]
    if any(timeless(toleration) not in kept for toleration in old):
        why = "existing toleration can not be modified except its tolerationSeconds"
        yield field.forbidden(SPEC / "tolerations", why)
    else:
        yield from scheduling.tolerations(new, SPEC / "tolerations")


def _gates(
    new: list[core_v1.PodSchedulingGate], old: list[core_v1.PodSchedulingGate]
) -> Iterator[FieldError]:
    known = {gate.name for gate in old}
    for index, gate in enumerate(new):
        if gate.name not in known:
            why = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            yield field.forbidden(SPEC / "schedulingGates" / index / "name", why)


def _the_rest(spec: core_v1.PodSpec, before: core_v1.PodSpec) -> Iterator[FieldError]:
    """With everything that may change set back, nothing may differ."""
    munged = codec.struct_clone(spec)
    for new, was in (
        *zip(munged.containers, before.containers, strict=True),
        *zip(munged.init_containers or (), before.init_containers or (), strict=True),
    ):
        new.image = was.image
    munged.active_deadline_seconds = before.active_deadline_seconds
    munged.scheduling_gates = before.scheduling_gates
    munged.tolerations = before.tolerations
    if (before.termination_grace_period_seconds or 0) < 0 and munged.termination_grace_period_seconds == 1:
        munged.termination_grace_period_seconds = before.termination_grace_period_seconds
    if before.scheduling_gates:
        yield from _gated(munged, before)
    if not codec.semantic_equal(munged, before):
        changed = ", ".join(_differences(munged, before))
        yield field.forbidden(
            SPEC, f"pod updates may not change fields other than {UPDATABLE}\nchanged: {changed}"
        )


def _gated(munged: core_v1.PodSpec, before: core_v1.PodSpec) -> Iterator[FieldError]:
    """A Pod that no scheduler has looked at yet may be narrowed down to fewer nodes."""
    selector = munged.node_selector or {}
    for key, value in (before.node_selector or {}).items():
        if selector.get(key) != value:
            yield field.invalid(
                SPEC / "nodeSelector", selector, "only additions are allowed for nodeSelector"
            )
            break
    munged.node_selector = before.node_selector
    old_affinity = before.affinity.node_affinity if before.affinity else None
    if munged.affinity is not None and (
        old_affinity is None or old_affinity == munged.affinity.node_affinity
    ):
        munged.affinity.node_affinity = old_affinity
        if before.affinity is None and munged.affinity == core_v1.Affinity():
            munged.affinity = None


def _differences(new: msgspec.Struct, old: msgspec.Struct) -> list[str]:
    named = zip(new.__struct_fields__, new.__struct_encode_fields__, strict=True)
    return [
        name
        for attribute, name in named
        if not codec.semantic_equal(getattr(new, attribute), getattr(old, attribute))
    ]


def _transitions(
    new: Sequence[core_v1.ContainerStatus] | None,
    old: Sequence[core_v1.ContainerStatus] | None,
    name: str,
    *,
    spec: core_v1.PodSpec,
) -> Iterator[FieldError]:
    """A container that is not to be restarted does not run again, unless all of its Pod may be."""
    if pods.may_restart_all(spec):
        return
    containers = {
        container.name: container for container in (*spec.containers, *(spec.init_containers or ()))
    }
    running = {status.name for status in new or () if not _terminated(status)}
    for index, status in enumerate(old or ()):
        ended = _terminated(status)
        container = containers.get(status.name, core_v1.Container(name=status.name))
        if ended is None or pods.is_restarted(spec, container, ended.exit_code):
            continue
        if status.name in running:
            why = "may not be transitioned to non-terminated state"
            yield field.forbidden(STATUS / name / index / "state", why)


def _terminated(status: core_v1.ContainerStatus) -> Any:
    return status.state.terminated if status.state is not None else None


def _host_ips(status: core_v1.PodStatus) -> Iterator[FieldError]:
    for index, address in enumerate(status.host_ips or ()):
        if index == 0 and address.ip != status.host_ip:
            yield field.invalid(STATUS / "hostIPs" / 0 / "ip", address.ip, "must be equal to `hostIP`")
        yield from each(names.ip_address, address.ip, STATUS / "hostIPs" / index)
