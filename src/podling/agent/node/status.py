"""What a Node object says of its node (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

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
MAX_IMAGE_NAMES = 5
"""Names of an image that it lists (kubelet's MaxNamesPerImageInNodeStatus)."""
_ATTACH = "volumes.kubernetes.io/controller-managed-attach-detach"


class _Words(NamedTuple):
    """Reason and message of a condition that holds, and of one that does not."""

    short: tuple[str, str]
    enough: tuple[str, str]


_PRESSURES = {
    "MemoryPressure": _Words(
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ),
    "DiskPressure": _Words(
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ),
    "PIDPressure": _Words(
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ),
}


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
    features = core_v1.NodeRuntimeHandlerFeatures(
        recursive_read_only_mounts=runtime.recursive_readonly, user_namespaces=runtime.user_namespaces
    )
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
        core_v1.ContainerImage(
            names=[*image.repo_digests, *image.repo_tags][:MAX_IMAGE_NAMES], size_bytes=image.size
        )
        for image in largest
    ]


def conditions(
    before: Iterable[core_v1.NodeCondition], *, now: float, pressure: Collection[str], trouble: str = ""
) -> list[core_v1.NodeCondition]:
    """The four conditions; ``trouble`` says why the node is not ready, "" that it is; it is under each ``pressure``."""
    ready = (
        _condition("Ready", True, "KubeletReady", "kubelet is posting ready status")
        if not trouble
        else _condition("Ready", False, "KubeletNotReady", trouble)
    )
    told = [
        *(
            _pressure(type, short, words)
            for type, words in _PRESSURES.items()
            for short in [type in pressure]
        ),
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


def _pressure(type: str, short: bool, words: _Words) -> core_v1.NodeCondition:
    reason, message = words.short if short else words.enough
    return _condition(type, short, reason, message)


def _condition(type: str, holds: bool, reason: str, message: str) -> core_v1.NodeCondition:
    return core_v1.NodeCondition(type=type, status=str(holds), reason=reason, message=message)
