"""Keeps one mirror Pod in the API for every static Pod, and none for any other.

A mirror that is being deleted, or shows a former content of its file, is removed and made again; one whose static Pod is gone
is removed.  Nothing of this touches the static Pod itself.  (Source: kubelet `tryReconcileMirrorPods`, `HandlePodCleanups`.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from podling.aio.backoff import Backoff
from podling.aio.tasks import Tasks
from podling.aio.workqueue import Shutdown, WorkQueue
from podling.api.errors import ApiError, Conflict, NotFound
from podling.api.types import core_v1
from podling.client.client import Client
from podling.client.errors import ClientError

from . import manifest

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=0.5, cap=60.0)
RETURN_SECONDS = 1.0
"""How long a mirror that somebody deletes is gone: he who waits for its end sees it, as with the kubelet's next sync."""


class Name(NamedTuple):
    """Of a Pod: what mirror and static Pod have in common."""

    namespace: str
    name: str

    @classmethod
    def of(cls, pod: core_v1.Pod) -> Name:
        return cls(pod.metadata.namespace or "", pod.metadata.name or "")

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Mirrors:
    """``running`` says which static Pod goes by a name, also while it ends; ``wanted`` whether it is to go on.

    ``show(static, mirror)`` is called with every new state of a static Pod's own mirror, None when it has gone.
    """

    def __init__(
        self,
        client: Client,
        *,
        node: Callable[[], core_v1.Node | None],
        running: Callable[[Name], core_v1.Pod | None],
        wanted: Callable[[core_v1.Pod], bool],
        show: Callable[[core_v1.Pod, core_v1.Pod | None], None],
    ) -> None:
        self._pods = client.resource(core_v1.Pod)
        self._node = node
        self._running = running
        self._wanted = wanted
        self._show = show
        self._known: dict[Name, core_v1.Pod] = {}
        self._queue: WorkQueue[Name] = WorkQueue("mirrors", backoff=_AGAIN)

    def start(self, tasks: Tasks) -> None:
        tasks.start(self._work(), name="mirrors")

    def stop(self) -> None:
        self._queue.shutdown()

    def look(self, name: Name) -> None:
        """Something about the static Pod of that name has changed."""
        self._queue.add(name)

    def seen(self, pod: core_v1.Pod) -> None:
        """The API has this mirror."""
        name = Name.of(pod)
        known = self._known.get(name)
        if known is None or _version(pod) >= _version(known):
            self._know(name, pod)

    def gone(self, pod: core_v1.Pod) -> None:
        """The API has this mirror no more."""
        name = Name.of(pod)
        known = self._known.get(name)
        if known is not None and known.metadata.uid == pod.metadata.uid:
            self._forget(name, seconds=RETURN_SECONDS)

    def of(self, static: core_v1.Pod) -> core_v1.Pod | None:
        """The static Pod's own mirror."""
        known = self._known.get(Name.of(static))
        return known if known is not None and manifest.is_mirror_of(known, static) else None

    def _know(self, name: Name, pod: core_v1.Pod) -> None:
        self._known[name] = pod
        self._tell(name)
        self._queue.add(name)

    def _forget(self, name: Name, *, seconds: float) -> None:
        self._known.pop(name, None)
        self._tell(name)
        self._queue.add_after(name, seconds)

    def _tell(self, name: Name) -> None:
        static = self._running(name)
        if static is not None:
            self._show(static, self.of(static))

    async def _work(self) -> None:
        while True:
            try:
                name = await self._queue.get()
            except Shutdown:
                return
            try:
                await self._reconcile(name)
                self._queue.forget(name)
            except (ApiError, ClientError) as error:
                level = logging.DEBUG if self._queue.retries(name) else logging.WARNING
                log.log(level, "cannot keep the mirror of static Pod %s: %s", name, error)
                self._queue.add_rate_limited(name)
            finally:
                self._queue.done(name)

    async def _reconcile(self, name: Name) -> None:
        static, known = self._running(name), self._known.get(name)
        if known is not None and (static is None or _is_stale(known, static)):
            await self._delete(name, known)
        elif known is None and static is not None and self._wanted(static):
            node = self._node()
            if node is not None and node.metadata.uid:
                made = manifest.mirror(static, node)
                self.seen(await self._pods.create(made, namespace=name.namespace))

    async def _delete(self, name: Name, pod: core_v1.Pod) -> None:
        uid = pod.metadata.uid
        try:
            await self._pods.delete(name.name, namespace=name.namespace, grace_period_seconds=0, uid=uid)
        except (NotFound, Conflict):
            log.debug("mirror %s is gone already", name)
        if self._known.get(name) is pod:
            is_asked_for = pod.metadata.deletion_timestamp is not None
            self._forget(name, seconds=RETURN_SECONDS if is_asked_for else 0.0)


def _is_stale(mirror: core_v1.Pod, static: core_v1.Pod) -> bool:
    return mirror.metadata.deletion_timestamp is not None or not manifest.is_mirror_of(mirror, static)


def _version(pod: core_v1.Pod) -> int:
    """Revisions of one server can be compared (KEP-5504); 0 for none."""
    text = pod.metadata.resource_version or ""
    return int(text) if text.isdecimal() else 0
