"""A volume that is deleted stays until it is no longer bound to a claim (upstream's pv-protection)."""

from __future__ import annotations

from podling.api import codec, kinds
from podling.api.storage import marks
from podling.api.types import core_v1

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key

NAME = "persistentvolume-protection-controller"


def decide(volume: core_v1.PersistentVolume) -> list[str] | None:
    """The finalizers that the volume should have; None if it has them."""
    given = volume.metadata.finalizers or []
    protected = marks.VOLUME_PROTECTION in given
    if volume.metadata.deletion_timestamp is None:
        return None if protected else [*given, marks.VOLUME_PROTECTION]
    is_bound = volume.status is not None and volume.status.phase == "Bound"
    if protected and not is_bound:
        return [each for each in given if each != marks.VOLUME_PROTECTION]
    return None


def controller(context: Context) -> Controller:
    writes = context.clients(NAME).resource(core_v1.PersistentVolume)
    watch = Watch(kind=kinds.PERSISTENT_VOLUME, keys=own_key)
    volumes = watch.informer(context.informers)

    async def reconcile(key: Key) -> Outcome:
        volume = volumes.get("", key.name)
        finalizers = decide(volume) if volume is not None else None
        if volume is not None and finalizers is not None:
            changed = codec.struct_clone(volume)
            changed.metadata.finalizers = finalizers
            await writes.update(changed)
        return DONE

    return Controller(name=NAME, watches=(watch,), reconcile=reconcile)
