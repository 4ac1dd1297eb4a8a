"""Reading claims, volumes and classes: which class, how much, whether bound, which claims a Pod uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from podling.api import quantity
from podling.api.quantity import Quantity
from podling.api.types import core_v1, storage_v1

from . import marks

ONCE_POD = "ReadWriteOncePod"
WAITS = "WaitForFirstConsumer"


@dataclass(frozen=True, slots=True)
class Use:
    """A Pod's volume that is a claim; `owned` ones are made for the Pod alone (generic ephemeral volumes)."""

    volume: str
    claim: str
    owned: bool


def of_pod(pod: core_v1.Pod) -> Iterator[Use]:
    """The claims that a Pod uses, in the order of its volumes."""
    for volume in (pod.spec.volumes if pod.spec else None) or ():
        if volume.persistent_volume_claim is not None:
            yield Use(volume.name, volume.persistent_volume_claim.claim_name, False)
        elif volume.ephemeral is not None:
            yield Use(volume.name, ephemeral_name(pod, volume.name), True)


def ephemeral_name(pod: core_v1.Pod, volume: str) -> str:
    """The name of the claim behind a generic ephemeral volume (KEP-1698)."""
    return f"{pod.metadata.name}-{volume}"


def is_for(pod: core_v1.Pod, claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the claim was made for this very Pod: it is the claim's controller."""
    owners = claim.metadata.owner_references or ()
    return any(owner.controller and owner.uid == pod.metadata.uid for owner in owners)


def not_for(pod: core_v1.Pod, claim: core_v1.PersistentVolumeClaim) -> str:
    """Why a claim that was not made for the Pod cannot serve as its ephemeral volume."""
    whose = f"{pod.metadata.namespace}/{pod.metadata.name}"
    name = f"{claim.metadata.namespace}/{claim.metadata.name}"
    return f"PVC {name} was not created for pod {whose} (pod is not owner)"


def class_of(obj: core_v1.PersistentVolumeClaim | core_v1.PersistentVolume) -> str:
    """The class that a claim asks for or a volume is of; "" for none."""
    annotated = (obj.metadata.annotations or {}).get(marks.CLASS_BETA)
    return annotated if annotated is not None else (obj.spec.storage_class_name if obj.spec else None) or ""


def names_class(claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the claim says which class it wants; "" is a word, too: none."""
    annotated = marks.CLASS_BETA in (claim.metadata.annotations or {})
    return annotated or (claim.spec is not None and claim.spec.storage_class_name is not None)


def default_class(classes: Iterable[storage_v1.StorageClass]) -> storage_v1.StorageClass | None:
    """The default class; of several the newest, of equally old ones the first by name."""
    found = sorted(filter(is_default, classes), key=lambda each: each.metadata.name or "")
    return max(found, key=lambda each: each.metadata.creation_timestamp or "", default=None)


def is_default(each: storage_v1.StorageClass) -> bool:
    notes = each.metadata.annotations or {}
    return "true" in (notes.get(marks.IS_DEFAULT), notes.get(marks.IS_DEFAULT_BETA))


def waits_for_consumer(found: storage_v1.StorageClass | None) -> bool:
    """Whether claims of this class are bound only when a Pod that uses them is placed."""
    return found is not None and found.volume_binding_mode == WAITS


def asked(claim: core_v1.PersistentVolumeClaim) -> Quantity:
    """How much storage the claim requests."""
    resources = claim.spec.resources if claim.spec else None
    return _storage(resources.requests if resources else None)


def capacity(volume: core_v1.PersistentVolume) -> Quantity:
    """How much storage the volume has."""
    return _storage(volume.spec.capacity if volume.spec else None)


def held(claim: core_v1.PersistentVolumeClaim) -> Quantity:
    """How much storage the claim has got, by its status."""
    return _storage(claim.status.capacity if claim.status else None)


def volume_name(claim: core_v1.PersistentVolumeClaim) -> str:
    """The volume that the claim is bound to, or asks for."""
    return (claim.spec.volume_name if claim.spec else None) or ""


def is_bound(claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the claim is bound, and both sides know it."""
    return bool(volume_name(claim)) and marks.BIND_COMPLETED in (claim.metadata.annotations or {})


def is_block(obj: core_v1.PersistentVolumeClaim | core_v1.PersistentVolume) -> bool:
    """A raw device rather than a file system."""
    return obj.spec is not None and obj.spec.volume_mode == "Block"


def modes(obj: core_v1.PersistentVolumeClaim | core_v1.PersistentVolume) -> list[str]:
    return (obj.spec.access_modes if obj.spec else None) or []


def _storage(amounts: Mapping[str, str] | None) -> Quantity:
    given = (amounts or {}).get(marks.STORAGE)
    return quantity.parse(given) if given else quantity.ZERO
