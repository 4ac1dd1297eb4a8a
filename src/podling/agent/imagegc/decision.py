"""Which images to remove (pure).

An image in use stays, as does one that is pinned (built in, loaded by hand, in use by another node) and one that came a moment
ago.  The others go when the disk is fuller than the high threshold, those first that were not used for longest, until it
would be at the low one; or when nobody has used them for too long.
(Source: concepts/architecture/garbage-collection#container-image-lifecycle; kubelet `pkg/kubelet/images/image_gc_manager.go`.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from podling.runtime.interface import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Of the kubelet's configuration, with its defaults.

    high_percent     disk usage from which on images are removed (imageGCHighThresholdPercent); 100 = never.
    low_percent      disk usage down to which they are (imageGCLowThresholdPercent).
    min_age          seconds that an image stays at least (imageMinimumGCAge).
    max_age          seconds without use after which an image goes in any case (imageMaximumGCAge); 0 = never.
    """

    high_percent: int = 85
    low_percent: int = 80
    min_age: float = 120.0
    max_age: float = 0.0

    @property
    def is_off(self) -> bool:
        return self.high_percent == 100 and not self.max_age

    def validate(self) -> None:
        """Raises ``ValueError``."""
        for name, percent in (("high", self.high_percent), ("low", self.low_percent)):
            if not 0 <= percent <= 100:
                raise ValueError(
                    f"invalid {name} threshold of image garbage {percent}: must be within [0-100]"
                )
        if self.low_percent > self.high_percent:
            raise ValueError(
                f"low threshold of image garbage {self.low_percent} is above the high one {self.high_percent}"
            )


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the file system that holds the images."""

    capacity: int
    available: int


@dataclass(frozen=True, slots=True)
class Seen:
    """When an image was first noticed, and when last in use; seconds since the epoch, 0 = never."""

    first: float
    last_used: float = 0.0


def noticed(
    known: Mapping[str, Seen], images: Iterable[Image], used: Collection[str], *, now: float
) -> dict[str, Seen]:
    """What is known of the images after a look at them; ``used`` are names and ids."""
    found = {}
    for image in images:
        seen = known.get(image.id, Seen(now))
        found[image.id] = Seen(seen.first, now) if is_used(image, used) else seen
    return found


def is_used(image: Image, used: Collection[str]) -> bool:
    return any(name in used for name in (image.id, *image.repo_tags, *image.repo_digests))


def removable(images: Iterable[Image], seen: Mapping[str, Seen], used: Collection[str]) -> list[Image]:
    """What may go at all, in the order in which it goes."""
    free = [image for image in images if not image.pinned and not is_used(image, used)]
    return sorted(free, key=lambda image: (seen[image.id].last_used, seen[image.id].first))


def outdated(
    policy: Policy, images: Iterable[Image], seen: Mapping[str, Seen], *, now: float, since: float
) -> list[Image]:
    """Those that nobody has used for too long, as far as can be told since the agent looks (``since``)."""
    if not policy.max_age or now - since <= policy.max_age:
        return []
    return [image for image in images if now - seen[image.id].last_used > policy.max_age]


def excess(policy: Policy, disk: Disk) -> int:
    """Bytes to free; 0 below the high threshold."""
    available = min(disk.available, disk.capacity)
    used_percent = 100 - available * 100 // disk.capacity
    if used_percent < policy.high_percent:
        return 0
    return max(0, disk.capacity * (100 - policy.low_percent) // 100 - available)


def of_age(policy: Policy, images: Iterable[Image], seen: Mapping[str, Seen], *, now: float) -> list[Image]:
    """Those that are not too young to go."""
    return [image for image in images if now - seen[image.id].first >= policy.min_age]


def enough(images: Sequence[Image], wanted: int) -> list[Image]:
    """The first of ``images`` that make up ``wanted`` bytes, or all of them."""
    taken, size = [], 0
    for image in images:
        if size >= wanted:
            break
        taken.append(image)
        size += image.size
    return taken
