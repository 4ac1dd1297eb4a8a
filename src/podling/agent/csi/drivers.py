"""The drivers that this node knows, and what it asks of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1
from podling.runtime.cri.channel import CallFault, Channel
from podling.runtime.interface import Unavailable

from .messages import CODEC, CONTROLLER, IDENTITY, NODE

SECONDS = 120.0
"""How long a driver may take (kubelet's csiTimeout)."""
EXPANSION = "EXPAND_VOLUME"
MOUNT_GROUP, STAGING, SINGLE_WRITER = "VOLUME_MOUNT_GROUP", "STAGE_UNSTAGE_VOLUME", "SINGLE_NODE_MULTI_WRITER"
_CODES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
    "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
    "DataLoss", "Unauthenticated",
)  # fmt: skip
"""gRPC's codes as Go names them."""


_UNDECIDED = frozenset({"Canceled", "DeadlineExceeded", "ResourceExhausted", "Aborted", "Unavailable"})


class DriverFault(VolumeFault):
    """A driver refused.  ``is_final``: nothing was done, and nothing goes on behind our back."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {message}")
        self.code = code
        self.is_final = code not in _UNDECIDED


async def ask(
    channel: Channel, path: str, request: str, answer: str, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """One call.  Raises ``DriverFault`` in the words of a Go client."""
    try:
        data = await channel.call(path, CODEC.encode(request, fields), limit=SECONDS)
    except CallFault as fault:
        code = _CODES[fault.code] if fault.code < len(_CODES) else f"Code({fault.code})"
        raise DriverFault(code, str(fault)) from fault
    except Unavailable as fault:
        raise DriverFault("Unavailable", str(fault)) from fault
    return CODEC.decode(answer, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """``node_id``, ``topology`` and ``max_volumes`` (0 = it does not say) are what it calls this node."""

    name: str
    channel: Channel
    node_id: str
    topology: Mapping[str, str] = field(default_factory=dict)
    max_volumes: int = 0
    locks: Mapping[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """One for each volume's handle: what is asked about one volume is asked in turn."""

    async def call(self, method: str, **fields: Any) -> dict[str, Any]:
        """A method of its node service.  Raises ``DriverFault``."""
        return await _of_node(self.channel, method, fields)

    async def can(self, capability: str) -> bool:
        told = await self.call("NodeGetCapabilities")
        return any(each.get("rpc", {}).get("type") == capability for each in told["capabilities"])

    async def control(self, method: str, **fields: Any) -> dict[str, Any]:
        """A method of its controller service.  Raises ``DriverFault``."""
        path = f"{CONTROLLER}{method}"
        return await ask(self.channel, path, f"{method}Request", f"{method}Response", fields)

    async def controls(self) -> set[str]:
        """What its controller service can do; nothing if it has none at this socket.  Raises ``DriverFault``."""
        if "CONTROLLER_SERVICE" not in await self.services():
            return set()
        told = await self.control("ControllerGetCapabilities")
        return {each.get("rpc", {}).get("type", "") for each in told["capabilities"]}

    async def services(self) -> set[str]:
        """What the plugin at this socket is.  Raises ``DriverFault``."""
        method = "GetPluginCapabilities"
        told = await ask(self.channel, f"{IDENTITY}{method}", f"{method}Request", f"{method}Response", {})
        return {each.get("service", {}).get("type", "") for each in told["capabilities"]}


async def meet(name: str, endpoint: str) -> Driver:
    """The driver at a socket, which tells what it calls this node.  Raises ``VolumeFault``."""
    channel = Channel(f"unix://{endpoint}")
    try:
        told = await _of_node(channel, "NodeGetInfo", {})
        if not told["node_id"]:
            raise VolumeFault("node ID is empty")
    except VolumeFault:
        channel.close()
        raise
    return Driver(
        name=name,
        channel=channel,
        node_id=told["node_id"],
        topology=told.get("accessible_topology", {}).get("segments", {}),
        max_volumes=told["max_volumes_per_node"],
    )


async def _of_node(channel: Channel, method: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return await ask(channel, f"{NODE}{method}", f"{method}Request", f"{method}Response", fields)


class Drivers:
    """``staging`` is where volumes are staged, once for all Pods of the node; ``on_published`` hears of volumes behind claims."""

    def __init__(self, staging: Path) -> None:
        self.staging = staging
        self.on_published: Callable[[core_v1.PersistentVolume], None] = lambda _: None
        self._known: dict[str, Driver] = {}

    def get(self, name: str) -> Driver:
        """Raises ``VolumeFault``."""
        driver = self._known.get(name)
        if driver is None:
            raise VolumeFault(f"driver name {name} not found in the list of registered CSI drivers")
        return driver

    def add(self, driver: Driver) -> None:
        """Known from now on, in the place of a former one of the name."""
        self.remove(driver.name)
        self._known[driver.name] = driver

    def remove(self, name: str) -> None:
        if (driver := self._known.pop(name, None)) is not None:
            driver.channel.close()

    def all(self) -> list[Driver]:
        return [*self._known.values()]

    def close(self) -> None:
        for name in [*self._known]:
            self.remove(name)
