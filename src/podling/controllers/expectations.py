"""What a controller has done and its informer does not show yet, so that nothing is made or deleted twice.

A Pod that was created is shown once the informer has reached the revision at which that happened; one that was asked to go, once it is marked or
gone. Both are read off the informer itself whenever somebody asks, so no event can be missed and nothing has to time out. Who is told "not yet" asks again
after BEHIND_SECONDS: an event nearly always comes earlier, but none tells of a Pod that was gone before the informer, having lost its place, saw it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from podling.client.informer import Informer

from .reconcile import Key

BEHIND_SECONDS = 1.0


@dataclass(slots=True)
class _Expected:
    revision: int = 0
    leaving: dict[str, Any] = field(default_factory=dict)


class Expectations:
    """For each owner, by its key."""

    def __init__(self, pods: Informer[Any]) -> None:
        self._pods = pods
        self._expected: dict[Key, _Expected] = {}

    def created(self, key: Key, pod: Any) -> None:
        """The server has said that this Pod exists."""
        expected = self._expected.setdefault(key, _Expected())
        expected.revision = max(expected.revision, int(pod.metadata.resource_version or 0))

    def deleting(self, key: Key, pod: Any) -> None:
        """This Pod is about to be deleted."""
        self._expected.setdefault(key, _Expected()).leaving[pod.metadata.uid or ""] = pod

    def not_deleted(self, key: Key, pod: Any) -> None:
        """The deletion failed."""
        if key in self._expected:
            self._expected[key].leaving.pop(pod.metadata.uid or "", None)

    def satisfied(self, key: Key) -> bool:
        """Whether the informer shows all that was done for this owner."""
        expected = self._expected.get(key)
        if expected is None:
            return True
        if int(self._pods.revision or 0) < expected.revision or any(
            map(self._stays, expected.leaving.values())
        ):
            return False
        del self._expected[key]
        return True

    def wait(self, key: Key) -> float | None:
        """Seconds after which to ask again; None when all is shown."""
        return None if self.satisfied(key) else BEHIND_SECONDS

    def forget(self, key: Key) -> None:
        """The owner is gone."""
        self._expected.pop(key, None)

    def _stays(self, pod: Any) -> bool:
        shown = self._pods.get(pod.metadata.namespace or "", pod.metadata.name or "")
        return (
            shown is not None
            and shown.metadata.uid == pod.metadata.uid
            and shown.metadata.deletion_timestamp is None
        )
