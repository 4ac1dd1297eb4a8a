"""``ImageStore``: the images of one machine behind ``interface.Images``, plus what runtimes and ``image load`` need.

It decides which name means which image and when the built-in busybox is made.  It leaves the disk to ``content``,
registries to ``skopeo`` and files to ``archive``.

The built-in image answers for ``busybox`` (``latest``, ``stable``, its version) until a real one is pulled or loaded
under that name; ``pull`` of such a name asks no registry unless ``from_registry`` is set, so a Pod of the tutorial
starts at once and offline.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from podling.aio import spawn
from podling.runtime.interface import Credentials, Image, ImageFault

from . import archive, builtin, local
from .content import Content, Rootfs
from .records import ImageRecord
from .reference import InvalidReference, Reference, as_id, parse
from .skopeo import Skopeo

_SKOPEO = Skopeo()


class ImageStore:
    """See the module's text.  ``start`` once before use; safe to share by every runtime of the process."""

    def __init__(
        self,
        root: Path,
        *,
        skopeo: Skopeo = _SKOPEO,
        busybox: tuple[Path, ...] = builtin.CANDIDATES,
    ) -> None:
        self.content = Content(root)
        self._skopeo = skopeo
        self._busybox = busybox
        self._making = asyncio.Lock()
        self._names: dict[str, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"<ImageStore {self.content.root}>"

    async def start(self) -> None:
        """Make the store's folders; sweep what dead processes left."""
        await asyncio.to_thread(self.content.open)

    async def list(self) -> list[Image]:
        index = self.content.index()
        return [self._image(record) for record in sorted(index.images.values(), key=lambda r: r.id)]

    async def resolve(self, reference: str) -> Image | None:
        record = await self._find(reference)
        return self._image(record) if record else None

    async def pull(
        self, reference: str, *, credentials: Sequence[Credentials] = (), from_registry: bool = False
    ) -> Image:
        """Fetch an image; see the module's text for ``from_registry``.  Raises ``ImageFault``."""
        name = _parse(reference)
        known = await self._find(reference)
        if known is not None and known.builtin and not from_registry:
            return self._image(known)
        async with self._one_at_a_time(str(name)):
            try:
                return self._image(await self._skopeo.pull(self.content, name, credentials))
            except ImageFault as fault:
                if fault.reason == "RegistryUnavailable" and _may_be_builtin(name):
                    raise await self._with_remedy(fault) from fault
                raise
            except OSError as error:
                raise ImageFault(f"cannot pull image {name}: {error}") from error

    async def load(self, source: Path, *, names: Sequence[str] = ()) -> Sequence[Image]:
        """Add the images of an archive file or OCI layout folder; a single one gets ``names``, too.  Raises ``ImageFault``."""
        records = await asyncio.to_thread(archive.load, self.content, source, names=names)
        return [self._image(record) for record in records]

    async def load_local(self, name: str, *, source: str = "") -> tuple[str, Sequence[Image]]:
        """Add an image of Docker, Podman or containerd on this machine; ``source`` names one of them, else each is asked.

        Returns whose it was.  Raises ``ImageFault``.
        """
        _parse(name)
        with self.content.scratch() as scratch:
            found, file = await local.export(name, scratch / "image.tar", source=source)
            return found, await self.load(file, names=[name])

    async def prune(self, *, everything: bool) -> Sequence[Image]:
        """Remove images that no container uses and that have no name, or ``everything`` unused; returns what went."""
        gone = []
        for image in await self.list():
            if (everything or not image.repo_tags) and not self.content.users(image.id):
                with contextlib.suppress(ImageFault):  # in use since we looked
                    await asyncio.to_thread(self.content.remove_image, image.id)
                    gone.append(image)
        return gone

    async def remove(self, reference: str) -> None:
        """Remove a name; with its last name, or by id, the image.  Unknown names are no error."""
        index = self.content.index()
        image_id = as_id(reference)
        if image_id is None:
            name = _parse(reference)
            record = index.find(name)
            if record is None:
                return
            if len(index.names(record.id)) > 1 and not name.digest:
                await asyncio.to_thread(self.content.untag, str(name))
                return
            image_id = record.id
        await asyncio.to_thread(self.content.remove_image, image_id)

    async def used_bytes(self) -> int:
        return sum(self.content.index().layers.values())

    async def busybox(self) -> Image:
        """The built-in image, made if need be.  Raises ``ImageFault`` saying what is missing."""
        return self._image(await self._builtin())

    def rootfs(self, image_id: str) -> Rootfs:
        """What a container of this image stands on.  Raises ``NotFound``."""
        return self.content.rootfs(image_id)

    async def _find(self, reference: str) -> ImageRecord | None:
        index = self.content.index()
        image_id = as_id(reference)
        if image_id is not None:
            return index.images.get(image_id)
        name = _parse(reference)
        record = index.find(name)
        if not _may_be_builtin(name) or (record is not None and not self._outdated(record)):
            return record
        try:
            await self._builtin(name)
        except (ImageFault, spawn.SpawnFault):
            return record  # no static busybox here: a registry may still have the image
        return self.content.index().find(name)

    async def _with_remedy(self, fault: ImageFault) -> ImageFault:
        """A registry is out of reach and the built-in image did not answer either: say why it could not."""
        try:
            await self._builtin()
        except ImageFault as missing:
            return ImageFault(f"{fault}; {missing}", reason=fault.reason)
        return fault

    async def _builtin(self, name: Reference | None = None) -> ImageRecord:
        """The built-in image, with all of its tags again if ``name`` finds none."""
        async with self._making:
            index = self.content.index()
            made = [r for r in index.images.values() if r.builtin and not self._outdated(r)]
            if made and (name is None or index.find(name) is not None):
                return made[0]
            busybox = await builtin.find(self._busybox)
            return await asyncio.to_thread(builtin.add, self.content, busybox)

    def _outdated(self, record: ImageRecord) -> bool:
        """A built-in image whose busybox was upgraded since; one whose busybox is gone stays good."""
        stamps = [stamp for path in self._busybox if (stamp := builtin.stamp(path))]
        return bool(record.builtin and stamps and record.builtin not in stamps)

    def _image(self, record: ImageRecord) -> Image:
        index = self.content.index()
        return Image(
            id=record.id,
            repo_tags=tuple(index.names(record.id)),
            repo_digests=tuple(index.digest_names(record.id)),
            size=index.size(record),
            user=record.config.user,
            architecture=record.config.architecture,
            pinned=record.pinned or bool(record.builtin) or bool(self.content.users(record.id)),
        )

    @asynccontextmanager
    async def _one_at_a_time(self, name: str) -> AsyncIterator[None]:
        """Two who pull the same name at once: the second finds what the first brought."""
        lock = self._names.setdefault(name, asyncio.Lock())
        async with lock:
            yield
        if not lock.locked():
            self._names.pop(name, None)


def _may_be_builtin(name: Reference) -> bool:
    return name.name == builtin.NAME and not name.digest


def _parse(reference: str) -> Reference:
    try:
        return parse(reference)
    except InvalidReference as error:
        raise ImageFault(str(error), reason="InvalidImageName") from error
