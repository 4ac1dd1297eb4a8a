"""What process containers cannot honour and refuse by name, rather than run a Pod that believes it has it (pure).

What is merely shared or not enforced is announced instead (``Isolation.not_isolated``): refusing every Pod that names
a memory limit would leave nothing to run.
"""

from __future__ import annotations

from pathlib import Path

from podling.runtime.interface import (
    ContainerConfig,
    Mount,
    MountPropagation,
    SandboxConfig,
    SecurityContext,
    Unsupported,
)

from .isolation import Isolation, Mode

_NO_PROFILE = ("", "unconfined", "runtime/default")


def check_sandbox(config: SandboxConfig) -> None:
    """Raises ``Unsupported``."""
    if config.sysctls:
        raise Unsupported("sysctls", "Pods share the machine's kernel settings in the process runtime")
    if config.namespaces.users is not None:
        raise Unsupported("namespaces.users", "the process runtime makes no user namespaces on request")
    if config.ingress_rate is not None or config.egress_rate is not None:
        raise Unsupported(
            "ingress_rate, egress_rate", "Pods share the machine's network in the process runtime"
        )
    _check_security(config.security)


def check_container(config: ContainerConfig, isolation: Isolation, *, owned: tuple[Path, ...]) -> None:
    """Raises ``Unsupported``.  ``owned`` are the folders whose content may be moved into a Pod's root."""
    _check_security(config.security)
    if config.security.proc_mount != "Default":
        raise Unsupported("security.proc_mount", "the process runtime has one kind of /proc only")
    if config.devices:
        raise Unsupported("devices", "the process runtime cannot hand on devices")
    for mount in config.mounts:
        _check_mount(mount, isolation, owned)


def _check_security(security: SecurityContext) -> None:
    if security.privileged:
        raise Unsupported("security.privileged", "the process runtime has no privileges to give")
    if security.seccomp.kind == "Localhost":
        raise Unsupported("security.seccomp", "the process runtime loads no seccomp profiles")
    if security.apparmor_profile not in _NO_PROFILE:
        raise Unsupported("security.apparmor_profile", "the process runtime loads no AppArmor profiles")
    if security.selinux_options:
        raise Unsupported("security.selinux_options", "the process runtime sets no SELinux labels")


def _check_mount(mount: Mount, isolation: Isolation, owned: tuple[Path, ...]) -> None:
    where = f"mounts[{mount.container_path}]"
    if mount.image:
        raise Unsupported(where, "the process runtime cannot mount images")
    if mount.propagation is MountPropagation.BIDIRECTIONAL:
        raise Unsupported(where, "mounts made by a container do not reach the machine in the process runtime")
    if mount.container_path.strip("/") == "":
        raise Unsupported(where, "nothing can be mounted over a container's root")
    source = Path(mount.host_path)
    if isolation.mode is Mode.CHROOT and not any(folder in source.parents for folder in owned):
        raise Unsupported(where, f"without mounts a chroot cannot show {source} of the machine")
