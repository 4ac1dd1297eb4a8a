"""Makes the claims that Pods need and hands them to the owners that the retention policy names."""

from __future__ import annotations

from podling.api import codec, kinds
from podling.api.errors import AlreadyExists, ApiError, NotFound
from podling.api.types import apps_v1, core_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.informer import Informer
from podling.controllers.termination import TERMINATING_CAUSE

from .claims import claims_for, is_leaving, owners
from .identity import pod_name


class ClaimControl:
    def __init__(self, client: Client, known: Informer[core_v1.PersistentVolumeClaim], events: EventRecorder):
        self._writes = client.resource(core_v1.PersistentVolumeClaim)
        self._known = known
        self._events = events

    def leaving(self, stateful: apps_v1.StatefulSet, ordinals: range) -> set[int]:
        """The ordinals of which some claim must go before there may be a new Pod."""
        return {
            ordinal
            for ordinal in ordinals
            if any(is_leaving(stateful, ordinal, claim) for claim in self._present(stateful, ordinal))
        }

    async def provide(self, stateful: apps_v1.StatefulSet, ordinal: int) -> None:
        """Create the claims that are missing. Raises ApiError, ClientError."""
        present = {claim.metadata.name for claim in self._present(stateful, ordinal)}
        for claim in claims_for(stateful, ordinal):
            if claim.metadata.name not in present:
                await self._create(stateful, ordinal, claim)

    async def hand_over(
        self, stateful: apps_v1.StatefulSet, pod: core_v1.Pod, ordinal: int, *, condemned: bool
    ) -> None:
        """See that the claims of this Pod belong to whom the policy says. Raises ApiError, ClientError."""
        for claim in self._present(stateful, ordinal):
            references = owners(stateful, pod, claim, condemned=condemned)
            if references is None or claim.metadata.deletion_timestamp is not None:
                continue
            changed = codec.struct_clone(claim)
            changed.metadata.owner_references = references
            try:
                await self._writes.update(changed)
            except NotFound:
                continue

    def _present(self, stateful: apps_v1.StatefulSet, ordinal: int) -> list[core_v1.PersistentVolumeClaim]:
        namespace = stateful.metadata.namespace or ""
        wanted = (claim.metadata.name or "" for claim in claims_for(stateful, ordinal))
        found = (self._known.get(namespace, name) for name in wanted)
        return [claim for claim in found if claim is not None]

    async def _create(
        self, stateful: apps_v1.StatefulSet, ordinal: int, claim: core_v1.PersistentVolumeClaim
    ) -> None:
        what = f"{kinds.PERSISTENT_VOLUME_CLAIM.kind} {claim.metadata.name} for Pod {pod_name(stateful, ordinal)}"
        try:
            await self._writes.create(claim)
        except AlreadyExists:
            return  # our informer just has not heard of it
        except (ApiError, ClientError) as error:
            if not (isinstance(error, ApiError) and error.has_cause(TERMINATING_CAUSE)):
                self._events.event(stateful, "Warning", "FailedCreate", f"Error creating {what}: {error}")
            raise
        self._events.event(stateful, "Normal", "SuccessfulCreate", f"Created {what}")
