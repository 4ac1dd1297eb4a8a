"""Has an image ready as a container's pull policy says, telling about it in upstream's words.

One pull of an image at a time, however many containers want it.  When a registry cannot be reached (not when it says no) the
node's own copy serves; for a minute from then on copies of its images are taken at once, and then it is asked again beside
the start that wants it, so that a machine without network does not wait for it with every Pod.
(Source: concepts/containers/images; kubelet `pkg/kubelet/images/image_manager.go`.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podling.aio.tasks import Tasks
from podling.api import gotext
from podling.api.types import core_v1
from podling.runtime.images import reference as references
from podling.runtime.interface import Credentials, Image, ImageFault, Images

UNREACHABLE_SECONDS = 60.0
"""How long a registry that did not answer is left alone where there is a copy."""

Tell = Callable[[str, str, str], None]
"""An Event about the container: type, reason, message."""


@dataclass(frozen=True, slots=True)
class Pulled:
    image: Image
    seconds: float
    """What the pull itself took."""


class ImagePuller:
    """``on_pulled`` is called when an image has come to the node."""

    def __init__(self, images: Images, *, tasks: Tasks, on_pulled: Callable[[], None]) -> None:
        self._images = images
        self._on_pulled = on_pulled
        self._tasks = tasks
        self._pulls: dict[tuple[str, tuple[Credentials, ...]], asyncio.Task[Pulled]] = {}
        self._unreachable: dict[str, float] = {}  # registry -> loop time when to ask it again

    async def prepare(
        self, container: core_v1.Container, *, credentials: Sequence[Credentials], tell: Tell
    ) -> Image:
        """The image of ``container``.  Raises ``ImageFault`` whose reason goes into the container's status."""
        name = container.image or ""
        quoted = gotext.quote(name)
        present = await self._find(name, tell)
        policy = container.image_pull_policy or default_policy(name)
        if policy == "Never" and present is None:
            message = f"Container image {quoted} is not present with pull policy of Never"
            tell("Warning", "ErrImageNeverPull", message)
            raise ImageFault(message, reason="ErrImageNeverPull")
        if present is not None and policy != "Always":
            tell(
                "Normal",
                "Pulled",
                f"Container image {quoted} already present on machine and can be accessed by the pod",
            )
            return present
        return await self._pull(name, present, tuple(credentials), tell)

    async def _find(self, name: str, tell: Tell) -> Image | None:
        try:
            return await self._images.resolve(name)
        except ImageFault as fault:
            message = f"Failed to apply default image tag {gotext.quote(name)}: {fault}"
            tell("Warning", "InspectFailed", message)
            raise ImageFault(message, reason=fault.reason) from fault

    async def _pull(
        self, name: str, present: Image | None, credentials: tuple[Credentials, ...], tell: Tell
    ) -> Image:
        quoted, registry = gotext.quote(name), _registry(name)
        started = asyncio.get_running_loop().time()
        if present is not None and registry in self._unreachable:
            if started >= self._unreachable[registry]:
                self._start_pull(name, credentials, registry)
            tell("Warning", "RegistryUnavailable", _local(quoted, "it did not answer the last time"))
            return present
        tell("Normal", "Pulling", f"Pulling image {quoted}")
        task = self._start_pull(name, credentials, registry)
        try:
            pulled = await asyncio.shield(task)
        except ImageFault as fault:
            if fault.reason == "RegistryUnavailable" and present is not None:
                tell("Warning", "RegistryUnavailable", _local(quoted, str(fault)))
                return present
            tell("Warning", "Failed", f"Failed to pull image {quoted}: {fault}")
            raise
        waited = asyncio.get_running_loop().time() - started
        tell(
            "Normal",
            "Pulled",
            f"Successfully pulled image {quoted} in {duration(pulled.seconds)} "
            f"({duration(waited)} including waiting). Image size: {pulled.image.size} bytes.",
        )
        return pulled.image

    def _start_pull(
        self, name: str, credentials: tuple[Credentials, ...], registry: str
    ) -> asyncio.Task[Pulled]:
        key = (name, credentials)
        task = self._pulls.get(key)
        if task is None:
            task = self._pulls[key] = self._tasks.start(
                self._fetch(name, credentials, registry), name=f"pull {name}", watched=False
            )
            task.add_done_callback(lambda done: self._pulled(key, done))
        return task

    def _pulled(self, key: tuple[str, tuple[Credentials, ...]], done: asyncio.Task[Pulled]) -> None:
        del self._pulls[key]
        if not done.cancelled():
            done.exception()  # told to whoever waited; a pull beside a local copy has nobody who waits

    async def _fetch(self, name: str, credentials: tuple[Credentials, ...], registry: str) -> Pulled:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            image = await self._images.pull(name, credentials=credentials)
        except ImageFault as fault:
            if fault.reason == "RegistryUnavailable":
                self._unreachable[registry] = loop.time() + UNREACHABLE_SECONDS
            else:
                self._unreachable.pop(registry, None)
            raise
        self._unreachable.pop(registry, None)
        self._on_pulled()
        return Pulled(image, loop.time() - started)


def default_policy(name: str) -> str:
    """What the API server writes where nothing is said: Always for ``:latest`` and for no tag at all."""
    try:
        parsed = references.parse(name)
    except references.InvalidReference:
        return "IfNotPresent"
    return "Always" if parsed.tag == "latest" else "IfNotPresent"


def repository(name: str) -> str:
    """``registry/path`` of an image name; "" for one that cannot be read."""
    try:
        return references.parse(name).name
    except references.InvalidReference:
        return ""


def duration(seconds: float) -> str:
    """As Go prints it, rounded to milliseconds: ``1.234s``, ``87ms``, ``1m2.5s``."""
    millis = round(seconds * 1000)
    if millis < 1000:
        return f"{millis}ms" if millis else "0s"
    minutes, rest = divmod(millis, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    hours, minutes = divmod(minutes, 60)
    prefix = f"{hours}h{minutes}m" if hours else (f"{minutes}m" if minutes else "")
    return f"{prefix}{text}s"


def _registry(name: str) -> str:
    return repository(name).partition("/")[0]


def _local(quoted: str, why: str) -> str:
    return f"Registry of image {quoted} cannot be reached, its copy on this machine is used: {why}"
