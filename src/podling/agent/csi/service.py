"""A node's CSI drivers as one part of the agent: known, shown in the API, and gone with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from podling.api.types import core_v1
from podling.client.client import Client

from .csinode import CsiNode
from .drivers import Drivers
from .registration import Registration


class Csi:
    """``folder`` is where drivers' sockets appear; ``node`` gives the Node's object; ``on_change``: a driver has come."""

    def __init__(
        self,
        folder: Path,
        client: Client,
        *,
        node: Callable[[], core_v1.Node],
        on_change: Callable[[], None],
    ) -> None:
        self.drivers = Drivers()
        self._shown = CsiNode(client, node)
        self._registration = Registration(folder, self.drivers, publish=self._publish, on_change=on_change)

    def start(self) -> None:
        """The node must have its object.  Drivers come when they answer."""
        self._registration.start()

    async def close(self) -> None:
        await self._registration.close()

    async def _publish(self) -> None:
        await self._shown.write(self.drivers.all())
