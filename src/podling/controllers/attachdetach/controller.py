"""One volume at a time: makes and deletes its attachments, and shows them in the Nodes.

A Node's list is written whole and from all attachments of the node, so there is one worker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from podling.api import kinds
from podling.api.errors import AlreadyExists, NotFound
from podling.api.storage import attachments, claims
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.client.events import EventRecorder, Type
from podling.controllers.persistentvolumeclaimprotection import BY_CLAIM, by_claim, uses
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key

from . import decision
from .decision import Source, Users

NAME = "persistentvolume-attach-detach-controller"
_BY_VOLUME, _BY_NODE = "spec.source/volume", "spec.nodeName"

Attachment = storage_v1.VolumeAttachment
Volume = core_v1.PersistentVolume


class AttachDetach:
    """``reconcile`` takes a volume's name."""

    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        by = {_BY_VOLUME: _volume_of, _BY_NODE: lambda each: [each.spec.node_name]}
        self.watches = (
            Watch(kind=kinds.PERSISTENT_VOLUME, keys=own_key),
            Watch(kind=kinds.PERSISTENT_VOLUME_CLAIM, keys=_keys_of_claim),
            Watch(kind=kinds.POD, keys=self._keys_of_pod, indexers={BY_CLAIM: by_claim}),
            Watch(kind=kinds.VOLUME_ATTACHMENT, keys=_keys_of_attachment, indexers=by),
            Watch(kind=kinds.NODE, keys=self._keys_of_node),
            Watch(kind=kinds.CSI_DRIVER, keys=self._keys_of_driver),
        )
        informers = [watch.informer(context.informers) for watch in self.watches]
        self._volumes, self._claims, self._pods, self._attachments, self._nodes, self._drivers = informers
        self._writes = client.resource(Attachment)
        self._node_writes = client.resource(core_v1.Node)
        self._events = events
        self._clock = context.clock
        self._since: dict[str, float] = {}
        """When the detaching of an attachment was first put off, by its name; epoch seconds."""
        self._told: dict[str, dict[str, str]] = {}
        """What was last told of each attachment and Pod of a volume, by the volume's name."""

    async def reconcile(self, key: Key) -> Outcome:
        volume: Volume | None = self._volumes.get("", key.name)
        source = decision.source_of(volume)
        there: Sequence[Attachment] = self._attachments.by_index(_BY_VOLUME, key.name)
        wanted = self._users(volume) if volume is not None and source is not None else {}
        again = [await self._leave(each, source) for each in there if each.spec.node_name not in wanted]
        for each in there:
            if each.spec.node_name in wanted:
                self._since.pop(each.metadata.name or "", None)
                await self._follow(each, wanted[each.spec.node_name])
        if volume is not None and source is not None:
            await self._attach(volume, source, wanted, there)
        if not wanted:
            self._told.pop(key.name, None)
        waits = [seconds for seconds in again if seconds]
        return Again(min(waits)) if waits else DONE

    def _users(self, volume: Volume) -> Users:
        """By node, as far as this controller attaches there at all."""
        ref = volume.spec.claim_ref if volume.spec else None
        source = decision.source_of(volume)
        claim = self._claims.get(ref.namespace or "", ref.name or "") if ref is not None else None
        if ref is None or source is None or claim is None or claim.metadata.uid != ref.uid:
            return {}
        if not attachments.must_attach(self._drivers.get("", source.driver)):
            return {}
        pods = self._pods.by_index(BY_CLAIM, f"{ref.namespace}/{ref.name}")
        found = decision.users(pod for pod in pods if uses(pod, claim))
        return {
            node: users for node, users in found.items() if decision.is_managed(self._nodes.get("", node))
        }

    async def _attach(
        self, volume: Volume, source: Source, wanted: Users, there: Sequence[Attachment]
    ) -> None:
        has = {each.spec.node_name for each in there}
        now, kept = decision.to_attach(volume, wanted, has)
        name = volume.metadata.name or ""
        for node in now:
            attachment = _attachment(name, source, node)
            with contextlib.suppress(AlreadyExists):
                await self._writes.create(attachment)
        holders = {node: pods for node, pods in wanted.items() if node not in kept}
        for node in kept:
            for pod in wanted[node]:
                message = decision.kept_from(pod, name, holders)
                self._tell_once(name, pod.metadata.uid or "", [pod], "FailedAttachVolume", message)

    async def _follow(self, attachment: Attachment, pods: Sequence[core_v1.Pod]) -> None:
        """An attachment that is wanted: its Node shows it once it is made, its Pods hear what came of it."""
        name = attachment.metadata.name or ""
        error = attachment.status.attach_error if attachment.status else None
        volume = attachment.spec.source.persistent_volume_name or ""
        if decision.is_attached(attachment):
            if await self._show(attachment.spec.node_name):
                message = f'AttachVolume.Attach succeeded for volume "{volume}" '
                self._tell_once(volume, name, pods, "SuccessfulAttachVolume", message)
        elif error is not None:
            message = f'AttachVolume.Attach failed for volume "{volume}" : {error.message or ""}'
            self._tell_once(volume, name, pods, "FailedAttachVolume", message)

    async def _leave(self, attachment: Attachment, source: Source | None) -> float | None:
        """Detach what nobody needs, as soon as that harms nobody; seconds to wait if not yet."""
        name, node = attachment.metadata.name or "", attachment.spec.node_name
        if attachment.metadata.deletion_timestamp is not None:
            await self._show(node)
            return None
        unique = attachments.unique_name(source) if source is not None else ""
        seconds = decision.patience(self._nodes.get("", node), unique)
        if seconds is None:
            self._since.pop(name, None)
            return None
        since = self._since.setdefault(name, self._clock.now())
        left = since + seconds - self._clock.now()
        if left > 0:
            return left
        await self._show(node, without=name)
        with contextlib.suppress(NotFound):
            await self._writes.delete(name, uid=attachment.metadata.uid)
        self._since.pop(name, None)
        self._told.get(attachment.spec.source.persistent_volume_name or "", {}).pop(name, None)
        return None

    async def _show(self, name: str, *, without: str = "") -> bool:
        """Have the Node list what is attached to it; whether that was news."""
        node: core_v1.Node | None = self._nodes.get("", name)
        if node is None:
            return False
        listed = (node.status.volumes_attached if node.status else None) or []
        wanted = [
            attachments.unique_name(source)
            for each in self._attachments.by_index(_BY_NODE, name)
            if decision.is_attached(each) and each.metadata.name != without
            for source in [decision.source_of(self._volumes.get("", *_volume_of(each)))]
            if source is not None
        ]
        if sorted(each.name for each in listed) == sorted(wanted):
            return False
        attached = [{"name": each, "devicePath": ""} for each in sorted(wanted)]
        with contextlib.suppress(NotFound):
            await self._node_writes.patch(
                name, {"status": {"volumesAttached": attached}}, subresource="status"
            )
        return True

    def _tell_once(
        self, volume: str, about: str, pods: Sequence[core_v1.Pod], reason: str, message: str
    ) -> None:
        told = self._told.setdefault(volume, {})
        if told.get(about) == message:
            return
        told[about] = message
        type: Type = "Normal" if reason.startswith("Successful") else "Warning"
        for pod in pods:
            self._events.event(pod, type, reason, message)

    def _keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        for use in claims.of_pod(pod):
            claim = self._claims.get(pod.metadata.namespace or "", use.claim)
            if claim is not None:
                yield from _keys_of_claim(claim)

    def _keys_of_node(self, node: core_v1.Node) -> Iterable[Key]:
        for each in self._attachments.by_index(_BY_NODE, node.metadata.name or ""):
            yield from _keys_of_attachment(each)

    def _keys_of_driver(self, driver: storage_v1.CSIDriver) -> Iterable[Key]:
        for volume in self._volumes.list():
            source = decision.source_of(volume)
            if source is not None and source.driver == driver.metadata.name:
                yield from own_key(volume)


def _attachment(volume: str, source: Source, node: str) -> Attachment:
    return Attachment(
        metadata=meta_v1.ObjectMeta(name=attachments.name_of(source, node)),
        spec=storage_v1.VolumeAttachmentSpec(
            attacher=source.driver,
            node_name=node,
            source=storage_v1.VolumeAttachmentSource(persistent_volume_name=volume),
        ),
    )


def _volume_of(attachment: Attachment) -> list[str]:
    return [attachment.spec.source.persistent_volume_name or ""]


def _keys_of_attachment(attachment: Attachment) -> Iterable[Key]:
    yield from (Key("", name) for name in _volume_of(attachment) if name)


def _keys_of_claim(claim: core_v1.PersistentVolumeClaim) -> Iterable[Key]:
    name = claims.volume_name(claim)
    return (Key("", name),) if name else ()


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="attachdetach-controller", clock=context.clock)
    made = AttachDetach(context, events)
    return Controller(
        name=NAME, watches=made.watches, reconcile=made.reconcile, workers=1, services=(events,)
    )
