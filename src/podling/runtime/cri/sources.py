"""Where signs of change come from: CRI's own events where the runtime has them, else containerd's, else nowhere.

A message is only a sign that something may be different; what, is found by listing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from . import api, codec, grpc
from .channel import CallFault, Channel

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
_NAMESPACE = "k8s.io"
"""In which containerd keeps what CRI made."""


@dataclass(frozen=True, slots=True)
class _Row:
    path: str
    request: bytes
    matters: Callable[[bytes], bool]


def _is_end_of_container(message: bytes) -> bool:
    """Not of a command in one: those come by the second where there are probes."""
    try:
        envelope = codec.decode("Envelope", message)
        ended = codec.decode("TaskExit", envelope.get("event", {}).get("value", b""))
    except codec.Malformed:
        return True
    return envelope["namespace"] in ("", _NAMESPACE) and ended["id"] in ("", ended["container_id"])


SOURCES = (
    _Row(api.path("GetContainerEvents"), codec.encode("GetEventsRequest", {}), lambda message: True),
    _Row(
        "/containerd.services.events.v1.Events/Subscribe",
        codec.encode("SubscribeRequest", {"filters": ['topic=="/tasks/exit"', 'topic=="/tasks/oom"']}),
        _is_end_of_container,
    ),
)


class Source:
    """``tells``: the runtime says by itself when something changes.  ``wake`` is called then, and when it is heard anew."""

    def __init__(self, channel: Channel, *, wake: Callable[[], None]) -> None:
        self._channel = channel
        self._wake = wake
        self.tells = True

    async def follow(self) -> None:
        """Listen to the best source, again after it broke; return if there is none."""
        for row in SOURCES:
            while await self._listen(row):  # noqa: ASYNC110 - a pause before asking anew
                await asyncio.sleep(_AGAIN_SECONDS)
        self.tells = False
        self._wake()

    async def _listen(self, row: _Row) -> bool:
        """Until the source ends; False if there is none of this kind."""
        try:
            async with self._channel.stream(row.path, row.request) as messages:
                self._wake()  # what happened before is in the list
                async for message in messages:
                    if row.matters(message):
                        self._wake()
        except CallFault as fault:
            if fault.code == grpc.UNIMPLEMENTED:
                return False
            log.debug("events of the runtime broke off: %s", fault)
        return True
