"""Tokens of service accounts for Pods, asked for by TokenRequest, bound to the Pod, renewed before they end.

A token is renewed once 80 % of its life or 24 hours have passed, as kubelet does (`pkg/kubelet/token`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from podling.aio.clock import Clock
from podling.api import times
from podling.api.errors import ApiError
from podling.api.types import authentication_v1, core_v1
from podling.client.client import Client
from podling.client.errors import ClientError

from .errors import VolumeFault

DEFAULT_SECONDS = 3600
MAX_AGE_SECONDS = 24 * 3600
RENEW_AT = 0.8


class _Key(NamedTuple):
    uid: str
    account: str
    audience: str
    seconds: int


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    renew_at: float
    ends_at: float


class Tokens:
    def __init__(self, client: Client, *, clock: Clock) -> None:
        self._accounts = client.resource(core_v1.ServiceAccount)
        self._clock = clock
        self._held: dict[_Key, _Held] = {}

    async def get(self, pod: core_v1.Pod, source: core_v1.ServiceAccountTokenProjection) -> str:
        """The Pod's token for the audience, a new one if the last is due for renewal.  Raises ``VolumeFault``."""
        account = (pod.spec.service_account_name if pod.spec else None) or "default"
        seconds = source.expiration_seconds or DEFAULT_SECONDS
        key = _Key(pod.metadata.uid or "", account, source.audience or "", seconds)
        held = self._held.get(key)
        if held is not None and self._clock.now() < held.renew_at:
            return held.token
        try:
            self._held[key] = made = await self._request(pod, key)
        except (ApiError, ClientError) as error:
            if held is None:
                raise VolumeFault(f"failed to fetch token: {error}") from error
            if self._clock.now() >= held.ends_at:
                raise VolumeFault(f"token expired and refresh failed: {error}") from error
            return held.token  # serves until the next try
        return made.token

    def renew_at(self, uid: str) -> float | None:
        """When the first token of the Pod is due for renewal, in epoch seconds."""
        return min((held.renew_at for key, held in self._held.items() if key.uid == uid), default=None)

    def release(self, uid: str) -> None:
        for key in [key for key in self._held if key.uid == uid]:
            del self._held[key]

    async def _request(self, pod: core_v1.Pod, key: _Key) -> _Held:
        meta = pod.metadata
        bound = authentication_v1.BoundObjectReference(
            kind="Pod", api_version="v1", name=meta.name, uid=meta.uid
        )
        asked = authentication_v1.TokenRequest(
            spec=authentication_v1.TokenRequestSpec(
                audiences=[key.audience] if key.audience else [],
                expiration_seconds=key.seconds,
                bound_object_ref=bound,
            )
        )
        answer = await self._accounts.create_subresource(
            key.account, "token", asked, namespace=meta.namespace
        )
        status = msgspec.json.decode(answer, type=authentication_v1.TokenRequest).status
        if status is None or not status.token:
            raise VolumeFault("failed to fetch token: the server sent none")
        now = self._clock.now()
        ends = times.parse(status.expiration_timestamp) if status.expiration_timestamp else now + key.seconds
        return _Held(status.token, now + min((ends - now) * RENEW_AT, MAX_AGE_SECONDS), ends)
