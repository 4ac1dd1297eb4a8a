"""What a CRI runtime answers, as the interface's reports (pure); what was kept with a request is read back, and not shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from podling.runtime.interface import (
    Container,
    ContainerState,
    ContainerStats,
    Image,
    Resources,
    Sandbox,
    SandboxState,
)

from .codec import Message
from .requests import KEPT, PREFIX, SandboxFacts

_STATES = {
    "CONTAINER_CREATED": ContainerState.CREATED,
    "CONTAINER_RUNNING": ContainerState.RUNNING,
    "CONTAINER_EXITED": ContainerState.EXITED,
    "CONTAINER_UNKNOWN": ContainerState.UNKNOWN,
}


def facts(annotations: Mapping[str, str]) -> SandboxFacts:
    """What was kept with a sandbox."""
    return SandboxFacts(**json.loads(annotations.get(KEPT, "{}")))


def sandbox(listed: Message, status: Message | None = None, *, netns: str = "") -> Sandbox:
    """A sandbox as listed, with the addresses that its status tells."""
    metadata = listed["metadata"]
    ready = listed["state"] == "SANDBOX_READY"
    return Sandbox(
        id=listed["id"],
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        attempt=metadata["attempt"],
        state=SandboxState.READY if ready else SandboxState.NOT_READY,
        created_at=listed["created_at"],
        ips=_addresses(status or {}) if ready else (),
        labels=_visible(listed["labels"]),
        annotations=_visible(listed["annotations"]),
        netns=netns if ready else "",
    )


def container(sandbox_id: str, status: Message, *, pid: int) -> Container:
    """A container by its status; ``pid`` of its first process, 0 where it does not run."""
    own = json.loads(status["annotations"].get(KEPT, "{}"))
    started = max(
        status["started_at"], 0
    )  # containerd looks at the clock when the start is over: later than a quick end
    running = state(status) is ContainerState.RUNNING
    return Container(
        id=status["id"],
        sandbox_id=sandbox_id,
        name=status["metadata"]["name"],
        attempt=status["metadata"]["attempt"],
        state=state(status),
        image=own.get("image", ""),
        image_id=own.get("image", ""),
        created_at=status["created_at"],
        started_at=started,
        finished_at=max(status["finished_at"], started) if status["finished_at"] > 0 else 0,
        exit_code=status["exit_code"],
        reason=status["reason"],
        message=status["message"],
        pid=pid if running else 0,
        log_path=status["log_path"],
        labels=_visible(status["labels"]),
        annotations=_visible(status["annotations"]),
    )


def state(told: Message) -> ContainerState:
    return _STATES[told["state"]]


def asked(status: Message) -> Resources:
    """The limits that the container was made with."""
    return Resources(**json.loads(status["annotations"].get(KEPT, "{}")).get("resources", {}))


def stop_signal(status: Message) -> str:
    """The signal that was asked for with the container, which CRI got a field for only in v1.33."""
    return str(json.loads(status["annotations"].get(KEPT, "{}")).get("stop_signal", ""))


def image(told: Message) -> Image:
    user = told["username"]
    if not user and "uid" in told:
        user = str(told["uid"]["value"])
    return Image(
        id=told["id"],
        repo_tags=tuple(told["repo_tags"]),
        repo_digests=tuple(told["repo_digests"]),
        size=told["size"],
        user=user,
        pinned=told["pinned"],
    )


def stats(told: Message, *, pids: int) -> ContainerStats:
    """Usage as the runtime tells it; the number of processes, which CRI lacks, comes from elsewhere."""
    cpu, memory, disk = (told.get(part) or {} for part in ("cpu", "memory", "writable_layer"))
    return ContainerStats(
        container_id=told["attributes"]["id"],
        at=cpu.get("timestamp", 0),
        cpu_usage=_amount(cpu, "usage_core_nano_seconds"),
        memory_usage=_amount(memory, "usage_bytes") or _amount(memory, "working_set_bytes"),
        memory_working_set=_amount(memory, "working_set_bytes"),
        memory_rss=_amount(memory, "rss_bytes"),
        rootfs_used=_amount(disk, "used_bytes"),
        rootfs_inodes=_amount(disk, "inodes_used"),
        pids=pids,
    )


def info_of(answer: Message) -> dict[str, Any]:
    """The runtime's own verbose words on a sandbox or container; both containerd and CRI-O put JSON there."""
    try:
        told = json.loads(answer["info"].get("info", "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def netns(info: Mapping[str, Any]) -> str:
    """The path of a sandbox's network namespace; "" where it has none of its own or the runtime does not tell."""
    linux = (info.get("runtimeSpec") or {}).get("linux") or {}
    for space in linux.get("namespaces") or ():
        if space.get("type") == "network":
            return str(space.get("path", ""))
    return ""


def _visible(words: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in words.items() if not key.startswith(PREFIX)}


def _addresses(status: Message) -> tuple[str, ...]:
    network = status.get("network") or {}
    more = (one["ip"] for one in network.get("additional_ips", ()))
    return tuple(ip for ip in (network.get("ip", ""), *more) if ip)


def _amount(part: Message, name: str) -> int:
    return int((part.get(name) or {}).get("value", 0))
