"""Writes one Pod's status to the API: one patch a change, passing steps held back, the newest always wins.

A status that is offered while a write is under way waits for it and swallows what was offered in between.  One that shows only
a passing step is held for a moment: a Pod that starts quickly is written once, as Running and Ready.  Each patch carries the UID,
so that a namesake made meanwhile is never touched.  A static Pod's status goes to its mirror, and waits while there is none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from podling.aio.backoff import Backoff
from podling.aio.tasks import Tasks
from podling.api.errors import ApiError, Conflict, Invalid, NotFound
from podling.api.types import core_v1, meta_v1
from podling.client.errors import ClientError
from podling.client.resource import PatchType, Resource

from .statuspatch import difference, only_acknowledges

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=0.1, cap=10.0)
_ANOTHERS = ("UID in precondition", "metadata.uid")
"""How the API says that the object of this name is another than the one that was meant."""


class StatusWriter:
    """``pod`` is the object to write to, None: none yet, see `aim`.  ``on_written`` is called after each write; ``lost``
    becomes true when the object is gone or another's.
    """

    def __init__(
        self,
        pod: core_v1.Pod | None,
        *,
        pods: Resource[core_v1.Pod],
        tasks: Tasks,
        hold_seconds: float,
        on_written: Callable[[], None],
    ) -> None:
        self.writes = 0
        self.lost = False
        self._pods = pods
        self._tasks = tasks
        self._hold_seconds = hold_seconds
        self._on_written = on_written
        self._wanted: core_v1.PodStatus | None = None
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._set_target(pod)

    def aim(self, pod: core_v1.Pod | None) -> None:
        """From now on the status is told to this object, which may be the one of before; None: to none."""
        if pod is not None and not self.lost and pod.metadata.uid == self._uid:
            self.learn(pod)
            return
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._set_target(pod)
        if self._wanted is not None:
            self.offer(self._wanted, urgent=True)

    def _set_target(self, pod: core_v1.Pod | None) -> None:
        meta = pod.metadata if pod is not None else meta_v1.ObjectMeta()
        self.lost = pod is None
        self._namespace, self._name, self._uid = meta.namespace or "", meta.name or "", meta.uid or ""
        self._known = (pod.status if pod is not None else None) or core_v1.PodStatus()
        self._known_version = _version(pod) if pod is not None else 0

    def learn(self, pod: core_v1.Pod) -> None:
        """The API has this now, perhaps by somebody else's hand: what differs from ours is written again."""
        if _version(pod) > self._known_version and self._task is None:
            self._known, self._known_version = pod.status or core_v1.PodStatus(), _version(pod)

    def offer(self, status: core_v1.PodStatus, *, urgent: bool) -> None:
        """Have ``status`` written: at once if ``urgent``, else within the hold time."""
        self._wanted = status
        changes = difference(self._known, status)
        if (not changes and self._task is None) or self.lost:
            return
        if urgent and not only_acknowledges(self._known, changes):
            self._urgent.set()
        if self._task is None:
            self._task = self._tasks.start(self._write_all(), name=f"status {self._namespace}/{self._name}")

    def is_told(self, status: core_v1.PodStatus) -> bool:
        """Whether the API shows ``status`` as far as it is ours, or there is nothing to show it on."""
        return not self._uid or (self._task is None and not difference(self._known, status))

    async def wait_idle(self) -> None:
        """Wait until everything offered so far has been written, or cannot be."""
        self._urgent.set()
        while (task := self._task) is not None:
            await asyncio.wait([task])

    async def _write_all(self) -> None:
        try:
            failures = 0
            while not self.lost and self._wanted is not None and difference(self._known, self._wanted):
                if not failures:
                    await self._hold()
                status = self._wanted
                try:
                    await self._write(status)
                except (ApiError, ClientError) as error:
                    failures += 1
                    await self._trouble(error, failures)
                else:
                    failures = 0
                    if self._wanted is status:
                        break
        finally:
            if self._task is asyncio.current_task():  # else this one was cancelled for another object's sake
                self._task = None
                self._urgent.clear()
        self._on_written()

    async def _hold(self) -> None:
        try:
            async with asyncio.timeout(self._hold_seconds):
                await self._urgent.wait()
        except TimeoutError:
            return
        finally:
            self._urgent.clear()

    async def _write(self, status: core_v1.PodStatus) -> None:
        changes = difference(self._known, status)
        patch = msgspec.json.encode({"metadata": {"uid": self._uid}, "status": changes})
        answer = await self._pods.patch(
            self._name, patch, namespace=self._namespace, type=PatchType.STRATEGIC, subresource="status"
        )
        self.writes += 1
        self._known, self._known_version = status, _version(answer)

    async def _trouble(self, error: Exception, failures: int) -> None:
        anothers = isinstance(error, Conflict | Invalid) and any(why in str(error) for why in _ANOTHERS)
        if anothers or isinstance(error, NotFound):
            self.lost = True
            return
        level = logging.WARNING if failures == 1 else logging.DEBUG
        log.log(level, "cannot write the status of Pod %s/%s: %s", self._namespace, self._name, error)
        await asyncio.sleep(_AGAIN.delay(failures))


def _version(pod: core_v1.Pod) -> int:
    """Revisions of one server can be compared (KEP-5504); 0 for none."""
    text = pod.metadata.resource_version or ""
    return int(text) if text.isdecimal() else 0
