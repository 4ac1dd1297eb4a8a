"""The system call filter of containers: the default profile as data, and compiled filters kept for reuse.

The default allows what containerd's does: ordinary calls for everybody, more with certain capabilities, and never
what reaches the kernel's own administration.  Everything else fails with EPERM; ``clone3`` fails with ENOSYS, so that
C libraries fall back to ``clone``, whose namespace flags the filter can see.  It is compiled for this architecture
alone: foreign ones are killed by the kernel's check, and three of them cost 17 ms a container.

``Filters`` keeps what crun compiled (it leaves the program in the container's state folder): handed back as an
annotation it spares 1-2 ms and 2 MB each time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import secrets
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from podling.runtime.interface import CreateFault, SeccompProfile

ANNOTATION = "run.oci.seccomp_bpf_data"
_ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag that clone(2) takes
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
_AF_VSOCK = 40
_ENOSYS = 38
_EPERM = 1

Profile = dict[str, Any]


def profile(wanted: SeccompProfile, capabilities: Iterable[str], *, privileged: bool) -> Profile | None:
    """The OCI ``linux.seccomp`` object, or None for no filter.  Raises ``CreateFault`` if a local one is unusable."""
    if wanted.kind == "Unconfined" or privileged:
        return None
    if wanted.kind == "RuntimeDefault":
        return default(frozenset(capabilities))
    return _load(wanted.path or "")


def _load(path: str) -> Profile:
    """A profile of the node, its faults in containerd's words."""
    try:
        document = json.loads(Path(path).read_bytes())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CreateFault(f'cannot load seccomp profile "{path}": open {path}: {why}') from error
    except ValueError as error:
        raise CreateFault(f'decoding seccomp profile failed "{path}": {error}') from error
    if not isinstance(document, dict) or "defaultAction" not in document:
        raise CreateFault(f'decoding seccomp profile failed "{path}": it has no defaultAction')
    return document


@cache
def default(capabilities: frozenset[str]) -> Profile:
    """The default profile for a container with these capabilities.  Treat as read-only."""
    data = _data()
    names = {name for group in data["allow"].values() for name in group.split()}
    names.update(data["allow_on"].get(platform.machine(), "").split())
    for capability, more in data["allow_with"].items():
        if capability in capabilities:
            names.update(more.split())
    rules: list[Profile] = [{"names": sorted(names), "action": "SCMP_ACT_ALLOW"}]
    rules += [_if("personality", 0, value, "SCMP_CMP_EQ") for value in _PERSONALITIES]
    rules.append(_if("socket", 0, _AF_VSOCK, "SCMP_CMP_NE"))
    if "clone" not in names:
        rules.append(_if("clone", 0, _NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ"))
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "architectures": [_ARCHITECTURES[platform.machine()]] if platform.machine() in _ARCHITECTURES else [],
        "syscalls": rules,
    }


class Filters:
    """Compiled filters by what they were compiled from.  Only crun takes part; others find nothing and keep nothing."""

    def __init__(self, folder: Path, tool_version: str, *, enabled: bool) -> None:
        self._folder = folder
        self._version = tool_version
        self._enabled = enabled
        self._known: dict[str, str] = {}

    def key(self, wanted: Profile) -> str:
        text = json.dumps([self._version, platform.release(), wanted], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def find(self, key: str) -> str | None:
        """The compiled filter in the annotation's form."""
        if not self._enabled:
            return None
        if key not in self._known:
            try:
                self._known[key] = base64.b64encode((self._folder / key).read_bytes()).decode()
            except FileNotFoundError:
                return None
        return self._known[key]

    def keep(self, key: str, compiled: Path) -> None:
        """Remember what crun left at ``compiled``, if it did."""
        if not self._enabled or key in self._known:
            return
        try:
            program = compiled.read_bytes()
        except FileNotFoundError:
            return
        if not program or len(program) % 8:
            return
        self._folder.mkdir(exist_ok=True)
        fresh = self._folder / f".{key}.{secrets.token_hex(4)}"  # several starts may bring the same at once
        fresh.write_bytes(program)
        fresh.replace(self._folder / key)


@cache
def _data() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = json.loads(
        resources.files(__package__).joinpath("seccomp.json").read_bytes()
    )
    return loaded


def _if(name: str, index: int, value: int, operator: str) -> Profile:
    argument: Profile = {"index": index, "value": value, "op": operator}
    if operator == "SCMP_CMP_MASKED_EQ":
        argument["valueTwo"] = 0
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]}
