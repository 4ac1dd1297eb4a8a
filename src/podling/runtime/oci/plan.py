"""From a request to an OCI bundle on disk: identity, devices, mounts and the configuration document.

This is the part of creating a container that looks at the machine; ``spec`` is the pure part.  Blocking; called on
worker threads.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from podling.runtime import linux
from podling.runtime.images import Rootfs
from podling.runtime.interface import (
    ContainerConfig,
    CreateFault,
    Device,
    Mount,
    MountPropagation,
    NamespaceMode,
)

from . import capabilities, lsm, rootfs, sandboxes, seccomp, spec, usernamespaces, users
from .context import Context
from .lsm import SecurityModules
from .sandboxes import Box
from .spec import BindMount, DeviceNode, Plan
from .users import Identity

_HIDDEN_DEVICES = (
    "/dev/console",
    "/dev/pts",
    "/dev/shm",
    "/dev/fd",
    "/dev/mqueue",
    "/dev/.lxc",
    "/dev/.lxd-mounts",
    "/dev/.udev",
)


def write(
    context: Context,
    box: Box,
    container_id: str,
    config: ContainerConfig,
    image: Rootfs,
    folder: Path,
    *,
    pid_target: int,
) -> Identity:
    """Mount the root file system in ``folder`` and write ``config.json`` beside it.  Raises ``CreateFault``.

    ``pid_target``  the process whose PID namespace it joins instead of what the sandbox says; 0 for none.
    """
    root = folder / "rootfs"
    root.mkdir()
    mapped = box.config.namespaces.users
    owner = 0 if mapped is None else usernamespaces.host_root(mapped)
    below = _layers(image, folder / "layers", box.userns)
    rootfs.mount(root, context.config.writable / container_id, below, owner=owner)
    security = config.security
    identity = users.resolve(
        security,
        image.config.user,
        passwd=users.read(str(root), "/etc/passwd"),
        group=users.read(str(root), "/etc/group"),
    )
    granted = capabilities.effective(security, context.capabilities)
    modules = SecurityModules.read()
    is_crun = context.launcher(box.record.handler).is_crun
    filter_, annotations = _filter(context, config, granted, is_crun=is_crun)
    plan = Plan(
        config=config,
        image=image.config,
        identity=identity,
        rootfs=str(root),
        hostname=_hostname(box),
        cgroups_path=context.tree.absolute(f"{sandboxes.group(box.config)}/{container_id}"),
        namespaces=_namespaces(context, box, pid_target),
        mounts=[*_own_mounts(box, config), *_mounts(context, box, config, folder)],
        devices=list(_devices(config)),
        capabilities=granted,
        seccomp=filter_,
        oom_floor=context.limits.oom_floor,
        open_files=context.limits.open_files,
        annotations=annotations,
        users=mapped,
        selinux_label=lsm.label(security.selinux_options, modules),
        apparmor_profile=lsm.profile(security, modules),
    )
    (folder / "config.json").write_bytes(msgspec.json.encode(spec.build(plan)))
    return identity


def filter_key(context: Context, folder: Path) -> str | None:
    """Under which key the filter that was compiled for the bundle is kept; None if it has none, or had one that is known.

    Asked of the bundle, for the node's own profile may have changed since.
    """
    document = msgspec.json.decode((folder / "config.json").read_bytes())
    wanted = document["linux"].get("seccomp")
    return context.filters.key(wanted) if wanted is not None else None


def _filter(
    context: Context, config: ContainerConfig, granted: tuple[str, ...], *, is_crun: bool
) -> tuple[spec.Json | None, dict[str, str]]:
    """The seccomp object, or its compiled form as an annotation once it is known, which only crun obeys."""
    wanted = seccomp.profile(config.security.seccomp, granted, privileged=config.security.privileged)
    compiled = context.filters.find(context.filters.key(wanted)) if wanted is not None and is_crun else None
    return (None, {seccomp.ANNOTATION: compiled}) if compiled is not None else (wanted, {})


def _namespaces(context: Context, box: Box, pid_target: int) -> dict[str, str]:
    options = box.config.namespaces
    chosen = {"mount": ""}
    if options.network is NamespaceMode.NODE:
        if context.config.host_netns:
            chosen["network"] = context.config.host_netns
    else:
        chosen |= {"network": box.namespace("net"), "uts": box.namespace("uts")}
    if box.userns:
        chosen["user"] = box.userns
    if options.ipc is not NamespaceMode.NODE:
        chosen["ipc"] = box.namespace("ipc")
    if pid_target:
        chosen["pid"] = f"/proc/{pid_target}/ns/pid"
    elif options.pid is NamespaceMode.CONTAINER:
        chosen["pid"] = ""
    elif options.pid is NamespaceMode.POD:
        if box.record.pause is None:
            raise CreateFault(f"cannot share the PID namespace of sandbox {box.id}: it has none")
        chosen["pid"] = f"/proc/{box.record.pause.pid}/ns/pid"
    if context.tree.layout.mode.value == "v2":
        chosen["cgroup"] = ""
    return chosen


def _hostname(box: Box) -> str:
    return os.uname().nodename if box.config.namespaces.network is NamespaceMode.NODE else box.config.hostname


def _own_mounts(box: Box, config: ContainerConfig) -> Iterator[BindMount]:
    """The sandbox's files, where the container does not mount something else there."""
    taken = {mount.container_path.rstrip("/") for mount in config.mounts}
    shm = "/dev/shm" if box.config.namespaces.ipc is NamespaceMode.NODE else str(box.folder / "shm")
    readonly = config.security.readonly_rootfs
    for target, source, fixed in (
        ("/etc/resolv.conf", str(box.folder / "resolv.conf"), readonly),
        ("/etc/hostname", str(box.folder / "hostname"), readonly),
        ("/dev/shm", shm, False),
    ):
        if target not in taken:
            yield BindMount(source, target, readonly=fixed, locked=_locked(box, source))


def _layers(image: Rootfs, folder: Path, userns: str) -> Rootfs:
    """The image, its layers with their ids mapped below ``folder`` where the Pod has users of its own."""
    if not userns:
        return image
    for number, layer in enumerate(image.lower):
        target = folder / str(number)
        target.mkdir(parents=True)
        usernamespaces.mount_mapped(f"{image.layers_dir}/{layer}", str(target), userns)
    return replace(image, layers_dir=str(folder), lower=tuple(str(n) for n in range(len(image.lower))))


def _locked(box: Box, source: str) -> tuple[str, ...]:
    """What the mount of ``source`` forbids, where that matters: the OCI runtime must say so again."""
    if not box.userns:
        return ()
    flags = os.statvfs(source).f_flag
    names = {os.ST_NOSUID: "nosuid", os.ST_NODEV: "nodev", os.ST_NOEXEC: "noexec"}
    return tuple(name for flag, name in names.items() if flags & flag)


def _mapped(source: str, target: Path, userns: str) -> str:
    """``source`` with its ids mapped, at ``target``."""
    target.parent.mkdir(exist_ok=True)
    if os.path.isdir(source):
        target.mkdir()
    else:
        target.touch()
    usernamespaces.mount_mapped(source, str(target), userns)
    return str(target)


def _mounts(context: Context, box: Box, config: ContainerConfig, folder: Path) -> Iterator[BindMount]:
    sources = _sources(context, config.mounts, folder)
    for number, mount in enumerate(config.mounts):
        if mount.image:
            source = _image_volume(context, mount, folder, number, box.userns)
        elif box.userns:
            source = _mapped(sources[number], folder / "mapped" / str(number), box.userns)
        else:
            source = sources[number]
        if mount.propagation is not MountPropagation.PRIVATE:
            _check_shared(source, mount.propagation)
        yield BindMount(
            source,
            mount.container_path,
            mount.readonly or bool(mount.image),
            mount.recursive_readonly,
            mount.propagation,
            noexec=bool(mount.image),
            locked=_locked(box, source),
        )


def _sources(context: Context, mounts: Sequence[Mount], folder: Path) -> dict[int, str]:
    """Where the OCI runtime finds each bind mount's source, by position.

    The node's own view counts; what was mounted there after our private view was made, on a mount that is not
    shared, does not show in it, as the source or inside of it, and is brought in below the state folder.
    """
    found: dict[int, _Source] = {}
    with context.space.outside():
        for number, mount in enumerate(mounts):
            if not mount.container_path.startswith("/"):
                raise CreateFault(f"cannot mount on {mount.container_path!r}: not an absolute path")
            if not mount.image:
                found[number] = _look_at(_source(mount), context.config.state_dir.parent)
    return {
        n: source.path if _is_visible(source) else _stage(context, source.path, source.status, folder, n)
        for n, source in found.items()
    }


@dataclass(frozen=True, slots=True)
class _Source:
    """What is at ``path`` and mounted inside; ``inside`` is None where every view has the same."""

    path: str
    status: os.stat_result
    inside: list[str] | None


def _look_at(path: str, node: Path) -> _Source:
    """``node``: the node's own folder, whose mounts are shared with every view."""
    status = os.stat(path)
    may_differ = stat.S_ISDIR(status.st_mode) and node not in Path(path).parents
    return _Source(path, status, linux.mounts_below(path) if may_differ else None)


def _is_visible(source: _Source) -> bool:
    try:
        same = os.path.samestat(os.stat(source.path), source.status)
    except FileNotFoundError:
        return False
    return same and (source.inside is None or linux.mounts_below(source.path) == source.inside)


def _stage(context: Context, source: str, status: os.stat_result, folder: Path, number: int) -> str:
    target = folder / "mounts" / str(number)
    target.parent.mkdir(exist_ok=True)
    if stat.S_ISDIR(status.st_mode):
        target.mkdir()
    else:
        target.touch()
    with context.space.outside():
        linux.mount(source, str(target), flags=linux.MS_BIND | linux.MS_REC)
    return str(target)


def _source(mount: Mount) -> str:
    """The node's path, made as a folder if it is missing, as containerd does."""
    source = mount.host_path
    if not source.startswith("/"):
        raise CreateFault(f"cannot mount {source!r}: not an absolute path")
    try:
        if not os.path.lexists(source):
            os.makedirs(source, mode=0o755, exist_ok=True)
        return os.path.realpath(source, strict=True)
    except OSError as error:
        raise CreateFault(f"cannot mount {source}: {error.strerror}") from error


def _image_volume(context: Context, mount: Mount, folder: Path, number: int, userns: str) -> str:
    target = folder / "mounts" / str(number)
    target.mkdir(parents=True)
    layers = folder / "mapped" / str(number)
    rootfs.mount_read_only(target, _layers(context.images.rootfs(mount.image), layers, userns))
    if not mount.image_sub_path:
        return str(target)
    try:
        fd = linux.open_in_root(str(target), mount.image_sub_path, os.O_PATH)
    except OSError as error:
        raise CreateFault(
            f"cannot mount {mount.image_sub_path} of image {mount.image}: {error.strerror}"
        ) from error
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def _check_shared(source: str, propagation: MountPropagation) -> None:
    """Propagation needs a source that is on a shared (or, towards the container, a slave) mount."""
    both = propagation is MountPropagation.BIDIRECTIONAL
    wanted = ("shared:",) if both else ("shared:", "master:")
    point, options = linux.mount_holding(source)
    if not any(option.startswith(wanted) for option in options):
        kind = "shared" if both else "shared or slave"
        raise CreateFault(f'path "{source}" is mounted on "{point}" but it is not a {kind} mount')


def _devices(config: ContainerConfig) -> Iterator[DeviceNode]:
    if config.security.privileged:
        yield from _all_devices("/dev")
    for device in config.devices:
        yield from _device(device)


def _device(device: Device) -> Iterator[DeviceNode]:
    try:
        status = os.stat(device.host_path)
    except OSError as error:
        raise CreateFault(f"cannot add device {device.host_path}: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        for found in _all_devices(device.host_path):
            path = device.container_path + found.path[len(device.host_path) :]
            yield replace(found, path=path, permissions=device.permissions)
        return
    node = _node(device.host_path, status, device.permissions)
    if node is None:
        raise CreateFault(f"cannot add device {device.host_path}: not a device")
    yield replace(node, path=device.container_path)


def _all_devices(folder: str) -> Iterator[DeviceNode]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.path in _HIDDEN_DEVICES or entry.is_symlink():
                continue
            if entry.is_dir():
                yield from _all_devices(entry.path)
            elif node := _node(entry.path, entry.stat(), "rwm"):
                yield node


def _node(path: str, status: os.stat_result, permissions: str) -> DeviceNode | None:
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return None
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b"
    major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return DeviceNode(path, kind, major, minor, stat.S_IMODE(status.st_mode), permissions)
