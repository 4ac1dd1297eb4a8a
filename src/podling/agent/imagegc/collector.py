"""Looks at the images every five minutes and removes those that must go; tells on the node when that is not enough.

Upstream's words and rhythm: a first failure may be a slip and is logged, a second one in a row is an Event.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Collection, Sequence

from podling.agent.imagepull.records import PullRecords
from podling.aio.clock import Clock
from podling.runtime.interface import Image, ImageFault, Images

from . import decision
from .decision import Disk, Policy, Seen

log = logging.getLogger(__name__)

PERIOD_SECONDS = 300.0


class GarbageFault(Exception):
    """Images that had to go could not be removed, or too few could."""


class ImageGarbage:
    """``used`` gives names and ids of all images that Pods of this node stand on or are about to; ``tell`` an Event about the node."""

    def __init__(
        self,
        images: Images,
        policy: Policy,
        *,
        records: PullRecords,
        disk: Callable[[], Disk],
        used: Callable[[], Collection[str]],
        tell: Callable[[str, str], None],
        on_removed: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._images = images
        self._policy = policy
        self._records = records
        self._disk = disk
        self._used = used
        self._tell = tell
        self._on_removed = on_removed
        self._clock = clock
        self._seen: dict[str, Seen] = {}
        self._since = clock.now()
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                await self.collect()
                failures = 0
            except (GarbageFault, ImageFault, OSError) as error:
                failures += 1
                log.warning("cannot remove images: %s", error)
                if failures > 1:
                    self._tell("ImageGCFailed", str(error))
            await asyncio.sleep(PERIOD_SECONDS)

    async def collect(self) -> None:
        """One look.  Raises ``GarbageFault``."""
        async with self._busy:
            candidates = await self._look()
            if self._policy.is_off:
                return
            now = self._clock.now()
            old = decision.outdated(self._policy, candidates, self._seen, now=now, since=self._since)
            await self._remove(old)
            disk = self._disk()
            if not disk.capacity:
                self._tell("InvalidDiskCapacity", "invalid capacity 0 on image filesystem")
                raise GarbageFault("invalid capacity 0 on image filesystem")
            wanted = decision.excess(self._policy, disk)
            if wanted:
                await self._free(wanted, [image for image in candidates if image not in old])

    async def remove_unused(self) -> int:
        """Remove every image that no Pod needs, whatever the thresholds; returns bytes.  For when the disk is full."""
        async with self._busy:
            candidates = await self._look()
            young = decision.of_age(self._policy, candidates, self._seen, now=self._clock.now())
            return await self._remove(decision.enough(young, sys.maxsize))

    async def _look(self) -> list[Image]:
        """Notice what is there; returns what may go.

        What the first look finds counts as young, too, unlike upstream's: Pods that have been stopped with the node shall find
        their images again.
        """
        now = self._clock.now()
        images, used = await self._images.list(), self._used()
        self._seen = decision.noticed(self._seen, images, used, now=now)
        self._records.prune((image.id for image in images), before=now)
        return decision.removable(images, self._seen, used)

    async def _free(self, wanted: int, candidates: Sequence[Image]) -> None:
        of_age = decision.of_age(self._policy, candidates, self._seen, now=self._clock.now())
        freed = await self._remove(decision.enough(of_age, wanted))
        if freed < wanted:
            message = (
                f"Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, "
                f"but only found {freed} bytes eligible to free."
            )
            self._tell("FreeDiskSpaceFailed", message)
            raise GarbageFault(message)

    async def _remove(self, images: Sequence[Image]) -> int:
        """Returns bytes; one that cannot be removed is passed over and told at the end."""
        freed, faults = 0, []
        for image in images:
            try:
                await self._images.remove(image.id)
            except ImageFault as fault:
                faults.append(str(fault))
                continue
            log.info("image %s is removed, %d bytes", image.id, image.size)
            self._seen.pop(image.id, None)
            freed += image.size
        if freed:
            self._on_removed()
        if faults:
            raise GarbageFault(f"removed {freed} bytes of images, with errors: {'; '.join(faults)}")
        return freed
