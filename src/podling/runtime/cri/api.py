"""CRI's two services as one method: a call by name, with fields as keywords, whose refusals are ``RuntimeFault``s."""

from __future__ import annotations

from typing import Any

from podling.runtime.interface import NotFound, RuntimeFault, Timeout, Unavailable

from . import codec, grpc
from .channel import CallFault, Channel
from .codec import Message

SECONDS = 120.0
"""How long a call may take: kubelet's ``--runtime-request-timeout``."""
_OF_IMAGES = frozenset({"ListImages", "ImageStatus", "PullImage", "RemoveImage", "ImageFsInfo"})


class Cri:
    """The runtime behind an endpoint.  ``close`` when done; calls that are under way then fail."""

    def __init__(self, endpoint: str) -> None:
        self.channel = Channel(endpoint)

    async def call(
        self,
        method: str,
        *,
        what: str,
        limit: float | None = SECONDS,
        fault: type[RuntimeFault] = RuntimeFault,
        **fields: Any,
    ) -> Message:
        """The answer to ``method``.  ``what`` completes "cannot ..."; refusals are ``fault``s.

        Raises ``NotFound``, ``Timeout`` and ``Unavailable`` for those, whatever ``fault`` says.
        """
        request = codec.encode(f"{method}Request", fields)
        try:
            answer = await self.channel.call(path(method), request, limit=limit)
        except CallFault as error:
            raise _fault(error, what, fault) from error
        try:
            return codec.decode(f"{method}Response", answer)
        except codec.Malformed as error:
            raise RuntimeFault(f"cannot {what}: the runtime's answer cannot be read: {error}") from error

    def close(self) -> None:
        self.channel.close()


def path(method: str) -> str:
    service = "ImageService" if method in _OF_IMAGES else "RuntimeService"
    return f"/runtime.v1.{service}/{method}"


def _fault(error: CallFault, what: str, fault: type[RuntimeFault]) -> RuntimeFault:
    kinds = {
        grpc.NOT_FOUND: NotFound,
        grpc.DEADLINE_EXCEEDED: Timeout,
        grpc.UNAVAILABLE: Unavailable,
    }
    return kinds.get(error.code, fault)(f"cannot {what}: {error}")
