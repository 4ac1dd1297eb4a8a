"""Images that need not exist: every name is there, unless its pull is scripted."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podling.runtime.images import reference as references
from podling.runtime.images.reference import Reference
from podling.runtime.interface import Credentials, Image, ImageFault

SIZE = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """How pulling one image goes: it takes ``seconds``, and fails ``failures`` times (None = always) with ``reason``."""

    seconds: float = 0.0
    failures: int | None = 0
    reason: str = "ErrImagePull"


class SimulatedImages:
    """``Images`` where ``pulls`` names, by reference, what is absent at first and how pulling it goes."""

    def __init__(self, pulls: Mapping[str, Pull] | None = None) -> None:
        self._absent = {_normal(reference): pull for reference, pull in (pulls or {}).items()}
        self._failed: dict[Reference, int] = {}
        self._present: dict[Reference, Image] = {}

    async def list(self) -> list[Image]:
        return list(self._present.values())

    async def resolve(self, reference: str) -> Image | None:
        """The image; None only for one whose scripted pull is still to come.  Raises ``ImageFault`` for a bad name."""
        if wanted := references.as_id(reference):
            return next((image for image in self._present.values() if image.id == wanted), None)
        name = _normal(reference)
        return None if name in self._absent else self._have(name)

    async def pull(self, reference: str, *, credentials: Sequence[Credentials] = ()) -> Image:
        name = _normal(reference)
        script = self._absent.get(name)
        if script is None:
            return self._have(name)
        await asyncio.sleep(script.seconds)
        failed = self._failed.get(name, 0)
        if script.failures is None or failed < script.failures:
            self._failed[name] = failed + 1
            raise ImageFault(f"cannot pull {name}: it is scripted to fail", reason=script.reason)
        self._absent.pop(name, None)
        return self._have(name)

    async def remove(self, reference: str) -> None:
        image = await self.resolve(reference)
        for name in [name for name, present in self._present.items() if present is image]:
            del self._present[name]

    async def used_bytes(self) -> int:
        return SIZE * len(self._present)

    def _have(self, name: Reference) -> Image:
        if name not in self._present:
            digest = name.digest or f"sha256:{hashlib.sha256(str(name).encode()).hexdigest()}"
            self._present[name] = Image(
                id=f"sha256:{hashlib.sha256(digest.encode()).hexdigest()}",
                repo_tags=() if name.digest else (str(name),),
                repo_digests=(f"{name.name}@{digest}",),
                size=SIZE,
                architecture="amd64",
            )
        return self._present[name]


def _normal(reference: str) -> Reference:
    try:
        return references.parse(reference)
    except references.InvalidReference as error:
        raise ImageFault(str(error), reason="InvalidImageName") from error
