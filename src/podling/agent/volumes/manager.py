"""The volumes of every Pod on the node: set up once, kept up to date while the Pod lives, taken down with it.

Everything about a Pod's volumes can be told from its spec and the files, so a new process goes on where the last one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from podling.agent.claims import Claims
from podling.agent.csi import publication
from podling.agent.csi.attachments import Attachments
from podling.agent.csi.drivers import Drivers
from podling.agent.errors import AgentFault, VolumeFault, VolumeFaults
from podling.agent.paths import Paths
from podling.agent.podcertificates import Bundle, Place, PodCertificates
from podling.agent.podspec.fields import Facts
from podling.agent.references import References
from podling.agent.tokens import Tokens
from podling.api.storage.claims import Use
from podling.api.types import certificates_v1, core_v1, storage_v1
from podling.runtime import removal

from . import loop
from .context import Context
from .table import plugin_for

Mounted = dict[str, Path]
"""The path of each volume of a Pod, by the volume's name."""


@dataclass(frozen=True, slots=True)
class _Objects:
    """The objects of one Pod's namespace, held in the Pod's name."""

    holder: str
    references: References
    tokens: Tokens
    certificates: PodCertificates
    claims: Claims
    drivers: Drivers
    attachments: Attachments

    async def config_map(self, namespace: str, name: str) -> core_v1.ConfigMap | None:
        return await self.references.config_map(self.holder, namespace, name)

    async def secret(self, namespace: str, name: str) -> core_v1.Secret | None:
        return await self.references.secret(self.holder, namespace, name)

    async def token(self, pod: core_v1.Pod, source: core_v1.ServiceAccountTokenProjection) -> str:
        return await self.tokens.get(pod, source)

    async def certificate(
        self, pod: core_v1.Pod, place: Place, source: core_v1.PodCertificateProjection
    ) -> Bundle:
        return await self.certificates.get(pod, place, source)

    async def trust_bundles(self) -> Sequence[certificates_v1.ClusterTrustBundle]:
        return await self.references.trust_bundles(self.holder)

    async def csi_driver(self, name: str) -> storage_v1.CSIDriver | None:
        return await self.references.csi_driver(self.holder, name)

    def csi_drivers(self) -> Drivers:
        return self.drivers

    async def attachment(self, source: core_v1.CSIPersistentVolumeSource) -> Mapping[str, str]:
        return await self.attachments.published(self.holder, source)

    async def persistent_volume(self, pod: core_v1.Pod, use: Use) -> core_v1.PersistentVolume:
        return await self.claims.volume_of(pod, use)


class VolumeManager:
    """``facts`` gives what the downward API may tell about the node at the moment."""

    def __init__(
        self,
        paths: Paths,
        *,
        references: References,
        tokens: Tokens,
        certificates: PodCertificates,
        claims: Claims,
        drivers: Drivers,
        attachments: Attachments,
        facts: Callable[[], Facts],
    ) -> None:
        self._paths = paths
        self._references = references
        self._tokens = tokens
        self._certificates = certificates
        self._claims = claims
        self._drivers = drivers
        self._attachments = attachments
        self._facts = facts
        self._mounted: dict[str, Mounted] = {}

    async def mount(self, pod: core_v1.Pod) -> Mounted:
        """Set up all volumes of the Pod that are not yet, side by side.  Raises ``VolumeFaults`` of those that cannot be."""
        uid = pod.metadata.uid or ""
        mounted = self._mounted.setdefault(uid, {})
        self._paths.pod(uid).mkdir(mode=0o750, parents=True, exist_ok=True)
        await self._set_up_all(pod, [volume for volume in _volumes(pod) if volume.name not in mounted])
        return mounted

    async def refresh(self, pod: core_v1.Pod) -> None:
        """Bring volumes that follow objects, fields or time up to date.  Raises ``VolumeFaults``."""
        mounted = self._mounted.get(pod.metadata.uid or "", {})
        live = [v for v in _volumes(pod) if v.name in mounted and plugin_for(v).live]
        await self._set_up_all(pod, live)

    async def _set_up_all(self, pod: core_v1.Pod, volumes: Sequence[core_v1.Volume]) -> None:
        mounted = self._mounted[pod.metadata.uid or ""]
        faults = {}

        async def one(volume: core_v1.Volume) -> None:
            try:
                mounted[volume.name] = await self._set_up(pod, volume)
            except VolumeFault as fault:
                faults[volume.name] = fault

        async with asyncio.TaskGroup() as group:
            for volume in volumes:
                group.create_task(one(volume), name=f"set up volume {volume.name}")
        if faults:
            raise VolumeFaults(faults)

    def of(self, uid: str) -> Mounted:
        return self._mounted.get(uid, {})

    def renew_at(self, uid: str) -> float | None:
        """When the first token or certificate of the Pod is due for renewal, in epoch seconds."""
        due = (self._tokens.renew_at(uid), self._certificates.renew_at(uid))
        return min((at for at in due if at is not None), default=None)

    def is_present(self, uid: str) -> bool:
        """Whether anything of the Pod is on the node's disk."""
        return uid in self._mounted or self._paths.pod(uid).exists()

    async def unmount(self, uid: str) -> None:
        """Take everything down and remove the Pod's folder.  Safe to repeat, also for Pods that are not known.

        Raises ``VolumeFault`` if a driver does not let go of a volume; nothing is removed then.
        """
        await publication.tear_down(self._paths.volumes(uid), self._drivers)
        self._attachments.release(uid)
        self._references.release(uid)
        self._tokens.release(uid)
        self._certificates.release(uid)
        self._mounted.pop(uid, None)
        await asyncio.to_thread(self._remove, uid)

    async def _set_up(self, pod: core_v1.Pod, volume: core_v1.Volume) -> Path:
        uid = pod.metadata.uid or ""
        try:
            plugin = plugin_for(volume)
            path = self._paths.volume(uid, plugin.name, volume.name)
            memory = self._paths.memory / uid / volume.name
            for place in (path, memory):
                place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            objects = _Objects(
                uid,
                self._references,
                self._tokens,
                self._certificates,
                self._claims,
                self._drivers,
                self._attachments,
            )
            return await plugin.set_up(
                Context(
                    pod=pod, volume=volume, path=path, memory=memory, facts=self._facts(), objects=objects
                )
            )
        except AgentFault as fault:
            own = fault if isinstance(fault, VolumeFault) else VolumeFault(str(fault))
            raise VolumeFault(_failed(volume, str(fault), own.stage), event=own.event) from fault
        except OSError as error:
            raise VolumeFault(_failed(volume, _words(error))) from error

    def _remove(self, uid: str) -> None:
        """The folder that tells that the Pod was here goes last, so that whoever is killed is taken up where he was."""
        loop.release(self._paths.pod(uid))
        for place in (self._paths.memory / uid, self._paths.pod(uid)):
            removal.remove(place)


def _volumes(pod: core_v1.Pod) -> list[core_v1.Volume]:
    return (pod.spec.volumes if pod.spec else None) or []


def _failed(volume: core_v1.Volume, why: str, stage: str = "SetUp") -> str:
    return f'MountVolume.{stage} failed for volume "{volume.name}" : {why}'


def _words(error: OSError) -> str:
    """As Go puts it: the file, then why."""
    why = (error.strerror or str(error)).lower()
    return f"{error.filename}: {why}" if error.filename else why
