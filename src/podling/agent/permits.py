"""Whether the node permits and has what a Pod's security context asks of its kernel: sysctls, AppArmor profiles, groups (pure).

A sysctl is safe if the Pod has it to itself and it disturbs nobody; others are permitted one by one, or by a pattern
that ends in ``*``, but only of the kinds that a Pod can have to itself at all.
(Source: tasks/administer-cluster/sysctl-cluster; kubelet `pkg/kubelet/sysctl`, `pkg/security/apparmor`; their words.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from podling.api import pod as pods
from podling.api.types import core_v1

from .podstate import Verdict

SAFE_SYSCTLS = frozenset({
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
})  # fmt: skip
_NAMESPACES = {
    "kernel.sem": "ipc",
    "kernel.shm": "ipc",
    "kernel.msg": "ipc",
    "fs.mqueue.": "ipc",
    "net.": "net",
}
_PART = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_PATTERN = re.compile(rf"({_PART}[./])*({_PART}|({_PART}[./]?)?\*)")
_MAX_SYSCTL = 253


class BadSysctl(ValueError):
    """A setting that permits a sysctl which no Pod can have to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """What the node has and allows.

    unsafe_sysctls  names and patterns permitted besides the safe ones.
    apparmor        the kernel enforces its profiles.
    strict_groups   the runtime can leave out the groups that an image gives its user.
    """

    unsafe_sysctls: tuple[str, ...] = ()
    apparmor: bool = False
    strict_groups: bool = True


def check(unsafe_sysctls: Iterable[str]) -> None:
    """Raises ``BadSysctl``."""
    for pattern in unsafe_sysctls:
        if len(pattern) > _MAX_SYSCTL or not _PATTERN.fullmatch(pattern):
            raise BadSysctl(
                f"sysctl {_quoted(pattern)} is no name, nor the beginning of names with a * after it"
            )
        if not _namespace(_dotted(pattern.rstrip("*"))):
            raise BadSysctl(f"the sysctl {_quoted(pattern)} are not known to be namespaced")


def verdict(pod: core_v1.Pod, has: Permits) -> Verdict | None:
    """Why the Pod cannot run on a node that has these; None if it can."""
    spec = pod.spec or core_v1.PodSpec()
    context = spec.security_context or core_v1.PodSecurityContext()
    for sysctl in context.sysctls or []:
        if why := _forbids(_dotted(sysctl.name), spec, has):
            return Verdict(reason="SysctlForbidden", message=f"forbidden sysctl: {why}", refused=True)
    if not has.apparmor and _wants_apparmor(spec, context):
        why = "AppArmor is not enabled on the host"
        return Verdict(reason="AppArmor", message=f"Cannot enforce AppArmor: {why}", refused=True)
    if not has.strict_groups and context.supplemental_groups_policy == "Strict":
        why = "SupplementalGroupsPolicy=Strict is not supported in this node"
        return Verdict(reason="SupplementalGroupsPolicyNotSupported", message=why, refused=True)
    return None


def _forbids(name: str, spec: core_v1.PodSpec, has: Permits) -> str:
    if name not in SAFE_SYSCTLS and not any(_matches(name, _dotted(p)) for p in has.unsafe_sysctls):
        return f"{_quoted(name)} not allowlisted"
    shared = {"ipc": spec.host_ipc, "net": spec.host_network}
    namespace = _namespace(name)
    return f"{_quoted(name)} not allowed with host {namespace} enabled" if shared.get(namespace) else ""


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _namespace(name: str) -> str:
    """Which of the Pod's namespaces holds the sysctl; "" for those that belong to the whole machine."""
    return next((kind for prefix, kind in _NAMESPACES.items() if name.startswith(prefix)), "")


def _dotted(name: str) -> str:
    """Where the first separator is a slash, slashes separate and dots belong to the parts."""
    first = next((c for c in name if c in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def _wants_apparmor(spec: core_v1.PodSpec, context: core_v1.PodSecurityContext) -> bool:
    profiles = (
        (one.security_context.app_armor_profile if one.security_context else None)
        or context.app_armor_profile
        for one in pods.all_containers(spec)
    )
    return any(profile is not None and profile.type != "Unconfined" for profile in profiles)


def _quoted(name: str) -> str:
    return f'"{name}"'
