"""A node's CSI drivers as one part of the agent: known, shown in the API, and gone with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from podling.agent.paths import Paths
from podling.aio.clock import Clock
from podling.api.types import core_v1
from podling.client.client import Client

from .attachments import Attachments
from .csinode import CsiNode
from .drivers import Drivers
from .registration import Registration
from .sidecars.service import Sidecars


class Csi:
    """``name`` is the node's, ``node`` gives its object, ``labels`` its labels; ``on_change``: a driver has come, or a volume was attached."""

    def __init__(
        self,
        paths: Paths,
        client: Client,
        *,
        name: str,
        node: Callable[[], core_v1.Node],
        labels: Callable[[], Mapping[str, str]],
        on_change: Callable[[], None],
        clock: Clock,
        random: Random,
    ) -> None:
        self._on_change = on_change
        self.attachments = Attachments(client, node=name, pods=paths.pods, on_change=on_change)
        self.drivers = Drivers(paths.plugins / "kubernetes.io" / "csi")
        self._shown = CsiNode(client, node)
        self._registration = Registration(
            paths.plugins_registry, self.drivers, publish=self._publish, on_change=self._came
        )
        self._sidecars = Sidecars(
            client, self.drivers, node=name, labels=labels, clock=clock, random=random, pods=paths.pods
        )

    def start(self) -> None:
        """The node must have its object.  Drivers come when they answer."""
        self._registration.start()

    async def close(self) -> None:
        await self._sidecars.close()
        await self._registration.close()
        await self.attachments.close()

    def _came(self) -> None:
        self._sidecars.wake()
        self._on_change()

    async def _publish(self) -> None:
        await self._shown.write(self.drivers.all())
