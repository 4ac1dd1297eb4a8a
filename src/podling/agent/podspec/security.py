"""Pod and container security context merged into one; the container's word goes over the Pod's.

(Source: API reference, SecurityContext and PodSecurityContext; kubelet `pkg/securitycontext`, `kuberuntime/security_context.go`.)
"""

from __future__ import annotations

from podling.agent.errors import ConfigFault
from podling.api.types import core_v1
from podling.runtime.interface import SeccompProfile, SecurityContext


def of_container(pod: core_v1.Pod, container: core_v1.Container, *, seccomp_root: str) -> SecurityContext:
    """The effective context.  ``seccomp_root``: where Localhost profiles lie.  Raises ``ConfigFault``."""
    own = container.security_context or core_v1.SecurityContext()
    shared = _shared(pod)
    capabilities = own.capabilities or core_v1.Capabilities()
    privileged = bool(own.privileged)
    return SecurityContext(
        privileged=privileged,
        run_as_user=_first(own.run_as_user, shared.run_as_user),
        run_as_group=_first(own.run_as_group, shared.run_as_group),
        supplemental_groups=groups(pod),
        supplemental_groups_policy=shared.supplemental_groups_policy or "Merge",
        add_capabilities=tuple(capabilities.add or ()),
        drop_capabilities=tuple(capabilities.drop or ()),
        readonly_rootfs=bool(own.read_only_root_filesystem),
        no_new_privs=own.allow_privilege_escalation is False,
        proc_mount=own.proc_mount or "Default",
        seccomp=_seccomp(own.seccomp_profile or shared.seccomp_profile, seccomp_root, privileged=privileged),
        apparmor_profile=_apparmor(own.app_armor_profile or shared.app_armor_profile),
        selinux_options=_selinux(own.se_linux_options or shared.se_linux_options),
    )


def of_sandbox(pod: core_v1.Pod) -> SecurityContext:
    """What the sandbox itself runs with."""
    shared = _shared(pod)
    spec = pod.spec or core_v1.PodSpec()
    everything = [*(spec.init_containers or []), *spec.containers]
    return SecurityContext(
        privileged=any(bool(c.security_context and c.security_context.privileged) for c in everything),
        run_as_user=shared.run_as_user,
        run_as_group=shared.run_as_group,
        supplemental_groups=groups(pod),
        selinux_options=_selinux(shared.se_linux_options),
    )


def groups(pod: core_v1.Pod) -> tuple[int, ...]:
    """``supplementalGroups`` and ``fsGroup``."""
    shared = _shared(pod)
    given = list(shared.supplemental_groups or ())
    if shared.fs_group is not None and shared.fs_group not in given:
        given.append(shared.fs_group)
    return tuple(given)


def verify_non_root(pod: core_v1.Pod, container: core_v1.Container, image_user: str) -> None:
    """Refuse a container that must not run as root and would.  Raises ``ConfigFault`` in upstream's words."""
    own = container.security_context or core_v1.SecurityContext()
    shared = _shared(pod)
    if not _first(own.run_as_non_root, shared.run_as_non_root):
        return
    meta = pod.metadata
    where = f'(pod: "{meta.name}_{meta.namespace}({meta.uid})", container: {container.name})'
    user = _first(own.run_as_user, shared.run_as_user)
    if user is not None:
        if user == 0:
            raise ConfigFault(f"container's runAsUser breaks non-root policy {where}")
        return
    name = image_user.partition(":")[0]
    if name and not name.isdecimal():
        raise ConfigFault(
            f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root {where}"
        )
    if int(name or "0") == 0:
        raise ConfigFault(f"container has runAsNonRoot and image will run as root {where}")


def _shared(pod: core_v1.Pod) -> core_v1.PodSecurityContext:
    return (pod.spec.security_context if pod.spec else None) or core_v1.PodSecurityContext()


def _first(own: int | None, shared: int | None) -> int | None:
    return shared if own is None else own


def _seccomp(profile: core_v1.SeccompProfile | None, root: str, *, privileged: bool) -> SeccompProfile:
    """Without a word on it a container gets the runtime's default profile (kubelet's ``seccompDefault``)."""
    if privileged:
        return SeccompProfile(kind="Unconfined")
    if profile is None:
        return SeccompProfile()
    if profile.type != "Localhost":
        return SeccompProfile(kind=profile.type)
    name = profile.localhost_profile or ""
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise ConfigFault(f'localhost seccomp profile "{name}" must be a relative path below {root}')
    return SeccompProfile(kind="Localhost", path=f"{root}/{name}")


def _apparmor(profile: core_v1.AppArmorProfile | None) -> str:
    if profile is None:
        return ""
    if profile.type == "Localhost":
        return f"localhost/{profile.localhost_profile or ''}"
    return {"RuntimeDefault": "runtime/default", "Unconfined": "unconfined"}.get(profile.type, "")


def _selinux(options: core_v1.SELinuxOptions | None) -> dict[str, str]:
    if options is None:
        return {}
    parts = {"user": options.user, "role": options.role, "type": options.type, "level": options.level}
    return {name: value for name, value in parts.items() if value}
