"""Sandboxes at a CRI runtime: made, stopped and removed there, with the Pod's control group and network from here.

The runtime keeps them; here is only what its listing does not tell: addresses, the network namespace and what was kept for
making containers.  The Pod's control group is made beforehand, as kubelets do, unless the runtime leaves groups to systemd.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from podling.runtime import cgroups
from podling.runtime.interface import (
    CreateFault,
    NotFound,
    Resources,
    RuntimeFault,
    Sandbox,
    SandboxConfig,
    SandboxNetwork,
    SandboxState,
    Unsupported,
)
from podling.runtime.oci.sandboxes import group

from . import cni, reports, requests
from .api import Cri
from .codec import Message
from .status import RuntimeStatus


@dataclass(frozen=True, slots=True)
class Box:
    """A sandbox as last seen, and what was kept with it."""

    view: Sandbox
    kept: requests.SandboxFacts


class Sandboxes:
    """All sandboxes of this node."""

    def __init__(
        self,
        cri: Cri,
        *,
        owner: str,
        status: RuntimeStatus,
        groups: cgroups.CgroupTree | None,
        plugin: cni.Server,
        network: SandboxNetwork,
    ) -> None:
        self._cri = cri
        self._owner = owner
        self._status = status
        self._groups = groups
        self._plugin = plugin
        self._network = network
        self._known: dict[str, Box] = {}

    async def run(self, config: SandboxConfig, *, handler: str) -> Box:
        """Make a sandbox; all or nothing, also when cancelled."""
        if handler and handler not in self._status.handlers:
            raise Unsupported(f"runtime handler {handler!r}", "the runtime has no such handler")
        pod = f"{config.namespace}/{config.name}"
        work = asyncio.ensure_future(self._run(config, handler, pod))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            with suppress(RuntimeFault):
                await self.remove((await work).view.id)
            raise

    async def _run(self, config: SandboxConfig, handler: str, pod: str) -> Box:
        parent = self._groups.absolute(group(config)) if self._groups is not None else ""
        kept = requests.SandboxFacts.of(config, cgroup=group(config), parent=parent, handler=handler)
        await self._make_group(config, kept)
        self._plugin.expect(config)
        try:
            answer = await self._cri.call(
                "RunPodSandbox",
                what=f"make sandbox of Pod {pod}",
                fault=CreateFault,
                config=requests.sandbox_config(
                    config,
                    owner=self._owner,
                    facts=kept,
                    features=self._status.features(handler),
                ),
                runtime_handler=handler,
            )
        except BaseException:
            await self._drop_group(kept)
            raise
        finally:
            self._plugin.forget(config)
        return await self.get(answer["pod_sandbox_id"])

    async def get(self, sandbox_id: str) -> Box:
        """As it is now.  Raises ``NotFound``."""
        answer = await self._cri.call(
            "PodSandboxStatus",
            what=f"find sandbox {sandbox_id}",
            pod_sandbox_id=sandbox_id,
            verbose=True,
        )
        return self._take(answer["status"], answer)

    async def list(self) -> list[Sandbox]:
        wanted = {"label_selector": {requests.OWNER: self._owner}}
        answer = await self._cri.call("ListPodSandbox", what="list sandboxes", filter=wanted)
        listed = {one["id"]: one for one in answer["items"]}
        for gone in set(self._known) - set(listed):
            del self._known[gone]
        return list(await asyncio.gather(*(self._view(one) for one in listed.values())))

    async def update(self, sandbox_id: str, resources: Resources) -> None:
        """Set other limits for the whole Pod."""
        box = await self.get(sandbox_id)
        if self._groups is None:
            raise Unsupported("other limits for a Pod", "the runtime leaves its control groups to systemd")
        try:
            await asyncio.to_thread(self._groups.apply, box.kept.cgroup, resources)
        except cgroups.CgroupFault as error:
            raise RuntimeFault(f"cannot update sandbox {sandbox_id}: {error}") from error

    async def stop(self, sandbox_id: str) -> None:
        """Idempotent."""
        with suppress(NotFound):
            await self._cri.call(
                "StopPodSandbox", what=f"stop sandbox {sandbox_id}", pod_sandbox_id=sandbox_id
            )

    async def remove(self, sandbox_id: str) -> None:
        """Stop it and leave nothing.  Idempotent."""
        try:
            box = self._known.get(sandbox_id) or await self.get(sandbox_id)
        except NotFound:
            return
        await self.stop(sandbox_id)
        with suppress(NotFound):
            await self._cri.call(
                "RemovePodSandbox", what=f"remove sandbox {sandbox_id}", pod_sandbox_id=sandbox_id
            )
        self._known.pop(sandbox_id, None)
        await self._network.detach(sandbox_id)  # the plugin may have been asked while nobody answered
        await self._drop_group(box.kept)

    async def _view(self, listed: Message) -> Sandbox:
        """The known one where nothing has changed, else by its status."""
        known = self._known.get(listed["id"])
        if known is not None and (known.view.state is SandboxState.READY) == (
            listed["state"] == "SANDBOX_READY"
        ):
            return known.view
        try:
            return (await self.get(listed["id"])).view
        except NotFound:
            return reports.sandbox(listed | {"state": "SANDBOX_NOTREADY"})

    def _take(self, status: Message, answer: Message) -> Box:
        netns = reports.netns(reports.info_of(answer))
        view = reports.sandbox(status, status, netns=netns)
        box = Box(view, reports.facts(status["annotations"]))
        if box.kept.network == "NODE":
            box = replace(box, view=replace(view, ips=(), netns=""))
        self._known[view.id] = box
        return box

    async def _make_group(self, config: SandboxConfig, kept: requests.SandboxFacts) -> None:
        """The Pod's control group with its limits."""
        if self._groups is None:
            return
        try:
            await asyncio.to_thread(self._groups.make, kept.cgroup, config.resources)
        except (OSError, cgroups.CgroupFault) as error:
            raise CreateFault(
                f"cannot make sandbox of Pod {config.namespace}/{config.name}: {error}"
            ) from error

    async def _drop_group(self, kept: requests.SandboxFacts) -> None:
        shared = any(box.kept.cgroup == kept.cgroup for box in self._known.values())
        if self._groups is not None and not shared:
            with suppress(cgroups.CgroupFault):  # still dying in the kernel; the node's end removes it
                await asyncio.to_thread(self._groups.remove, kept.cgroup)
