"""Which static Pods run: those of the folder's files, one of a name at a time.

A changed file is another Pod (another UID), which begins when its predecessor has left the node.  A file that cannot be used is
told in the log, once, and harms nothing: the Pod of its last good content runs on.  Removing the file ends its Pod within its grace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from podling.agent.kit import Kit
from podling.aio.tasks import Tasks
from podling.api.types import core_v1

from . import folder, manifest
from .manifest import BadManifest, Manifests
from .mirrors import Mirrors, Name

log = logging.getLogger(__name__)


class Keeper:
    """``begin(pod)`` starts a worker for a Pod and ``end(uid)`` asks it to end; `ended` is to be called when it has.

    ``show(uid, mirror)`` tells a Pod's worker of its object in the API.
    """

    def __init__(
        self,
        kit: Kit,
        manifests: Manifests | None,
        *,
        node: Callable[[], core_v1.Node | None],
        begin: Callable[[core_v1.Pod], None],
        end: Callable[[str], None],
        show: Callable[[str, core_v1.Pod | None], None],
    ) -> None:
        self._kit = kit
        self._manifests = manifests
        self._begin, self._end = begin, end
        self._good: dict[str, core_v1.Pod] = {}  # by file: what its last good content says
        self._told: dict[str, str] = {}  # by file: what the log was told about it
        self._wanted: dict[Name, core_v1.Pod] = {}
        self._running: dict[Name, core_v1.Pod] = {}
        self.mirrors = Mirrors(
            kit.client,
            node=node,
            running=self._running.get,
            wanted=self.wants,
            show=lambda static, mirror: show(static.metadata.uid or "", mirror),
        )

    def load(self) -> set[str]:
        """Read the files; the UIDs of the Pods that they ask for."""
        if self._manifests is not None:
            self._read(folder.read(self._manifests.path))
        return {pod.metadata.uid or "" for pod in self._wanted.values()}

    def occupy(self, leftover: core_v1.Pod) -> None:
        """What a former agent left of a Pod still ends: a static Pod of its name begins after it."""
        if Name.of(leftover) in self._wanted:
            self._running[Name.of(leftover)] = leftover

    def start(self, tasks: Tasks) -> None:
        """Begin the Pods that were loaded, and follow the files from here on."""
        self.mirrors.start(tasks)
        self._settle()
        if self._manifests is not None:
            tasks.start(self._follow(self._manifests), name="manifests")

    def stop(self) -> None:
        self.mirrors.stop()

    def wants(self, pod: core_v1.Pod) -> bool:
        """Whether the files still ask for just that Pod."""
        return self._wanted.get(Name.of(pod)) is pod

    def ended(self, pod: core_v1.Pod) -> None:
        """Nothing of that Pod is left on the node."""
        name = Name.of(pod)
        known = self._running.get(name)
        if known is not None and known.metadata.uid == pod.metadata.uid:
            del self._running[name]
            self.mirrors.look(name)
            self._settle()

    async def _follow(self, manifests: Manifests) -> None:
        async for files in folder.watch(manifests.path):
            self._read(files)
            self._settle()

    def _read(self, files: dict[str, bytes]) -> None:
        self._good = {file: self._good[file] for file in files if file in self._good}
        self._told = {file: self._told[file] for file in files if file in self._told}
        for file, data in files.items():
            self._judge(file, data)
        self._wanted = {Name.of(pod): pod for pod in self._good.values()}

    def _judge(self, file: str, data: bytes) -> None:
        assert self._manifests is not None
        try:
            found = manifest.read(
                data, file=file, node=self._kit.config.node_name, complete=self._manifests.complete
            )
        except BadManifest as fault:
            self._tell(file, f"cannot use manifest {file}: {fault}")
            return
        self._tell(file, f"manifest {file}: {'; '.join(found.oddities)}" if found.oddities else "")
        known = self._good.get(file)
        if known is None or known.metadata.uid != found.pod.metadata.uid:
            self._good[file] = found.pod

    def _tell(self, file: str, message: str) -> None:
        if message and self._told.get(file) != message:
            log.warning("%s", message)
        self._told[file] = message

    def _settle(self) -> None:
        """End what is not wanted any more and begin what is, name by name."""
        for name, pod in [*self._running.items()]:
            wanted = self._wanted.get(name)
            if wanted is None or wanted.metadata.uid != pod.metadata.uid:
                self._end(pod.metadata.uid or "")
        for name, pod in self._wanted.items():
            if name not in self._running:
                self._running[name] = pod
                log.info("static Pod %s begins", name)
                self._begin(pod)
                self.mirrors.look(name)
