"""From a request to a launch plan: what the supervisor's child is to do, as ``supervisor/child`` reads it.

Looks into the image's layers for its users; everything else is joining what was asked, what the image brings and what
the isolation allows.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podling.runtime.images import Rootfs
from podling.runtime.interface import (
    ContainerConfig,
    CreateFault,
    SandboxConfig,
    SecurityContext,
    Unsupported,
)
from podling.runtime.oci import capabilities, users
from podling.runtime.oci.spec import command
from podling.runtime.oci.users import Identity

from .isolation import Isolation, Mode
from .pathmap import PathMap
from .supervisor.kin import MARK

Plan = dict[str, Any]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a container stands in.  ``root`` is its root folder, ``files`` the Pod's own files by where they belong."""

    isolation: Isolation
    sandbox: SandboxConfig
    ips: Sequence[str]
    image: Rootfs
    root: Path
    files: dict[str, Path]


def container(
    config: ContainerConfig, around: Surroundings, *, container_id: str, folder: Path, log: str
) -> Plan:
    """The plan of a container's main process.  Raises ``CreateFault`` and ``Unsupported``."""
    argv = list(command(config, around.image.config))
    if not argv:
        raise CreateFault(f"cannot run container {config.name}: no command specified")
    who = _identity(config.security, around)
    plan = {
        "id": container_id,
        "folder": str(folder),
        "log": log,
        "stdin": config.stdin,
        "stdin_once": config.stdin_once,
        "terminal": config.tty,
        "argv": argv,
        "env": _environment(config, around, who, container_id),
        "cwd": config.working_dir or around.image.config.working_dir or "/",
        "mode": around.isolation.mode.value,
        "root": str(around.root),
        "overlay": _overlay(around),
        "mounts": _mounts(config, around),
        "own": {target: str(file) for target, file in around.files.items()},
        "hostname": around.sandbox.hostname or os.uname().nodename,
        "readonly_root": config.security.readonly_rootfs,
        "every_id": around.isolation.every_id,
        "join": 0,
        "no_new_privs": config.security.no_new_privs,
        "oom_score_adj": config.resources.oom_score_adj,
        **_privileges(config.security, around, who),
    }
    return _in_plain_paths(plan, config) if around.isolation.mode is Mode.PLAIN else plan


def execution(plan: Plan, argv: Sequence[str], config: ContainerConfig, *, terminal: bool) -> Plan:
    """The plan of a command in a container: as its main process's, but for the command."""
    made = plan | {"argv": list(argv), "terminal": terminal}
    if terminal:
        made["env"] = plan["env"] | {"TERM": "xterm"}
    if plan["mode"] == Mode.PLAIN.value:
        made["argv"] = _plain_argv(argv, _paths(config, plan), plan["env"]["PATH"])
    return made


def _identity(security: SecurityContext, around: Surroundings) -> Identity:
    passwd, group = (_image_file(around, path) for path in ("/etc/passwd", "/etc/group"))
    who = users.resolve(security, around.image.config.user, passwd=passwd, group=group)
    explicit = security.run_as_user is not None or security.run_as_username is not None
    if not around.isolation.every_id and explicit and who.uid not in (0, os.geteuid()):
        raise Unsupported(
            "security.run_as_user", f"without privileges all containers run as user {os.geteuid()}"
        )
    if around.isolation.mode is Mode.PLAIN and around.isolation.every_id:
        _must_reach(around.root, who)
    return who


def _must_reach(root: Path, who: Identity) -> None:
    """Without a root of its own a process comes to its image through the folders above, which may be closed to it."""
    if who.uid in (0, os.geteuid()):
        return
    for folder in (*reversed(root.parents), root):
        status = folder.stat()
        own = status.st_uid == who.uid
        ours = status.st_gid in (who.gid, *who.groups)
        if not status.st_mode & (stat.S_IXUSR if own else stat.S_IXGRP if ours else stat.S_IXOTH):
            raise Unsupported(
                "security.run_as_user",
                f"without a root folder of its own user {who.uid} cannot reach its image through {folder}, "
                f"whose mode is {stat.S_IMODE(status.st_mode):04o}",
            )


def _privileges(security: SecurityContext, around: Surroundings, who: Identity) -> dict[str, Any]:
    """Without the right to other users everybody stays who they are; in a user namespace of one that is its root."""
    keep = _capabilities(security, around)
    if not around.isolation.every_id:
        return {"uid": None, "gid": None, "groups": None, "capabilities": keep}
    return {"uid": who.uid, "gid": who.gid, "groups": list(who.groups), "capabilities": keep}


def _capabilities(security: SecurityContext, around: Surroundings) -> list[int] | None:
    in_namespace = around.isolation.mode is Mode.NAMESPACES
    if not in_namespace and os.geteuid() != 0:
        if security.add_capabilities:
            raise Unsupported("security.add_capabilities", "this process has no capabilities to give")
        return None
    held = frozenset(capabilities.NAMES) if in_namespace else capabilities.available()
    if "CAP_SETPCAP" not in held:
        return None
    return [capabilities.NAMES.index(name) for name in capabilities.effective(security, held)]


def _image_file(around: Surroundings, path: str) -> str:
    for layer in around.image.lower:
        if text := users.read(str(Path(around.image.layers_dir, layer)), path):
            return text
    return ""


def _environment(
    config: ContainerConfig, around: Surroundings, who: Identity, container_id: str
) -> dict[str, str]:
    variables = {"PATH": _PATH}
    for line in around.image.config.env:
        name, _, value = line.partition("=")
        variables[name] = value
    variables["HOSTNAME"] = around.sandbox.hostname
    if config.tty:
        variables["TERM"] = "xterm"
    if who.home:
        variables.setdefault("HOME", who.home)
    if around.ips:
        variables["PODLING_POD_IP"] = around.ips[0]  # what to listen on for being alone with a port
    variables.update(config.env)
    variables[MARK] = container_id
    return variables


def _overlay(around: Surroundings) -> dict[str, str] | None:
    if not around.isolation.overlay:
        return None
    layers = ":".join(around.image.lower)
    options = f"userxattr,lowerdir={layers},upperdir={around.root}~upper,workdir={around.root}~work"
    return {"layers": around.image.layers_dir, "options": options}


def _mounts(config: ContainerConfig, around: Surroundings) -> list[dict[str, Any]]:
    """Outer ones first, so that none is hidden by another."""
    if around.isolation.mode is not Mode.NAMESPACES:
        return []
    taken = {mount.container_path.rstrip("/") for mount in config.mounts}
    own = [
        {"source": str(file), "target": target, "readonly": False}
        for target, file in around.files.items()
        if target not in taken
    ]
    asked = [
        {"source": mount.host_path, "target": mount.container_path, "readonly": mount.readonly}
        for mount in config.mounts
    ]
    return sorted(own + asked, key=lambda mount: mount["target"].rstrip("/").count("/"))


def _paths(config: ContainerConfig, plan: Plan) -> PathMap:
    """What a container has of its own: its volumes, its Pod's files, and a /tmp."""
    own = {"/tmp": f"{plan['root']}/tmp", **plan["own"]}
    for mount in config.mounts:
        own[mount.container_path.rstrip("/")] = mount.host_path.rstrip("/")
    return PathMap(plan["root"], own, os.path.exists)


def _in_plain_paths(plan: Plan, config: ContainerConfig) -> Plan:
    paths = _paths(config, plan)
    os.makedirs(paths.path("/tmp"), exist_ok=True)
    os.chmod(paths.path("/tmp"), 0o1777)
    cwd = paths.path(plan["cwd"])
    if not os.path.isdir(cwd):
        cwd = plan["root"] + os.path.normpath(plan["cwd"])
        os.makedirs(cwd, exist_ok=True)
    env = {name: paths.text(value) for name, value in plan["env"].items()}
    env["PATH"] = paths.search_path(plan["env"]["PATH"])
    env["PODLING_ROOT"] = plan["root"]
    env.setdefault("TMPDIR", paths.path("/tmp"))
    return plan | {
        "argv": _plain_argv(plan["argv"], paths, env["PATH"]),
        "env": env,
        "cwd": cwd,
    }


def _plain_argv(argv: Sequence[str], paths: PathMap, search_path: str) -> list[str]:
    program = argv[0]
    if program.startswith("/"):
        program = paths.path(program)
    elif "/" not in program:
        places = (f"{folder}/{program}" for folder in search_path.split(":"))
        program = next((place for place in places if os.access(place, os.X_OK)), program)
    return [program, *(paths.text(argument) for argument in argv[1:])]
