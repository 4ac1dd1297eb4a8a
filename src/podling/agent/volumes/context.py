"""What a kind of volume is given to do its work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from podling.agent.csi.drivers import Drivers
from podling.agent.podcertificates import Bundle, Place
from podling.agent.podspec.fields import Facts
from podling.api.storage import claims
from podling.api.types import certificates_v1, core_v1, storage_v1

from . import ownership


class Objects(Protocol):
    """Objects of the Pod's namespace that volumes are filled from; None where there is no such object."""

    async def config_map(self, namespace: str, name: str) -> core_v1.ConfigMap | None: ...
    async def secret(self, namespace: str, name: str) -> core_v1.Secret | None: ...

    async def token(self, pod: core_v1.Pod, source: core_v1.ServiceAccountTokenProjection) -> str:
        """A token of the Pod's service account; a fresh one when the last is near its end.  Raises ``VolumeFault``."""
        ...

    async def certificate(
        self, pod: core_v1.Pod, place: Place, source: core_v1.PodCertificateProjection
    ) -> Bundle:
        """The Pod's certificate for one of its projections.  Raises ``VolumeFault`` while there is none."""
        ...

    async def trust_bundles(self) -> Sequence[certificates_v1.ClusterTrustBundle]:
        """Those of the whole cluster."""
        ...

    async def csi_driver(self, name: str) -> storage_v1.CSIDriver | None:
        """What the cluster says of a CSI driver."""
        ...

    def csi_drivers(self) -> Drivers:
        """The drivers of this node."""
        ...

    async def attachment(self, source: core_v1.CSIPersistentVolumeSource) -> Mapping[str, str]:
        """What attaching told of a volume, which the Pod uses from now on.  Raises ``VolumeFault`` while it is not attached."""
        ...

    async def persistent_volume(self, pod: core_v1.Pod, use: claims.Use) -> core_v1.PersistentVolume:
        """The volume that is bound to a claim of the Pod.  Raises ``VolumeFault``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One volume of one Pod.

    path     where it is to appear; its parent exists.
    memory   a place of the same lifetime that never reaches a disk, where the machine allows that.
    """

    pod: core_v1.Pod
    volume: core_v1.Volume
    path: Path
    memory: Path
    facts: Facts
    objects: Objects

    @property
    def namespace(self) -> str:
        return self.pod.metadata.namespace or ""

    def give_files(self, path: Path) -> None:
        """Let the Pod read the files below ``path`` that were written for it."""
        ownership.give_files(path, self.pod)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A kind of volume.  ``set_up`` is idempotent and returns the path to mount; it raises ``VolumeFault``.

    ``live``: called again whenever what the volume is filled from may have changed.
    """

    name: str
    field: str
    set_up: Callable[[Context], Awaitable[Path]]
    live: bool = False
