"""Making Pods from a template and deleting them, in the name of an owner that is told about it in Events."""

from __future__ import annotations

from typing import Any

from podling.api import codec, kinds, names
from podling.api.errors import ApiError, NotFound
from podling.api.types import core_v1, meta_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.events import EventRecorder

from .ownership import controller_reference
from .termination import TERMINATING_CAUSE


def pod_from(template: core_v1.PodTemplateSpec, owner: Any) -> core_v1.Pod:
    """The Pod that the template describes: the cookie, with no way back to the cutter."""
    cut = codec.struct_clone(template)
    prefix = f"{owner.metadata.name}-"
    if names.name_prefix(kinds.POD.name_rule, prefix):
        prefix = owner.metadata.name
    metadata = meta_v1.ObjectMeta(
        generate_name=prefix,
        namespace=owner.metadata.namespace,
        labels=cut.metadata.labels,
        annotations=cut.metadata.annotations,
        finalizers=cut.metadata.finalizers,
        owner_references=[controller_reference(owner)],
    )
    return core_v1.Pod(metadata=metadata, spec=cut.spec)


class PodControl:
    def __init__(self, client: Client, events: EventRecorder) -> None:
        self._pods = client.resource(core_v1.Pod)
        self._events = events

    async def create(self, owner: Any, pod: core_v1.Pod) -> core_v1.Pod | None:
        """The Pod as created; None when its namespace is going away, which is nobody's fault. Raises ApiError, ClientError."""
        try:
            made = await self._pods.create(pod)
        except (ApiError, ClientError) as error:
            if isinstance(error, ApiError) and error.has_cause(TERMINATING_CAUSE):
                return None
            self._events.event(owner, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._events.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {made.metadata.name}")
        return made

    async def delete(self, owner: Any, pod: core_v1.Pod) -> None:
        """Ask for the Pod's end; one that is gone already is fine. Raises ApiError, ClientError."""
        name = pod.metadata.name or ""
        try:
            await self._pods.delete(name, namespace=pod.metadata.namespace, uid=pod.metadata.uid)
        except NotFound:
            return
        except (ApiError, ClientError) as error:
            self._events.event(owner, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._events.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")
