"""Says of claims that ask for more than they have that somebody else must enlarge their volumes (upstream's expand controller).

Upstream's enlarges volumes of the sorts that are built into it; none is built into this one. Whoever made the volume enlarges it: for
Podling's own volumes the agent of their node does, within a moment (`agent/localpath`).
"""

from __future__ import annotations

from podling.api import kinds
from podling.api.storage import claims
from podling.api.types import core_v1
from podling.client.events import EventRecorder

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key

NAME = "persistentvolume-expander-controller"
MESSAGE = "Ignoring the PVC: didn't find a plugin capable of expanding the volume; waiting for an external controller to process this PVC."


def grows(claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the claim is bound and asks for more than it has got."""
    bound = claim.status is not None and claim.status.phase == "Bound"
    return bound and claims.asked(claim) > claims.held(claim)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="volume_expand", clock=context.clock)
    watch = Watch(kind=kinds.PERSISTENT_VOLUME_CLAIM, keys=own_key)
    known = watch.informer(context.informers)
    told: dict[Key, tuple[str | None, str]] = {}

    async def reconcile(key: Key) -> Outcome:
        claim = known.get(key.namespace, key.name)
        if claim is None or not grows(claim):
            told.pop(key, None)
            return DONE
        wish = claim.metadata.uid, str(claims.asked(claim))
        if told.get(key) != wish:
            told[key] = wish
            events.event(claim, "Normal", "ExternalExpanding", MESSAGE)
        return DONE

    return Controller(name=NAME, watches=(watch,), reconcile=reconcile, services=(events,))
