"""What provisioner, attacher and resizer have in common: the objects as known, the drivers that they act for, Secrets and Events."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path

from podling.agent.csi import provisioning
from podling.agent.csi.drivers import Driver, Drivers
from podling.api.storage import matching, sidecars
from podling.api.types import core_v1, storage_v1
from podling.client.client import Client
from podling.client.events import EventRecorder
from podling.client.informers import Informers


class Desk:
    """``node`` is this node's name, ``labels`` gives its labels, ``pods`` is where its Pods' folders are."""

    def __init__(
        self,
        client: Client,
        drivers: Drivers,
        informers: Informers,
        *,
        node: str,
        labels: Callable[[], Mapping[str, str]],
        events: EventRecorder,
        pods: Path,
    ) -> None:
        self.client = client
        self.pods = pods
        self.node = node
        self.events = events
        self.claims = informers.get(core_v1.PersistentVolumeClaim)
        self.volumes = informers.get(core_v1.PersistentVolume)
        self.classes = informers.get(storage_v1.StorageClass)
        self.attachments = informers.get(storage_v1.VolumeAttachment)
        self.csi_drivers = informers.get(storage_v1.CSIDriver)
        self.csi_nodes = informers.get(storage_v1.CSINode)
        self._secrets = client.resource(core_v1.Secret)
        self._drivers = drivers
        self._labels = labels

    def driver(self, name: str) -> Driver | None:
        """The driver, if it is here and Podling is to call its controller service."""
        here = self.registered(name)
        return here if here and sidecars.is_built_in(self.csi_drivers.get("", name)) else None

    def registered(self, name: str) -> Driver | None:
        """The driver, if it is here, whoever calls its controller service."""
        return next((each for each in self._drivers.all() if each.name == name), None)

    def speaks_to(self, driver: str) -> bool:
        """Whether this node does what any node with the driver could."""
        return provisioning.is_speaker(driver, self.node, self.csi_nodes.list())

    def keeps(self, volume: core_v1.PersistentVolume) -> Driver | None:
        """The driver of a volume that this node's agent is to look after; None if it is not."""
        source = volume.spec.csi if volume.spec else None
        driver = self.driver(source.driver) if source else None
        if volume.spec is None or driver is None:
            return None
        if volume.spec.node_affinity is None:
            return driver if self.speaks_to(driver.name) else None
        return driver if matching.is_usable_on(volume, self.node, self._labels()) else None

    async def secret(self, ref: core_v1.SecretReference | None) -> dict[str, str]:
        """What is in a Secret.  Raises ApiError and ClientError."""
        if ref is None or not ref.name:
            return {}
        found = await self._secrets.get(ref.name, namespace=ref.namespace)
        return {key: base64.b64decode(text).decode() for key, text in (found.data or {}).items()}
