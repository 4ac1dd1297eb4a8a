"""The images of a CRI runtime, behind ``interface.Images``; they are the runtime's own, shared with whoever else uses it.

``ImageStore`` (of the other runtimes) is not looked at.  Only the built-in ``busybox`` is brought over where the runtime is containerd
and ``ctr`` is at hand, since CRI has no way to load an image, and with it a pause image for machines that cannot fetch
theirs: set ``sandbox_image`` to ``PAUSE``.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from podling.aio import spawn
from podling.runtime.images import builtin, reference
from podling.runtime.interface import Credentials, Image, ImageFault, RuntimeFault

from . import reports
from .api import Cri
from .codec import Message
from .config import socket_of

log = logging.getLogger(__name__)

PAUSE = "podling.dev/pause:1"
_PAUSE_COMMAND = ["/bin/sleep", "2147483647"]
_IMPORT_SECONDS = 60.0
_UNREACHABLE = (
    "dial tcp", "no such host", "connection refused", "i/o timeout", "TLS handshake timeout", "no route to host",
    "network is unreachable", "Temporary failure in name resolution", "connection reset by peer", "deadline exceeded",
)  # fmt: skip


class CriImages:
    """See the module's text.  ``endpoint`` is the runtime's."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._cri = Cri(endpoint)
        self._builtins: frozenset[str] = frozenset()
        """The ids of the built-in images, where they were brought."""

    async def start(self) -> None:
        """Bring the built-in images where that can be done; without them the node works too.  Raises ``Unavailable``."""
        ctr = shutil.which("ctr")
        version = await self._cri.call("Version", what="use the runtime")
        if ctr is None or version["runtime_name"] != "containerd":
            return
        try:
            await self._bring(ctr, await Builtins.find())
        except (ImageFault, spawn.SpawnFault, OSError) as error:
            log.warning("the built-in images are not there: %s", error)

    async def close(self) -> None:
        self._cri.close()

    async def list(self) -> list[Image]:
        answer = await self._cri.call("ListImages", what="list images", fault=ImageFault)
        return [self._image(told) for told in answer["images"]]

    async def resolve(self, reference: str) -> Image | None:
        answer = await self._cri.call(
            "ImageStatus",
            what=f"find image {reference}",
            fault=ImageFault,
            image={"image": _normal(reference)},
        )
        return self._image(answer["image"]) if "image" in answer else None

    async def pull(self, reference: str, *, credentials: Sequence[Credentials] = ()) -> Image:
        """With the credentials in turn, at last with none.  Raises ``ImageFault``."""
        name = _normal(reference)
        present = await self.resolve(name)
        if present is not None and present.id in self._builtins:
            return present
        fault: RuntimeFault | None = None
        for one in [*credentials, None] if credentials else [None]:
            try:
                await self._pull(name, _auth(one))
                break
            except RuntimeFault as error:
                fault = fault or error
        else:
            raise _pull_fault(name, str(fault)) from fault
        image = await self.resolve(name)
        if image is None:
            raise ImageFault(f"cannot pull {name}: the runtime has lost it again")
        return image

    async def remove(self, reference: str) -> None:
        name = _normal(reference)
        await self._cri.call(
            "RemoveImage", what=f"remove image {name}", fault=ImageFault, image={"image": name}
        )

    async def used_bytes(self) -> int:
        answer = await self._cri.call("ImageFsInfo", what="measure images", fault=ImageFault)
        return sum(one.get("used_bytes", {}).get("value", 0) for one in answer["image_filesystems"])

    def _image(self, told: Message) -> Image:
        """No registry would give the built-in ones back."""
        image = reports.image(told)
        return replace(image, pinned=True) if image.id in self._builtins else image

    async def _pull(self, name: str, auth: Message | None) -> None:
        fields = {"image": {"image": name}} | ({"auth": auth} if auth else {})
        await self._cri.call("PullImage", what=f"pull {name}", limit=None, fault=ImageFault, **fields)

    async def _bring(self, ctr: str, builtins: Builtins) -> None:
        """Import the built-in images under the names that are free.  Raises ``ImageFault`` and ``OSError``."""
        missing = [name for name in builtins.names if await self.resolve(name) is None]
        if missing:
            with tempfile.TemporaryDirectory(prefix="podling-images-") as folder:
                archive = Path(folder, "builtin.tar")
                await asyncio.to_thread(builtins.write, archive, missing)
                argv = [
                    ctr,
                    "--address",
                    str(socket_of(self._endpoint)),
                    "--namespace",
                    "k8s.io",
                    "images",
                    "import",
                ]
                done = await spawn.run([*argv, "--no-unpack", str(archive)], limit_seconds=_IMPORT_SECONDS)
            if done.returncode:
                raise ImageFault(f"cannot import them: {done.error_text}")
            await self._wait_known(missing)
        self._builtins = builtins.ids

    async def _wait_known(self, names: Sequence[str]) -> None:
        """containerd's CRI learns of imports from its own events."""
        async with asyncio.timeout(_IMPORT_SECONDS):
            for name in names:
                while await self.resolve(name) is None:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Builtins:
    """The built-in images' parts: one layer, and a configuration by name."""

    layer: bytes
    configs: dict[str, bytes]

    @classmethod
    async def find(cls) -> Builtins:
        """Raises ``ImageFault`` where there is no static busybox."""
        busybox = await builtin.find()
        layer = await asyncio.to_thread(builtin.build_layer, busybox)
        plain = builtin.build_config(busybox, f"sha256:{hashlib.sha256(layer).hexdigest()}")
        document = json.loads(plain)
        document["config"] |= {"Cmd": _PAUSE_COMMAND}
        return cls(layer, dict.fromkeys(busybox.tags, plain) | {PAUSE: json.dumps(document).encode()})

    @property
    def names(self) -> list[str]:
        return list(self.configs)

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(f"sha256:{hashlib.sha256(config).hexdigest()}" for config in self.configs.values())

    def write(self, file: Path, names: Sequence[str]) -> None:
        """An archive of the images called ``names``, as ``docker save`` writes it."""
        parts = {"layer.tar": self.layer}
        entries = []
        for number, name in enumerate(names):
            parts[f"{number}.json"] = self.configs[name]
            entries.append({"Config": f"{number}.json", "RepoTags": [name], "Layers": ["layer.tar"]})
        parts["manifest.json"] = json.dumps(entries).encode()
        with tarfile.open(file, "w") as tar:
            for name, data in parts.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def _normal(name: str) -> str:
    """The name with registry and tag; ids stay.  Raises ``ImageFault``."""
    image_id = reference.as_id(name)
    if image_id is not None:
        return image_id
    try:
        return str(reference.parse(name))
    except reference.InvalidReference as error:
        raise ImageFault(str(error), reason="InvalidImageName") from error


def _auth(given: Credentials | None) -> Message | None:
    if given is None:
        return None
    return {"username": given.username, "password": given.password, "registry_token": given.token}


def _pull_fault(name: str, message: str) -> ImageFault:
    unreachable = any(word in message for word in _UNREACHABLE)
    return ImageFault(message, reason="RegistryUnavailable" if unreachable else "ErrImagePull")
