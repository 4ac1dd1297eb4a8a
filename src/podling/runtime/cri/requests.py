"""From the interface's requests to CRI's messages (pure).

What a runtime must give back after a restart and CRI has no field for is kept in annotations under ``PREFIX``, which
nobody else sees; the label ``OWNER`` says whose a sandbox or container is.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

from podling.runtime.interface import (
    ContainerConfig,
    IdMapping,
    Mount,
    MountPropagation,
    NamespaceOptions,
    Resources,
    Sandbox,
    SandboxConfig,
    SeccompProfile,
    SecurityContext,
    Unsupported,
)
from podling.runtime.oci.spec import MASKED_PATHS, READ_ONLY_PATHS

from .codec import Message

PREFIX = "cri.podling.dev/"
OWNER = f"{PREFIX}owner"
KEPT = f"{PREFIX}kept"

_PROPAGATIONS = {
    MountPropagation.PRIVATE: "PROPAGATION_PRIVATE",
    MountPropagation.HOST_TO_CONTAINER: "PROPAGATION_HOST_TO_CONTAINER",
    MountPropagation.BIDIRECTIONAL: "PROPAGATION_BIDIRECTIONAL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a handler can beyond CRI's beginnings: from the runtime's own word."""

    recursive_read_only: bool = False
    user_namespaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFacts:
    """What is needed of a sandbox's request when its containers are made: kept with it.

    ``cgroup`` is the Pod's control group below the node's, ``parent`` the same as the runtime wants it named.
    """

    log_directory: str = ""
    cgroup: str = ""
    parent: str = ""
    network: str = "POD"
    pid: str = "CONTAINER"
    ipc: str = "POD"
    handler: str = ""

    @classmethod
    def of(cls, config: SandboxConfig, *, cgroup: str, parent: str, handler: str) -> SandboxFacts:
        spaces = config.namespaces
        return cls(
            log_directory=config.log_directory,
            cgroup=cgroup,
            parent=parent,
            network=spaces.network.name,
            pid=spaces.pid.name,
            ipc=spaces.ipc.name,
            handler=handler,
        )


def sandbox_config(config: SandboxConfig, *, owner: str, facts: SandboxFacts, features: Features) -> Message:
    """A ``PodSandboxConfig``.  Raises ``Unsupported``."""
    if config.namespaces.users is not None and not features.user_namespaces:
        raise Unsupported("hostUsers: false", "this runtime maps no user IDs")
    security = config.security
    made: Message = {
        "metadata": {
            "name": config.name,
            "uid": config.uid,
            "namespace": config.namespace,
            "attempt": config.attempt,
        },
        "hostname": config.hostname,
        "log_directory": config.log_directory,
        "port_mappings": [
            {
                "protocol": mapping.protocol,
                "container_port": mapping.container_port,
                "host_port": mapping.host_port,
                "host_ip": mapping.host_ip,
            }
            for mapping in config.port_mappings
        ],
        "labels": {**config.labels, OWNER: owner},
        "annotations": {**config.annotations, KEPT: json.dumps(_kept(facts))},
        "linux": {
            "cgroup_parent": facts.parent,
            "sysctls": dict(config.sysctls),
            "security_context": {
                "namespace_options": _spaces(facts, config.namespaces),
                "privileged": security.privileged,
                "supplemental_groups": list(security.supplemental_groups),
                "seccomp": _seccomp(security.seccomp),
                **_identity(security),
            },
        },
    }
    if config.dns is not None:
        made["dns_config"] = {
            "servers": list(config.dns.servers),
            "searches": list(config.dns.searches),
            "options": list(config.dns.options),
        }
    return made


def sandbox_again(box: Sandbox, kept: SandboxFacts) -> Message:
    """As much of a sandbox's config as runtimes want to see once more with each of its containers."""
    return {
        "metadata": {"name": box.name, "uid": box.uid, "namespace": box.namespace, "attempt": box.attempt},
        "log_directory": kept.log_directory,
        "labels": dict(box.labels),
        "annotations": dict(box.annotations),
        "linux": {
            "cgroup_parent": kept.parent,
            "security_context": {"namespace_options": _spaces(kept)},
        },
    }


def container_config(
    config: ContainerConfig, *, owner: str, kept: SandboxFacts, features: Features
) -> Message:
    """A ``ContainerConfig``.  Raises ``Unsupported`` for what the runtime would silently pass over."""
    own = {
        "image": config.image,
        "stop_signal": config.stop_signal,
        "resources": dataclasses.asdict(config.resources),
    }
    return {
        "metadata": {"name": config.name, "attempt": config.attempt},
        "image": {"image": config.image},
        "command": list(config.command),
        "args": list(config.args),
        "working_dir": config.working_dir,
        "envs": [{"key": key, "value": value} for key, value in config.env],
        "mounts": [_mount(mount, features) for mount in config.mounts],
        "devices": [
            {
                "container_path": device.container_path,
                "host_path": device.host_path,
                "permissions": device.permissions,
            }
            for device in config.devices
        ],
        "labels": {**config.labels, OWNER: owner},
        "annotations": {**config.annotations, KEPT: json.dumps(own)},
        "log_path": config.log_path,
        "stdin": config.stdin,
        "stdin_once": config.stdin_once,
        "tty": config.tty,
        "linux": {
            "resources": resources(config.resources),
            "security_context": _security(config, kept),
        },
    }


def resources(wanted: Resources) -> Message:
    """``LinuxContainerResources``.  Raises ``Unsupported``: CRI has no limit of processes for a container."""
    if wanted.pids is not None:
        raise Unsupported("a limit of processes for a container", "CRI has none; a Pod's holds")
    return {
        "cpu_shares": wanted.cpu_shares,
        "cpu_quota": wanted.cpu_quota,
        "cpu_period": wanted.cpu_period,
        "cpuset_cpus": wanted.cpuset_cpus,
        "cpuset_mems": wanted.cpuset_mems,
        "memory_limit_in_bytes": wanted.memory_limit,
        "memory_swap_limit_in_bytes": wanted.memory_swap_limit,
        "oom_score_adj": wanted.oom_score_adj,
        "hugepage_limits": [{"page_size": size, "limit": most} for size, most in wanted.hugepages.items()],
        "unified": dict(wanted.unified),
    }


def seconds(grace: float) -> int:
    """CRI counts a container's grace in whole seconds; part of one is rounded up, as none is no grace at all."""
    return math.ceil(grace)


def _kept(kept: SandboxFacts) -> dict[str, str]:
    return dataclasses.asdict(kept)


def _spaces(kept: SandboxFacts, options: NamespaceOptions | None = None) -> Message:
    made: Message = {"network": kept.network, "pid": kept.pid, "ipc": kept.ipc}
    if options is not None and options.users is not None:
        ids = _mappings(options.users)
        made["userns_options"] = {"mode": "POD", "uids": ids, "gids": ids}
    return made


def _mappings(lines: Iterable[IdMapping]) -> list[Message]:
    return [{"host_id": one.host, "container_id": one.container, "length": one.length} for one in lines]


def _mount(mount: Mount, features: Features) -> Message:
    if mount.image:
        raise Unsupported(f"an image as volume at {mount.container_path}", "not offered by this runtime")
    if mount.recursive_readonly and not features.recursive_read_only:
        raise Unsupported("recursiveReadOnly", "this runtime makes only the mount itself read-only")
    return {
        "container_path": mount.container_path,
        "host_path": mount.host_path,
        "readonly": mount.readonly,
        "recursive_read_only": mount.recursive_readonly,
        "propagation": _PROPAGATIONS[mount.propagation],
    }


def _security(config: ContainerConfig, kept: SandboxFacts) -> Message:
    security = config.security
    if security.supplemental_groups_policy != "Merge":
        raise Unsupported("supplementalGroupsPolicy: Strict", "this runtime merges the image's groups")
    masked = not security.privileged and security.proc_mount != "Unmasked"
    spaces = _spaces(kept)
    if config.pid_target:
        spaces |= {"pid": "TARGET", "target_id": config.pid_target}
    return {
        "privileged": security.privileged,
        "namespace_options": spaces,
        "capabilities": {
            "add_capabilities": list(security.add_capabilities),
            "drop_capabilities": list(security.drop_capabilities),
        },
        "run_as_username": security.run_as_username,
        "supplemental_groups": list(security.supplemental_groups),
        "readonly_rootfs": security.readonly_rootfs,
        "no_new_privs": security.no_new_privs,
        "masked_paths": list(MASKED_PATHS) if masked else [],
        "readonly_paths": list(READ_ONLY_PATHS) if masked else [],
        "seccomp": _seccomp(security.seccomp),
        "apparmor_profile": security.apparmor_profile,
        **_identity(security),
    }


def _identity(security: SecurityContext) -> Message:
    """User and group; a group needs a user, so without one root is meant."""
    made: Message = {}
    if security.run_as_user is not None:
        made["run_as_user"] = {"value": security.run_as_user}
    if security.run_as_group is not None:
        made["run_as_group"] = {"value": security.run_as_group}
        if security.run_as_username is None:
            made.setdefault("run_as_user", {"value": 0})
    if security.selinux_options:
        made["selinux_options"] = dict(security.selinux_options)
    return made


def _seccomp(profile: SeccompProfile) -> Message:
    return {"profile_type": profile.kind, "localhost_ref": profile.path or ""}
