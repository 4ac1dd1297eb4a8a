"""From a Pod's volume to the PersistentVolume behind it: asked of the API server when the volume is set up.

The scheduler has seen to it that claims are bound and volumes reach the node; a Pod that was given its node by somebody else is held to
the same here, in the kubelet's words.  A claim for one Pod at a time is given to one: who has it is noted in that Pod's folder, which
outlives an agent and goes when the Pod's volumes are taken down.  (Source: kubelet `pkg/kubelet/volumemanager/populator`; KEP-2485.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from podling.api.errors import ApiError
from podling.api.storage import claims, matching
from podling.api.types import core_v1
from podling.client.client import Client
from podling.client.errors import ClientError

from .errors import VolumeFault

ALONE = "claims"
"""In a Pod's folder: the claims that no other Pod may use meanwhile."""


class Claims:
    """``node_labels`` are the node's as last seen, ``pods`` is where the Pods' folders are."""

    def __init__(
        self, client: Client, *, node: str, node_labels: Callable[[], Mapping[str, str]], pods: Path
    ) -> None:
        self._claims = client.resource(core_v1.PersistentVolumeClaim)
        self._volumes = client.resource(core_v1.PersistentVolume)
        self._node = node
        self._node_labels = node_labels
        self._pods = pods

    async def volume_of(self, pod: core_v1.Pod, use: claims.Use) -> core_v1.PersistentVolume:
        """The volume that the Pod's claim is bound to, and that may be used here and now.  Raises ``VolumeFault``."""
        namespace = pod.metadata.namespace or ""
        try:
            claim = await self._claim(pod, use, namespace)
        except VolumeFault as fault:
            raise VolumeFault(f"error processing PVC {namespace}/{use.claim}: {fault}") from fault
        volume = await self._volume(claim)
        self._check(pod, use, volume)
        if not matching.is_usable_on(volume, self._node, self._node_labels()):
            raise VolumeFault("no matching NodeSelectorTerms")
        self._take(pod, claim)
        return volume

    async def _claim(
        self, pod: core_v1.Pod, use: claims.Use, namespace: str
    ) -> core_v1.PersistentVolumeClaim:
        try:
            claim = await self._claims.get(use.claim, namespace=namespace)
        except (ApiError, ClientError) as error:
            raise VolumeFault(f"failed to fetch PVC from API server: {error}") from error
        if use.owned and not claims.is_for(pod, claim):
            raise VolumeFault(claims.not_for(pod, claim))
        if claim.metadata.deletion_timestamp is not None:
            raise VolumeFault("PVC is being deleted")
        phase = (claim.status.phase if claim.status else None) or ""
        name = claims.volume_name(claim)
        if phase != "Bound" or not name:
            raise VolumeFault(f'PVC has non-bound phase ("{phase}") or empty pvc.Spec.VolumeName ("{name}")')
        return claim

    async def _volume(self, claim: core_v1.PersistentVolumeClaim) -> core_v1.PersistentVolume:
        name = claims.volume_name(claim)
        try:
            volume = await self._volumes.get(name)
        except (ApiError, ClientError) as error:
            raise VolumeFault(f"failed to fetch PV {name} from API server: {error}") from error
        ref = volume.spec.claim_ref if volume.spec else None
        if ref is None:
            raise VolumeFault(
                f"found PV object {name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim"
            )
        if ref.uid != claim.metadata.uid:
            raise VolumeFault(
                f"found PV object {name} but its pv.Spec.ClaimRef.UID {ref.uid} does not point to claim.UID {claim.metadata.uid}"
            )
        return volume

    def _check(self, pod: core_v1.Pod, use: claims.Use, volume: core_v1.PersistentVolume) -> None:
        """A raw block is used as a device, everything else is mounted."""
        spec = pod.spec or core_v1.PodSpec()
        containers = [*spec.containers, *(spec.init_containers or ())]
        if claims.is_block(volume):
            if any(each.name == use.volume for c in containers for each in c.volume_mounts or ()):
                raise VolumeFault(
                    f"volume {use.volume} has volumeMode Block, but is specified in volumeMounts"
                )
        elif any(each.name == use.volume for c in containers for each in c.volume_devices or ()):
            raise VolumeFault(
                f"volume {use.volume} has volumeMode Filesystem, but is specified in volumeDevices"
            )

    def _take(self, pod: core_v1.Pod, claim: core_v1.PersistentVolumeClaim) -> None:
        if claims.ONCE_POD not in claims.modes(claim):
            return
        mine = self._pods / (pod.metadata.uid or "") / ALONE / (claim.metadata.uid or "")
        if any(note != mine for note in self._pods.glob(f"*/{ALONE}/{mine.name}")):
            raise VolumeFault(
                "volume uses the ReadWriteOncePod access mode and is already in use by another pod"
            )
        mine.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        mine.touch()
