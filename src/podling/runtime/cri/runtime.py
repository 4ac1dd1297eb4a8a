"""``CriRuntime``: Pods on containerd, CRI-O or any other runtime that speaks CRI v1, behind ``interface.Runtime``.

The face and the order of starting and stopping; the work is in ``sandboxes``, ``containers`` and ``sessions``.  The runtime is
somebody else's process: it is neither started nor stopped, and of what it runs only what carries this node's label is seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from podling.runtime import cgroups
from podling.runtime.events import EventHub
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    ContainerStats,
    CreateFault,
    ExecResult,
    ImageFault,
    NotFound,
    Resources,
    RuntimeFault,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    SandboxNetwork,
    SandboxState,
    StartFault,
    Stream,
    Unavailable,
)
from podling.runtime.oci.spec import signal_number

from . import cni, reports, requests, status, usage
from .api import SECONDS, Cri
from .config import CriConfig
from .containers import Cell, Containers
from .sandboxes import Sandboxes
from .sessions import Sessions

_NETWORK_SECONDS = 15.0


class CriRuntime:
    """See the module's text.  Every method but ``start`` needs a started runtime."""

    def __init__(self, config: CriConfig, *, network: SandboxNetwork) -> None:
        self._config = config
        self._network = network
        self._cri = Cri(config.endpoint)
        self._events = EventHub()
        self._plugin = cni.Server(config.cni, network)
        self._status = status.RuntimeStatus(name="cri", version="")

    def __repr__(self) -> str:
        return f"<CriRuntime {self._config.endpoint}>"

    async def start(self) -> None:
        """Make ready and find what runs already.  Raises ``Unavailable`` with what is missing."""
        try:
            await self._open()
        except OSError as error:
            await self._plugin.close()
            raise Unavailable(f"cannot use {self._config.endpoint}: {error}") from error
        except BaseException:
            await self._plugin.close()
            self._cri.close()
            raise

    async def _open(self) -> None:
        await self._plugin.start()
        self._status = told = await self._wait_network()
        for fault in (told.fault, told.network_fault):
            if fault:
                raise Unavailable(
                    f"cannot run Pods on {told.name} at {self._config.endpoint}: {fault}{self._remedy(told)}"
                )
        tree = None
        if not told.systemd_cgroup:
            layout = await asyncio.to_thread(cgroups.detect)
            tree = cgroups.CgroupTree(layout, self._config.cgroup_root, everywhere=True)
        self._tree = tree
        owner = self._config.owner
        self._sandboxes = Sandboxes(
            self._cri,
            owner=owner,
            status=told,
            groups=tree,
            plugin=self._plugin,
            network=self._network,
        )
        self._containers = Containers(self._cri, owner=owner, events=self._events, groups=tree)
        self._sessions = Sessions(self._cri, self._containers)
        await self._containers.start()

    async def _wait_network(self) -> status.RuntimeStatus:
        """The runtime's status; where the network is to be ours, once it has read of it."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _NETWORK_SECONDS
        while True:
            found = await ask(self._cri)
            ours = found.cni_folder == str(self._config.cni)
            if not ours or not found.network_fault or loop.time() > latest:
                return found
            await asyncio.sleep(0.05)  # it watches its folder, and tells nobody when it has read it

    def _remedy(self, told: status.RuntimeStatus) -> str:
        """A folder of ours that was taken away is not watched any more when it is back."""
        folder = self._config.cni
        if not told.network_fault:
            return ""
        if told.cni_folder == str(folder):
            return f"; restart it, so that it looks into {folder} again"
        return f"; give it a CNI network, or Podling's: its bin_dir and conf_dir are then {folder}"

    async def close(self) -> None:
        """Let go; containers run on."""
        await self._containers.close()
        self._events.close()
        await self._plugin.close()
        self._cri.close()
        if self._tree is not None:
            await asyncio.to_thread(self._tree.prune)

    def info(self) -> RuntimeInfo:
        told = self._status
        return RuntimeInfo(
            name=told.name,
            version=told.version,
            handlers=told.handlers,
            recursive_readonly=told.features("").recursive_read_only,
            user_namespaces=told.features("").user_namespaces,
        )

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "") -> Sandbox:
        return (await self._sandboxes.run(config, handler=handler)).view

    async def stop_sandbox(self, sandbox_id: str) -> None:
        await asyncio.gather(*(self._kill(cell) for cell in self._containers.of(sandbox_id)))
        await self._sandboxes.stop(sandbox_id)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await asyncio.gather(*(self._remove(cell) for cell in self._containers.of(sandbox_id)))
        await self._sandboxes.remove(sandbox_id)

    async def sandbox(self, sandbox_id: str) -> Sandbox:
        return (await self._sandboxes.get(sandbox_id)).view

    async def list_sandboxes(self) -> list[Sandbox]:
        return await self._sandboxes.list()

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        box = await self._sandboxes.get(sandbox_id)
        what = f"create container {config.name}"
        if box.view.state is not SandboxState.READY:
            raise CreateFault(f"cannot {what}: sandbox {sandbox_id} is not ready")
        wanted = requests.container_config(
            config,
            owner=self._config.owner,
            kept=box.kept,
            features=self._status.features(box.kept.handler),
        )
        try:
            answer = await self._cri.call(
                "CreateContainer",
                what=what,
                fault=CreateFault,
                pod_sandbox_id=sandbox_id,
                config=wanted,
                sandbox_config=requests.sandbox_again(box.view, box.kept),
            )
        except NotFound as error:
            raise ImageFault(str(error)) from error
        except CreateFault as error:
            user = config.security.run_as_username
            if user and "no users found" in str(error):  # containerd does not say which
                raise CreateFault(f"cannot {what} as user {user}: {error}") from error
            raise
        container_id: str = answer["container_id"]
        await self._containers.refresh(container_id, sandbox_id)
        return container_id

    async def start_container(self, container_id: str) -> None:
        cell = self._containers.get(container_id)
        if cell.view.state is not ContainerState.CREATED:
            raise RuntimeFault(f"cannot start container {container_id}: it is {cell.view.state.value}")
        try:
            await self._cri.call(
                "StartContainer",
                what=f"start container {container_id}",
                fault=StartFault,
                container_id=container_id,
            )
        except StartFault as fault:
            view = await self._containers.refresh(container_id, cell.view.sandbox_id)
            code = view.exit_code if view is not None else 128
            raise StartFault(str(fault), exit_code=code) from fault
        await self._containers.refresh(container_id, cell.view.sandbox_id)

    async def stop_container(self, container_id: str, *, grace: float) -> None:
        cell = self._containers.cells.get(container_id)
        if cell is None or cell.view.state is not ContainerState.RUNNING:
            return
        if grace > 0 and cell.stop_signal:
            usage.send(cell.pid, signal_number(cell.stop_signal))
            with suppress(TimeoutError, NotFound):
                async with asyncio.timeout(grace):
                    await self._containers.wait_exit(container_id)
            grace = 0
        await self._stop(cell, grace)

    async def signal_container(self, container_id: str, signal: int) -> None:
        """Directly to its first process: CRI has no verb for it."""
        usage.send(self._containers.get(container_id).pid, signal)

    async def remove_container(self, container_id: str) -> None:
        cell = self._containers.cells.get(container_id)
        if cell is not None:
            await self._remove(cell)

    async def container(self, container_id: str) -> Container:
        return self._containers.get(container_id).view

    async def list_containers(self, sandbox_id: str | None = None) -> list[Container]:
        return [cell.view for cell in self._containers.of(sandbox_id)]

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        cell = self._containers.get(container_id)
        await self._cri.call(
            "UpdateContainerResources",
            what=f"update container {container_id}",
            container_id=container_id,
            linux=requests.resources(resources),
        )
        cell.asked = resources
        await self._containers.refresh(container_id, cell.view.sandbox_id)

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        await self._sandboxes.update(sandbox_id, resources)

    async def reopen_log(self, container_id: str) -> None:
        await self._cri.call(
            "ReopenContainerLog", what=f"reopen the log of {container_id}", container_id=container_id
        )

    async def stats(self, container_id: str | None = None, *, disk: bool = True) -> list[ContainerStats]:
        """The runtime measures files by itself, so ``disk`` costs nothing here."""
        if container_id is not None:
            self._containers.get(container_id)
        wanted = {"label_selector": {requests.OWNER: self._config.owner}, "id": container_id}
        answer = await self._cri.call("ListContainerStats", what="read usage", filter=wanted)
        cells = self._containers.cells
        told = [one for one in answer["stats"] if one["attributes"]["id"] in cells]
        pids = await asyncio.to_thread(usage.processes, [cells[one["attributes"]["id"]].pid for one in told])
        return [reports.stats(one, pids=count) for one, count in zip(told, pids, strict=True)]

    async def exec_sync(self, container_id: str, command: Sequence[str], *, limit: float) -> ExecResult:
        return await self._sessions.exec_sync(self._containers.get(container_id), command, limit=limit)

    def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AbstractAsyncContextManager[Stream]:
        return self._sessions.exec(self._containers.get(container_id), command, stdin=stdin, tty=tty)

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> AbstractAsyncContextManager[Stream]:
        return self._sessions.attach(self._containers.get(container_id), stdin=stdin, tty=tty)

    @asynccontextmanager
    async def port_forward(self, sandbox_id: str, port: int) -> AsyncIterator[Stream]:
        box = await self._sandboxes.get(sandbox_id)
        if not box.view.netns and box.kept.network != "NODE":
            raise RuntimeFault(f"cannot connect to port {port} of sandbox {sandbox_id}: it has no network")
        async with self._sessions.port_forward(sandbox_id, box.view.netns, port) as stream:
            yield stream

    def events(self) -> AsyncIterator[ContainerEvent]:
        return self._events.subscribe()

    async def _kill(self, cell: Cell) -> None:
        if cell.view.state is ContainerState.RUNNING:
            await self._stop(cell, 0)

    async def _stop(self, cell: Cell, grace: float) -> None:
        """Within CRI's verb: signal, wait, kill."""
        limit = requests.seconds(grace)
        with suppress(NotFound):
            await self._cri.call(
                "StopContainer",
                what=f"stop container {cell.view.id}",
                limit=limit + SECONDS,
                container_id=cell.view.id,
                timeout=limit,
            )
        await self._containers.refresh(cell.view.id, cell.view.sandbox_id)

    async def _remove(self, cell: Cell) -> None:
        await self._kill(cell)
        with suppress(NotFound):
            await self._cri.call(
                "RemoveContainer", what=f"remove container {cell.view.id}", container_id=cell.view.id
            )
        self._containers.drop(cell.view.id)


async def ask(cri: Cri) -> status.RuntimeStatus:
    """What the runtime says of itself.  Raises ``Unavailable``."""
    try:
        version = await cri.call("Version", what="use the runtime", limit=_NETWORK_SECONDS)
        told = await cri.call("Status", what="use the runtime", limit=_NETWORK_SECONDS, verbose=True)
    except RuntimeFault as fault:
        raise Unavailable(str(fault)) from fault
    return status.read(version, told)
