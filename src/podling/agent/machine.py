"""The machine under the node: how many CPUs, how much memory, which kernel.

Read once at the start; what the node offers of it (`capacity`) is a pure function of it and the settings.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podling.api import quantity
from podling.api.quantity import Format

from .config import AgentConfig

_RESOLV_CONF = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """``memory`` and ``disk`` in bytes; ``disk`` is the file system that holds Pods; ``apparmor``: the kernel enforces it."""

    cpus: int
    memory: int
    disk: int
    architecture: str
    kernel: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str
    apparmor: bool = False
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """Bytes in huge pages, by the name of the resource."""


def read(state_dir: Path) -> Machine:
    """This machine; what cannot be read is empty."""
    meminfo = _text(Path("/proc/meminfo")).splitlines()
    total = next((line.split()[1] for line in meminfo if line.startswith("MemTotal:")), "0")
    machine_id = _text(Path("/etc/machine-id")) or _text(Path("/var/lib/dbus/machine-id"))
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        memory=int(total) * 1024,
        disk=shutil.disk_usage(state_dir).total,
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        kernel=platform.release(),
        os_image=_os_name(_text(Path("/etc/os-release"))),
        machine_id=machine_id,
        system_uuid=_text(Path("/sys/class/dmi/id/product_uuid")) or machine_id,
        boot_id=_text(Path("/proc/sys/kernel/random/boot_id")),
        hugepages=_huge_pages(Path("/sys/kernel/mm/hugepages")),
        apparmor=_text(Path("/sys/module/apparmor/parameters/enabled")) == "Y",
    )


def capacity(machine: Machine, config: AgentConfig) -> dict[str, str]:
    """What the node has to offer, as API quantities: the machine's, or the smaller part that the settings give it."""
    memory = machine.memory if config.memory is None else min(config.memory, machine.memory)
    return {
        "cpu": str(machine.cpus if config.cpus is None else config.cpus),
        "memory": f"{memory // 1024}Ki",
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "pods": str(config.max_pods),
        **{name: str(quantity.of(size, Format.BINARY_SI)) for name, size in machine.hugepages.items()},
    }


def _huge_pages(folder: Path) -> dict[str, int]:
    found = {}
    for place in sorted(folder.glob("hugepages-*kB")):
        size = int(place.name.removeprefix("hugepages-").removesuffix("kB")) << 10
        name = f"hugepages-{quantity.of(size, Format.BINARY_SI)}"
        found[name] = size * int(_text(place / "nr_hugepages") or 0)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _os_name(release: str) -> str:
    for line in release.splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip('"')
    return "Linux"


def resolv_conf() -> str:
    """The host's resolver file; behind a resolver that only listens on loopback the file that it got its servers from."""
    text = ""
    for path in _RESOLV_CONF:
        try:
            found = path.read_text()
        except OSError:
            continue
        text = text or found
        servers = [line.split()[1] for line in found.splitlines() if line.startswith("nameserver ")]
        if any(not server.startswith("127.") and server != "::1" for server in servers):
            return found
    return text
