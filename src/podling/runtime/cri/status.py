"""What a CRI runtime says of itself (pure): who it is, whether it is ready, its handlers, its network, its control groups.

Half of it is in CRI's ``Status``; containerd tells the rest in its verbose words, where CRI has no field for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .codec import Message
from .requests import Features


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatus:
    """``handlers``: "" is the default.  ``cni_folder``: where it looks for its network's configuration, "" if unknown.

    ``fault`` is why no Pod can be run, ``network_fault`` why none can be connected; "" = ready.
    """

    name: str
    version: str
    fault: str = ""
    network_fault: str = ""
    handlers: tuple[str, ...] = ("",)
    by_handler: Mapping[str, Features] = field(default_factory=dict)
    cni_folder: str = ""
    systemd_cgroup: bool = False

    def features(self, handler: str) -> Features:
        return self.by_handler.get(handler, Features())


def read(version: Message, status: Message) -> RuntimeStatus:
    """From the answers to ``Version`` and a verbose ``Status``."""
    conditions = {one["type"]: one for one in status.get("status", {}).get("conditions", [])}
    config = _document(status["info"].get("config", ""))
    told = {one["name"]: _features(one.get("features") or {}) for one in status["runtime_handlers"]}
    containerd = config.get("containerd") or {}
    runtimes = containerd.get("runtimes") or {}
    options = (runtimes.get(containerd.get("defaultRuntimeName", "")) or {}).get("options") or {}
    return RuntimeStatus(
        name=version["runtime_name"],
        version=version["runtime_version"],
        fault=_fault(conditions.get("RuntimeReady")),
        network_fault=_fault(conditions.get("NetworkReady")),
        handlers=tuple(dict.fromkeys(("", *told, *sorted(runtimes)))),
        by_handler=told,
        cni_folder=str((config.get("cni") or {}).get("confDir", "")),
        systemd_cgroup=bool(config.get("systemdCgroup") or options.get("SystemdCgroup")),
    )


def _features(told: Mapping[str, Any]) -> Features:
    return Features(
        recursive_read_only=bool(told.get("recursive_read_only_mounts")),
        user_namespaces=bool(told.get("user_namespaces")),
    )


def _fault(condition: Message | None) -> str:
    if condition is None or condition["status"]:
        return ""
    return condition["message"] or condition["reason"] or "no reason given"


def _document(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
