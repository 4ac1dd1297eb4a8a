"""The rules of security contexts, sysctls and what of the host a Pod may share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .resources import descending

MAX_ID = 2**31 - 1
MAX_SYSCTL = 253
SYSCTL_PATTERN = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_SYSCTL = re.compile(SYSCTL_PATTERN)
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_GROUP_CHANGE = ("Always", "OnRootMismatch")
_SUPPLEMENTAL = ("Merge", "Strict")
_PROC_MOUNT = ("Default", "Unmasked")


def pod(spec: core_v1.PodSpec, path: Path) -> Iterator[FieldError]:
    context, here = spec.security_context, path / "securityContext"
    if spec.share_process_namespace and spec.host_pid:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield field.invalid(path / "shareProcessNamespace", True, why)
    if spec.host_users is False:
        why = "when `pod.Spec.HostUsers` is false"
        for shared, name in (
            (spec.host_network, "hostNetwork"),
            (spec.host_pid, "HostPID"),
            (spec.host_ipc, "HostIPC"),
        ):
            if shared:
                yield field.forbidden(path / name, why)
    else:
        yield from _unmasked(spec, path)
    if context is None:
        return
    yield from _identity(context.fs_group, here / "fsGroup")
    yield from _identity(context.run_as_user, here / "runAsUser")
    yield from _identity(context.run_as_group, here / "runAsGroup")
    for index, group in enumerate(context.supplemental_groups or ()):
        yield from _identity(group, here / "supplementalGroups" / index)
    yield from _sysctls(context.sysctls or [], here / "sysctls", spec=spec)
    for value, name, supported in (
        (context.fs_group_change_policy, "fsGroupChangePolicy", _GROUP_CHANGE),
        (context.supplemental_groups_policy, "supplementalGroupsPolicy", _SUPPLEMENTAL),
    ):
        if value is not None and value not in supported:
            yield field.not_supported(here / name, value, supported)
    if context.seccomp_profile is not None:
        profile = context.seccomp_profile
        yield from _profile(profile.type, profile.localhost_profile, here / "seccompProfile", "seccomp")
    if context.app_armor_profile is not None:
        armor = context.app_armor_profile
        yield from _profile(armor.type, armor.localhost_profile, here / "appArmorProfile", "AppArmor")


def _unmasked(spec: core_v1.PodSpec, path: Path) -> Iterator[FieldError]:
    """All of /proc is for containers whose root is nobody on the node."""
    sorts: dict[str, Sequence[core_v1.Container | core_v1.EphemeralContainer] | None] = {
        "containers": spec.containers,
        "initContainers": spec.init_containers,
        "ephemeralContainers": spec.ephemeral_containers,
    }
    for sort, containers in sorts.items():
        for index, one in enumerate(containers or ()):
            if one.security_context is not None and one.security_context.proc_mount == "Unmasked":
                here = path / sort / index / "securityContext" / "procMount"
                yield field.invalid(here, "Unmasked", "`hostUsers` must be false to use `Unmasked`")


def container(context: core_v1.SecurityContext, path: Path) -> Iterator[FieldError]:
    yield from _identity(context.run_as_user, path / "runAsUser")
    yield from _identity(context.run_as_group, path / "runAsGroup")
    if context.proc_mount is not None and context.proc_mount not in _PROC_MOUNT:
        yield field.not_supported(path / "procMount", context.proc_mount, _PROC_MOUNT)
    if context.seccomp_profile is not None:
        profile = context.seccomp_profile
        yield from _profile(profile.type, profile.localhost_profile, path / "seccompProfile", "seccomp")
    if context.app_armor_profile is not None:
        armor = context.app_armor_profile
        yield from _profile(armor.type, armor.localhost_profile, path / "appArmorProfile", "AppArmor")
    if context.allow_privilege_escalation is False:
        if context.privileged:
            why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield field.invalid(path, context, why)
        added = (context.capabilities.add if context.capabilities is not None else None) or ()
        if "CAP_SYS_ADMIN" in added:
            why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield field.invalid(path, context, why)


def _identity(value: int | None, path: Path) -> Iterator[FieldError]:
    if value is not None and not 0 <= value <= MAX_ID:
        yield field.invalid(path, value, names.between(0, MAX_ID))


def _sysctls(sysctls: list[core_v1.Sysctl], path: Path, *, spec: core_v1.PodSpec) -> Iterator[FieldError]:
    seen = set()
    for index, sysctl in enumerate(sysctls):
        here = path / index / "name"
        name = sysctl.name.replace("/", ".")
        if not sysctl.name:
            yield field.required(here)
        elif len(sysctl.name) > MAX_SYSCTL or not _SYSCTL.match(sysctl.name):
            why = f"must have at most {MAX_SYSCTL} characters and match regex {SYSCTL_PATTERN}"
            yield field.invalid(here, sysctl.name, why)
        elif name in seen:
            yield field.duplicate(here, sysctl.name)
        seen.add(name)
        if spec.host_network and name.startswith("net."):
            yield field.invalid(here, sysctl.name, "may not be specified when 'hostNetwork' is true")
        if spec.host_ipc and name.startswith(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")):
            yield field.invalid(here, sysctl.name, "may not be specified when 'hostIPC' is true")


def _profile(kind: str, local: str | None, path: Path, what: str) -> Iterator[FieldError]:
    if not kind:
        name = "appArmorProfile" if what == "AppArmor" else "seccompProfile"
        yield field.required(path / "type", f"type is required when {name} is set")
    elif kind not in _PROFILES:
        yield field.not_supported(path / "type", kind, _PROFILES)
    if kind != "Localhost":
        if local is not None:
            why = f"can only be set when {what} type is Localhost"
            yield field.invalid(path / "localhostProfile", local, why)
    elif not local:
        yield field.required(path / "localhostProfile", f"must be set when {what} type is Localhost")
    elif what == "seccomp":
        yield from descending(local, path / "localhostProfile")
