"""Has an image ready as a pull policy says, telling about it in upstream's words.

One pull of an image at a time, however many containers want it, and only so many at once.  An image that a Pod may not use
(``access``) is for it as if it were not here.  When a registry cannot be reached (not when it says no) the
node's own copy serves; for a minute from then on copies of its images are taken at once, and then it is asked again beside
the start that wants it, so that a machine without network does not wait for it with every Pod.
(Source: concepts/containers/images; kubelet `pkg/kubelet/images/image_manager.go`.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podling.aio.tasks import Tasks
from podling.api import gotext
from podling.runtime.images import reference as references
from podling.runtime.interface import Credentials, Image, ImageFault, Images

from . import access
from .credentials import Known, SecretKey
from .records import PullRecords

UNREACHABLE_SECONDS = 60.0
"""How long a registry that did not answer is left alone where there is a copy."""

Tell = Callable[[str, str, str], None]
"""An Event about who wants the image: type, reason, message."""

_STATUS_WORDS = {
    "RegistryUnavailable": "image pull failed for {name} because the registry is unavailable: {why}",
    "SignatureValidationFailed": "image pull failed for {name} because the signature validation failed: {why}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """An image that a Pod wants: by ``name``, under ``policy``, with what its pull secrets hold for it."""

    name: str
    policy: str
    known: Sequence[Known] = ()

    @property
    def secrets(self) -> list[SecretKey]:
        return [one.secret for one in self.known]


@dataclass(frozen=True, slots=True)
class Pulled:
    image: Image
    seconds: float
    """What the pull itself took."""


class ImagePuller:
    """``at_once`` pulls run side by side; ``on_pulled`` is called when an image has come to the node."""

    def __init__(
        self,
        images: Images,
        *,
        records: PullRecords,
        at_once: int,
        tasks: Tasks,
        on_pulled: Callable[[], None],
    ) -> None:
        self.records = records
        self._images = images
        self._room = asyncio.Semaphore(at_once)
        self._on_pulled = on_pulled
        self._tasks = tasks
        self._pulls: dict[tuple[str, tuple[Credentials, ...]], asyncio.Task[Pulled]] = {}
        self._unreachable: dict[str, float] = {}  # registry -> loop time when to ask it again

    async def open(self) -> None:
        """Before the first use: learn from what an earlier process left."""
        self.records.open(await self._images.list())

    async def prepare(self, want: Want, *, tell: Tell) -> Image:
        """The image.  Raises ``ImageFault`` whose reason goes into the container's status."""
        quoted = gotext.quote(want.name)
        present = await self._usable(want, tell)
        if want.policy == "Never" and present is None:
            message = f"Container image {quoted} is not present with pull policy of Never"
            tell("Warning", "ErrImageNeverPull", message)
            raise ImageFault(message, reason="ErrImageNeverPull")
        if present is not None and want.policy != "Always":
            tell(
                "Normal",
                "Pulled",
                f"Container image {quoted} already present on machine and can be accessed by the pod",
            )
            return present
        return await self._pull(want, present, tell)

    async def _usable(self, want: Want, tell: Tell) -> Image | None:
        """The image as it is here, if the Pod may use it."""
        try:
            present = await self._images.resolve(want.name)
        except ImageFault as fault:
            message = f"Failed to apply default image tag {gotext.quote(want.name)}: {fault}"
            tell("Warning", "InspectFailed", message)
            raise ImageFault(message, reason=fault.reason) from fault
        if present is None:
            return None
        record, name = self.records.get(present.id), repository(want.name)
        if not access.is_granted(record, name, want.secrets):
            return None
        if record is not None and (more := access.recognised(record, name, want.secrets)) != record:
            with contextlib.suppress(OSError):  # only what would spare a question later
                self.records.put(more)
        return present

    async def _pull(self, want: Want, present: Image | None, tell: Tell) -> Image:
        quoted, registry = gotext.quote(want.name), _registry(want.name)
        started = asyncio.get_running_loop().time()
        if present is not None and registry in self._unreachable:
            if started >= self._unreachable[registry]:
                self._start_pull(want)
            tell("Warning", "RegistryUnavailable", _local(quoted, "it did not answer the last time"))
            return present
        tell("Normal", "Pulling", f"Pulling image {quoted}")
        try:
            pulled = await asyncio.shield(self._start_pull(want))
        except ImageFault as fault:
            if fault.reason == "RegistryUnavailable" and present is not None:
                tell("Warning", "RegistryUnavailable", _local(quoted, str(fault)))
                return present
            tell("Warning", "Failed", f"Failed to pull image {quoted}: {fault}")
            words = _STATUS_WORDS.get(fault.reason, "{why}")
            raise ImageFault(words.format(name=want.name, why=fault), reason=fault.reason) from fault
        waited = asyncio.get_running_loop().time() - started
        tell(
            "Normal",
            "Pulled",
            f"Successfully pulled image {quoted} in {duration(pulled.seconds)} "
            f"({duration(waited)} including waiting). Image size: {pulled.image.size} bytes.",
        )
        return pulled.image

    def _start_pull(self, want: Want) -> asyncio.Task[Pulled]:
        key = (want.name, tuple(one.credentials for one in want.known))
        task = self._pulls.get(key)
        if task is None:
            task = self._pulls[key] = self._tasks.start(
                self._fetch(want), name=f"pull {want.name}", watched=False
            )
            task.add_done_callback(lambda done: self._pulled(key, done))
        return task

    def _pulled(self, key: tuple[str, tuple[Credentials, ...]], done: asyncio.Task[Pulled]) -> None:
        del self._pulls[key]
        if not done.cancelled():
            done.exception()  # told to whoever waited; a pull beside a local copy has nobody who waits

    async def _fetch(self, want: Want) -> Pulled:
        loop, registry = asyncio.get_running_loop(), _registry(want.name)
        async with self._room:
            started = loop.time()
            try:
                image = await self._recorded(want)
            except ImageFault as fault:
                if fault.reason == "RegistryUnavailable":
                    self._unreachable[registry] = loop.time() + UNREACHABLE_SECONDS
                else:
                    self._unreachable.pop(registry, None)
                raise
            seconds = loop.time() - started
        self._unreachable.pop(registry, None)
        self._on_pulled()
        return Pulled(image, seconds)

    async def _recorded(self, want: Want) -> Image:
        """Pull, and write down who may use what came.  Raises ``ImageFault``."""
        try:
            with self.records.pulling(_full(want.name)):
                image, used = await self._with_credentials(want)
                self._record(want, image, used)
        except OSError as error:
            quoted = gotext.quote(want.name)
            raise ImageFault(f"Failed to record the pull of container image {quoted}: {error}") from error
        return image

    async def _with_credentials(self, want: Want) -> tuple[Image, SecretKey | None]:
        """Each of the Pod's credentials in turn, or none if it has none; with the one that opened the door."""
        if not want.known:
            return await self._images.pull(want.name), None
        refusals: dict[str, ImageFault] = {}
        for known in want.known:
            try:
                return await self._images.pull(want.name, credentials=[known.credentials]), known.secret
            except ImageFault as fault:
                if fault.reason == "RegistryUnavailable":
                    raise
                refusals[str(fault)] = fault
        last = [*refusals.values()][-1]
        if len(refusals) == 1:
            raise last
        raise ImageFault(f"[{', '.join(refusals)}]", reason=last.reason)

    def _record(self, want: Want, image: Image, used: SecretKey | None) -> None:
        before = self.records.get(image.id)
        after = access.learned(before, image.id, repository(want.name), used)
        if after != before:
            self.records.put(after)


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


def _full(name: str) -> str:
    """As the image store lists it."""
    return str(references.parse(name))


def _registry(name: str) -> str:
    return repository(name).partition("/")[0]


def _local(quoted: str, why: str) -> str:
    return f"Registry of image {quoted} cannot be reached, its copy on this machine is used: {why}"
