"""The level `baseline`: nothing that is known to lead out of a container.

(Source: concepts/security/pod-security-standards; k8s.io/pod-security-admission `policy`, its words.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from podling.api.types import core_v1

from .walk import Case, Finding, listed, plural, quoted, setters

CAPABILITIES = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_SELINUX_ENGINE = 31
SYSCTLS = {
    0: (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    ),
    27: ("net.ipv4.ip_local_reserved_ports",),
    29: (
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    ),
    32: ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
"""By the release from which they are allowed."""


def apparmor(case: Case) -> Finding | None:
    good = ("RuntimeDefault", "Localhost")
    shared = case.shared.app_armor_profile
    own = {one.name: context.app_armor_profile for one, context in case.containers()}
    bad = {name: profile.type for name, profile in own.items() if profile and profile.type not in good}
    shared_bad = shared is not None and shared.type not in good
    values = sorted({*bad.values(), *([shared.type] if shared is not None and shared_bad else [])})
    notes = sorted(
        f'{key}="{text}"'
        for key, text in case.annotations.items()
        if key.startswith(_APPARMOR)
        and text not in ("", "runtime/default")
        and not text.startswith("localhost/")
    )
    who = [one for one in [setters(pod=shared_bad, containers=[*bad])] if one]
    who += [plural("annotation", len(notes))] if notes else []
    if not who:
        return None
    told = ", ".join([*([quoted(values)] if values else []), *notes])
    reason = plural("forbidden AppArmor profile", len(values) + len(notes))
    return Finding(reason, f"{' and '.join(who)} must not set AppArmor profile type to {told}")


def capabilities(case: Case) -> Finding | None:
    added = {one.name: _added(context) - CAPABILITIES for one, context in case.containers()}
    bad = [name for name, more in added.items() if more]
    if not bad:
        return None
    names = quoted(sorted(set(chain(*added.values()))))
    what = f"{listed('container', bad)} must not include {names} in securityContext.capabilities.add"
    return Finding("non-default capabilities", what)


def host_namespaces(case: Case) -> Finding | None:
    spec = case.spec
    shared = {"hostNetwork": spec.host_network, "hostPID": spec.host_pid, "hostIPC": spec.host_ipc}
    used = [f"{name}=true" for name, is_shared in shared.items() if is_shared]
    return Finding("host namespaces", ", ".join(used)) if used else None


def host_path_volumes(case: Case) -> Finding | None:
    found = [volume.name for volume in case.spec.volumes or [] if volume.host_path is not None]
    return Finding("hostPath volumes", listed("volume", found)) if found else None


def host_ports(case: Case) -> Finding | None:
    ports = {one.name: {p.host_port for p in one.ports or [] if p.host_port} for one, _ in case.containers()}
    bad = [name for name, used in ports.items() if used]
    if not bad:
        return None
    numbers = sorted(str(port) for port in set(chain(*ports.values())))
    what = plural("hostPort", len(numbers))
    use = "uses" if len(bad) == 1 else "use"
    return Finding(what, f"{listed('container', bad)} {use} {what} {', '.join(numbers)}")


def host_probes(case: Case) -> Finding | None:
    hosts = {one.name: set(_hosts(one)) for one, _ in case.containers()}
    bad = sorted(name for name, found in hosts.items() if found)
    if not bad:
        return None
    names = sorted(set(chain(*hosts.values())))
    what = listed("probe or lifecycle host", names)
    use = "uses" if len(bad) == 1 else "use"
    return Finding("probe or lifecycle host", f"{listed('container', bad)} {use} {what}")


def privileged(case: Case) -> Finding | None:
    bad = case.named(lambda context: context.privileged)
    what = f"{listed('container', bad)} must not set securityContext.privileged=true"
    return Finding("privileged", what) if bad else None


def proc_mount(case: Case) -> Finding | None:
    return None if case.is_relaxed else any_proc_mount(case)


def any_proc_mount(case: Case) -> Finding | None:
    bad = case.named(lambda context: context.proc_mount not in (None, "Default"))
    if not bad:
        return None
    kinds = {context.proc_mount or "" for _, context in case.containers()} - {"", "Default"}
    what = f"{listed('container', bad)} must not set securityContext.procMount to {quoted(sorted(kinds))}"
    return Finding("procMount", what)


def selinux(case: Case) -> Finding | None:
    good = _SELINUX_TYPES | ({"container_engine_t"} if case.release >= _SELINUX_ENGINE else set())

    def is_bad(options: core_v1.SELinuxOptions | None) -> bool:
        return options is not None and bool((options.type or "") not in good or options.user or options.role)

    shared = case.shared.se_linux_options
    own = [(one.name, context.se_linux_options) for one, context in case.containers()]
    bad = [options for options in (shared, *(options for _, options in own)) if options and is_bad(options)]
    if not bad:
        return None
    types = sorted({options.type or "" for options in bad} - good)
    told = [listed("type", types)] if types else []
    told += ["user may not be set"] if any(options.user for options in bad) else []
    told += ["role may not be set"] if any(options.role for options in bad) else []
    who = setters(pod=is_bad(shared), containers=[name for name, options in own if is_bad(options)])
    what = f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(told)}"
    return Finding("seLinuxOptions", what)


def seccomp(case: Case) -> Finding | None:
    return bad_seccomp(case, lambda kind: kind != "Unconfined")


def bad_seccomp(case: Case, is_good: Callable[[str], bool]) -> Finding | None:
    """Those that are set and are not good."""
    shared = case.shared.seccomp_profile
    shared_bad = shared is not None and not is_good(shared.type)
    own = [(one.name, context.seccomp_profile) for one, context in case.containers()]
    bad = {name: profile.type for name, profile in own if profile is not None and not is_good(profile.type)}
    if not bad and not shared_bad:
        return None
    values = {*bad.values(), *([shared.type] if shared is not None and shared_bad else [])}
    who = setters(pod=shared_bad, containers=[*bad])
    what = f"{who} must not set securityContext.seccompProfile.type to {quoted(sorted(values))}"
    return Finding("seccompProfile", what)


def sysctls(case: Case) -> Finding | None:
    allowed = {name for since, names in SYSCTLS.items() if since <= case.release for name in names}
    bad = [sysctl.name for sysctl in case.shared.sysctls or [] if sysctl.name not in allowed]
    return Finding("forbidden sysctls", ", ".join(bad)) if bad else None


def windows_host_process(case: Case) -> Finding | None:
    shared = case.shared.windows_options
    bad = case.named(lambda context: context.windows_options and context.windows_options.host_process)
    shared_bad = shared is not None and shared.host_process
    if not bad and not shared_bad:
        return None
    what = "must not set securityContext.windowsOptions.hostProcess=true"
    return Finding("hostProcess", f"{setters(pod=shared_bad, containers=bad)} {what}")


def _added(context: core_v1.SecurityContext) -> set[str]:
    return set((context.capabilities.add if context.capabilities else None) or ())


def _hosts(container: core_v1.Container | core_v1.EphemeralContainer) -> Iterator[str]:
    hooks = container.lifecycle
    for handler in (
        container.liveness_probe,
        container.readiness_probe,
        container.startup_probe,
        hooks.post_start if hooks else None,
        hooks.pre_stop if hooks else None,
    ):
        if handler is not None:
            for action in (handler.http_get, handler.tcp_socket):
                if action is not None and action.host:
                    yield action.host
