"""What a Node object says of its node (pure, but for looking at how much memory and disk is left)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from podling.agent.config import AgentConfig
from podling.agent.machine import Machine
from podling.api import times
from podling.api.types import core_v1
from podling.runtime.interface import Image, RuntimeInfo

RUNTIME, ISOLATION = "podling.dev/runtime", "podling.dev/isolation"
"""Labels: the runtime's name, and the way it keeps containers apart if it has several."""
NOT_ISOLATED = "podling.dev/not-isolated"
"""Annotation: what containers share with the machine, one matter a line."""
MAX_IMAGES = 50
"""Images that a Node lists, the largest first (kubelet's nodeStatusMaxImages)."""
_ATTACH = "volumes.kubernetes.io/controller-managed-attach-detach"
MEMORY_LEFT = 100 << 20
DISK_LEFT = 100 << 20
"""Below these many bytes the node is under pressure."""


def node_info(machine: Machine, config: AgentConfig, runtime: RuntimeInfo) -> core_v1.NodeSystemInfo:
    return core_v1.NodeSystemInfo(
        architecture=machine.architecture,
        boot_id=machine.boot_id,
        container_runtime_version=f"{runtime.name}://{runtime.version}",
        kernel_version=machine.kernel,
        kube_proxy_version="",
        kubelet_version=config.kubelet_version,
        machine_id=machine.machine_id,
        operating_system="linux",
        os_image=machine.os_image,
        system_uuid=machine.system_uuid,
    )


def labels(machine: Machine, config: AgentConfig, runtime: RuntimeInfo) -> dict[str, str]:
    """Pods that must not share the machine with others can keep away from a node by the last two."""
    own = {RUNTIME: runtime.name, **({ISOLATION: runtime.isolation} if runtime.isolation else {})}
    return {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": config.node_name,
        "kubernetes.io/os": "linux",
        **own,
        **config.labels,
    }


def runtime_handlers(runtime: RuntimeInfo) -> list[core_v1.NodeRuntimeHandler]:
    features = core_v1.NodeRuntimeHandlerFeatures(recursive_read_only_mounts=runtime.recursive_readonly)
    return [core_v1.NodeRuntimeHandler(name=name or None, features=features) for name in runtime.handlers]


def notes(config: AgentConfig, runtime: RuntimeInfo) -> dict[str, str]:
    """Its annotations."""
    shared = {NOT_ISOLATED: "\n".join(runtime.not_isolated)} if runtime.not_isolated else {}
    return {_ATTACH: "true", **shared, **config.annotations}


def addresses(ips: Iterable[str], config: AgentConfig) -> list[core_v1.NodeAddress]:
    found = [core_v1.NodeAddress(type="InternalIP", address=ip) for ip in ips]
    return [*found, core_v1.NodeAddress(type="Hostname", address=config.node_name)]


def images(found: Sequence[Image]) -> list[core_v1.ContainerImage]:
    largest = sorted(found, key=lambda image: -image.size)[:MAX_IMAGES]
    return [
        core_v1.ContainerImage(names=[*image.repo_digests, *image.repo_tags], size_bytes=image.size)
        for image in largest
    ]


def conditions(
    before: Iterable[core_v1.NodeCondition], *, now: float, state_dir: Path, trouble: str = ""
) -> list[core_v1.NodeCondition]:
    """The four conditions; ``trouble`` says why the node is not ready, "" that it is."""
    memory_short = _memory_left() < MEMORY_LEFT
    disk_short = shutil.disk_usage(state_dir).free < DISK_LEFT
    ready = (
        _condition("Ready", True, "KubeletReady", "kubelet is posting ready status")
        if not trouble
        else _condition("Ready", False, "KubeletNotReady", trouble)
    )
    told = [
        _pressure(
            "MemoryPressure", memory_short, "InsufficientMemory", "SufficientMemory", "memory available"
        ),
        _condition("DiskPressure", True, "KubeletHasDiskPressure", "kubelet has disk pressure")
        if disk_short
        else _condition("DiskPressure", False, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        _pressure("PIDPressure", False, "InsufficientPID", "SufficientPID", "PID available"),
        ready,
    ]
    known = {condition.type: condition for condition in before}
    for condition in told:
        old = known.get(condition.type)
        same = old is not None and old.status == condition.status
        condition.last_heartbeat_time = times.rfc3339(now)
        since = old.last_transition_time if old is not None and same else None
        condition.last_transition_time = since or times.rfc3339(now)
    return told


def _pressure(type: str, short: bool, bad: str, good: str, what: str) -> core_v1.NodeCondition:
    if short:
        return _condition(type, True, f"KubeletHas{bad}", f"kubelet has insufficient {what}")
    return _condition(type, False, f"KubeletHas{good}", f"kubelet has sufficient {what}")


def _condition(type: str, holds: bool, reason: str, message: str) -> core_v1.NodeCondition:
    return core_v1.NodeCondition(type=type, status=str(holds), reason=reason, message=message)


def _memory_left() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return MEMORY_LEFT
