"""The OCI runtime configuration (config.json) of a container (pure).

``build`` joins what was asked, what the image brings and what the node allows.  Whatever needs a look at the machine
(identity in the image, free capabilities, the oom floor, devices, mount sources) comes in with the ``Plan``.  Masked
paths, read-only paths, default mounts and the order of environment variables are containerd's.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podling.runtime.images import ImageConfig
from podling.runtime.interface import ContainerConfig, CreateFault, IdMapping, MountPropagation, Resources

from .users import Identity

Json = dict[str, Any]

MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
)  # fmt: skip
READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEFAULT_DEVICES = (
    ("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("c", 1, 8), ("c", 1, 9), ("c", 5, 0), ("c", 5, 1), ("c", 5, 2), ("c", 136, None),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """A device as it is on the host, and where the container shall see it."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    permissions: str


@dataclass(frozen=True, slots=True)
class BindMount:
    """A mount whose source exists.  ``locked``: what the source forbids, and a user namespace may not allow."""

    source: str
    target: str
    readonly: bool = False
    recursive_readonly: bool = False
    propagation: MountPropagation = MountPropagation.PRIVATE
    noexec: bool = False
    locked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything ``build`` needs.  ``namespaces`` maps OCI's types to a path ("" = a new one); absent = the node's."""

    config: ContainerConfig
    image: ImageConfig
    identity: Identity
    rootfs: str
    hostname: str
    cgroups_path: str
    namespaces: Mapping[str, str]
    mounts: Sequence[BindMount]
    devices: Sequence[DeviceNode]
    capabilities: Sequence[str]
    seccomp: Json | None
    oom_floor: int
    open_files: int
    annotations: Mapping[str, str]
    users: Sequence[IdMapping] | None = None
    selinux_label: str = ""
    apparmor_profile: str = ""


def build(plan: Plan) -> Json:
    """The document for the OCI runtime.  Raises ``CreateFault`` if there is nothing to run."""
    return {
        "ociVersion": "1.0.2",
        "process": _process(plan),
        "root": {"path": plan.rootfs, "readonly": plan.config.security.readonly_rootfs},
        "mounts": _mounts(plan),
        "annotations": dict(plan.annotations),
        "linux": _linux(plan),
    }


def command(config: ContainerConfig, image: ImageConfig) -> list[str]:
    """What runs: a given command drops the image's entrypoint and arguments, given arguments only the latter."""
    if config.command:
        return [*config.command, *config.args]
    return [*image.entrypoint, *(config.args or image.cmd)]


def stop_signal(config: ContainerConfig, image: ImageConfig) -> int:
    """The number of the signal that asks the container to end.  Raises ``CreateFault`` for a name that is none."""
    return signal_number(config.stop_signal or image.stop_signal or "SIGTERM")


def signal_number(name: str) -> int:
    """The number of a signal called ``SIGTERM``, ``TERM``, ``15`` or ``SIGRTMIN+3``.  Raises ``CreateFault``."""
    name = name.upper()
    if name.isdigit() and 0 < int(name) <= signal.SIGRTMAX:
        return int(name)
    base, plus, offset = name.removeprefix("SIG").partition("+")
    try:
        number = int(getattr(signal, f"SIG{base}"))
    except AttributeError as error:
        raise CreateFault(f"cannot stop by signal {name}: there is none of this name") from error
    return number + int(offset) if plus and offset.isdigit() else number


def _process(plan: Plan) -> Json:
    config, identity = plan.config, plan.identity
    args = command(config, plan.image)
    if not args:
        raise CreateFault(f"cannot run container {config.name}: no command specified")
    process: Json = {
        "terminal": config.tty,
        "user": {"uid": identity.uid, "gid": identity.gid, "additionalGids": list(identity.groups)},
        "args": args,
        "env": _environment(plan),
        "cwd": config.working_dir or plan.image.working_dir or "/",
        "capabilities": {kind: list(plan.capabilities) for kind in ("bounding", "effective", "permitted")},
        "noNewPrivileges": config.security.no_new_privs,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": plan.open_files, "soft": plan.open_files}],
    }
    if config.resources.oom_score_adj is not None:
        process["oomScoreAdj"] = max(config.resources.oom_score_adj, plan.oom_floor)
    if plan.apparmor_profile:
        process["apparmorProfile"] = plan.apparmor_profile
    if plan.selinux_label:
        process["selinuxLabel"] = plan.selinux_label
    return process


def _environment(plan: Plan) -> list[str]:
    variables: dict[str, str] = {}
    for line in (_PATH, *plan.image.env):
        name, _, value = line.partition("=")
        variables[name] = value
    if plan.hostname:
        variables["HOSTNAME"] = plan.hostname
    if plan.config.tty:
        variables["TERM"] = "xterm"
    if plan.identity.home:
        variables.setdefault("HOME", plan.identity.home)
    variables.update(plan.config.env)
    return [f"{name}={value}" for name, value in variables.items()]


def _mounts(plan: Plan) -> list[Json]:
    writable = plan.config.security.privileged
    access = "rw" if writable else "ro"
    default = [
        _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ),
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", access),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", access),
    ]
    own = {mount.target.rstrip("/") for mount in plan.mounts}
    kept = [mount for mount in default if mount["destination"] not in own]
    return kept + [_bind(mount) for mount in sorted(plan.mounts, key=lambda m: m.target.count("/"))]


def _mount(target: str, kind: str, source: str, *options: str) -> Json:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _bind(mount: BindMount) -> Json:
    further = dict.fromkeys([*(["noexec"] if mount.noexec else []), *mount.locked])
    access = "rro" if mount.recursive_readonly else "ro" if mount.readonly else "rw"
    return _mount(mount.target, "bind", mount.source, "rbind", mount.propagation.value, access, *further)


def _linux(plan: Plan) -> Json:
    security = plan.config.security
    linux: Json = {
        "cgroupsPath": plan.cgroups_path,
        "namespaces": [{"type": t, "path": p} if p else {"type": t} for t, p in plan.namespaces.items()],
        "devices": [_device(node) for node in plan.devices],
        "resources": _resources(plan),
        **id_mappings(plan.users),
    }
    if not security.privileged and security.proc_mount != "Unmasked":
        linux["maskedPaths"], linux["readonlyPaths"] = list(MASKED_PATHS), list(READ_ONLY_PATHS)
    if plan.seccomp is not None:
        linux["seccomp"] = plan.seccomp
    propagations = {mount.propagation for mount in plan.mounts}
    if MountPropagation.BIDIRECTIONAL in propagations:
        linux["rootfsPropagation"] = "rshared"
    elif MountPropagation.HOST_TO_CONTAINER in propagations:
        linux["rootfsPropagation"] = "rslave"
    return linux


def id_mappings(users: Sequence[IdMapping] | None) -> Json:
    """The parts of ``linux`` that describe a user namespace; none for the node's."""
    if users is None:
        return {}
    lines = [{"containerID": line.container, "hostID": line.host, "size": line.length} for line in users]
    return {"uidMappings": lines, "gidMappings": lines}


def _device(node: DeviceNode) -> Json:
    return {
        "path": node.path,
        "type": node.kind,
        "major": node.major,
        "minor": node.minor,
        "fileMode": node.mode,
    }


def _resources(plan: Plan) -> Json:
    if plan.config.security.privileged:
        allowed: list[Json] = [{"allow": True, "access": "rwm"}]
    else:
        allowed = [{"allow": False, "access": "rwm"}]
        allowed += [_allow(kind, major, minor, "rwm") for kind, major, minor in _DEFAULT_DEVICES]
        allowed += [_allow(d.kind, d.major, d.minor, d.permissions) for d in plan.devices]
    return {"devices": allowed, **_limits(plan.config.resources)}


def _allow(kind: str, major: int, minor: int | None, access: str) -> Json:
    rule: Json = {"allow": True, "type": kind, "major": major, "access": access}
    return rule if minor is None else rule | {"minor": minor}


def _limits(r: Resources) -> Json:
    cpu = {
        "shares": r.cpu_shares,
        "quota": r.cpu_quota,
        "period": r.cpu_period,
        "cpus": r.cpuset_cpus,
        "mems": r.cpuset_mems,
    }
    memory = {"limit": r.memory_limit, "swap": r.memory_swap_limit}
    parts: Json = {
        "cpu": {key: value for key, value in cpu.items() if value},
        "memory": {key: value for key, value in memory.items() if value},
        "pids": {"limit": r.pids} if r.pids else {},
        "hugepageLimits": [
            {"pageSize": size, "limit": limit} for size, limit in r.hugepages.items() if limit
        ],
        "unified": dict(r.unified),
    }
    return {key: value for key, value in parts.items() if value}
