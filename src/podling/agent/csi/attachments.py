"""The node's side of attaching: says which volumes it is about to use or uses, and waits until they are attached.

    a Pod needs a volume -> it stands in the Node's ``volumesInUse`` -> the controller lists it under ``volumesAttached`` -> it may be mounted
    the last Pod has let go -> it is taken off ``volumesInUse`` -> the controller may detach it

Who uses what is told by the notes beside published volumes as well, so an agent that starts anew keeps what the former one used.
(Source: kubelet `pkg/kubelet/volumemanager/reconciler`, VerifyControllerAttachedVolume.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.aio.backoff import Backoff
from podling.aio.tasks import Tasks
from podling.api.errors import ApiError
from podling.api.storage import attachments
from podling.api.types import core_v1, storage_v1
from podling.client.client import Client
from podling.client.errors import ClientError

from . import publication

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=0.1, cap=10.0)
_WAITING = "Volume not attached according to node status"

Source = core_v1.CSIPersistentVolumeSource


class Attachments:
    """``pods`` is where the Pods' folders are; ``on_change``: a volume may be mounted now that could not before."""

    def __init__(self, client: Client, *, node: str, pods: Path, on_change: Callable[[], None]) -> None:
        self._nodes = client.resource(core_v1.Node)
        self._attachments = client.resource(storage_v1.VolumeAttachment)
        self._node = node
        self._on_change = on_change
        self._users: dict[str, set[str]] = {}
        """The Pods that use a volume, by its name in the Node's status."""
        self._shown: list[str] = []
        self._attached: frozenset[str] = frozenset()
        self._tasks = Tasks("attachments")
        self._telling = False
        for note in publication.notes(pods):
            if name := note.get("attached", ""):
                self._users.setdefault(name, set()).add(note["pod"])

    @property
    def in_use(self) -> list[str]:
        return sorted(self._users)

    async def close(self) -> None:
        await self._tasks.close()

    def learn(self, node: core_v1.Node) -> None:
        """The API shows the Node so."""
        status = node.status or core_v1.NodeStatus()
        before = self._ready()
        self._shown = status.volumes_in_use or []
        self._attached = frozenset(each.name for each in status.volumes_attached or ())
        if self._shown != self.in_use:
            self._tell()
        if self._ready() - before:
            self._on_change()

    async def published(self, holder: str, source: Source) -> Mapping[str, str]:
        """What attaching told of a volume that ``holder`` uses from now on.  Raises ``VolumeFault`` while it is not attached."""
        name = attachments.unique_name(source)
        self._users.setdefault(name, set()).add(holder)
        if self._shown != self.in_use:
            self._tell()
        if name not in self._ready():
            raise VolumeFault(_WAITING, event="")
        return await self._metadata(source)

    def release(self, holder: str) -> None:
        """``holder`` uses nothing any more."""
        for name, holders in [*self._users.items()]:
            holders.discard(holder)
            if not holders:
                del self._users[name]
        if self._shown != self.in_use:
            self._tell()

    def _ready(self) -> frozenset[str]:
        return self._attached.intersection(self._shown)

    async def _metadata(self, source: Source) -> Mapping[str, str]:
        handle, name = source.volume_handle, attachments.name_of(source, self._node)
        try:
            found = await self._attachments.get(name)
        except (ApiError, ClientError) as error:
            why = f"volume {handle} has GET error for volume attachment {name}: {error}"
            raise VolumeFault(why, stage="WaitForAttach") from error
        status = found.status or storage_v1.VolumeAttachmentStatus()
        if found.metadata.deletion_timestamp is not None:
            raise VolumeFault("volume attachment is being deleted", stage="WaitForAttach")
        if not status.attached:
            refused = status.attach_error
            raise VolumeFault((refused.message if refused else None) or _WAITING, stage="WaitForAttach")
        return status.attachment_metadata or {}

    def _tell(self) -> None:
        if not self._telling:
            self._telling = True
            self._tasks.start(self._tell_patiently(), name="volumes in use")

    async def _tell_patiently(self) -> None:
        failures = 0
        try:
            while (wanted := self.in_use) != self._shown:
                try:
                    patch = {"status": {"volumesInUse": wanted}}
                    node = await self._nodes.patch(self._node, patch, subresource="status")
                except (ApiError, ClientError) as error:
                    failures += 1
                    log.log(
                        logging.WARNING if failures == 1 else logging.DEBUG,
                        "cannot tell which volumes node %s uses: %s",
                        self._node,
                        error,
                    )
                    await asyncio.sleep(_AGAIN.delay(failures))
                else:
                    self.learn(node)
        finally:
            self._telling = False
