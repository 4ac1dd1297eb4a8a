"""Lifecycle hooks: ``postStart`` and ``preStop`` by exec, httpGet or sleep.

(Source: concepts/containers/container-lifecycle-hooks.)  How long a hook may take is its caller's to bound.
"""

from __future__ import annotations

import asyncio

from podling.api.types import core_v1
from podling.runtime.interface import Runtime, RuntimeFault

from .errors import ProbeFault
from .probes.http import HttpProber, target


class HookFailed(Exception):
    """A hook could not be carried out, or said no."""


class Hooks:
    def __init__(self, runtime: Runtime, http: HttpProber) -> None:
        self._runtime = runtime
        self._http = http

    async def run(
        self, hook: core_v1.LifecycleHandler, container: core_v1.Container, container_id: str, address: str
    ) -> None:
        """Run ``hook`` for the container; ``address`` is its Pod's.  Raises ``HookFailed``."""
        if hook.exec is not None:
            await self._exec(hook.exec.command or [], container_id)
        elif hook.http_get is not None:
            await self._get(hook.http_get, container, address)
        elif hook.sleep is not None:
            await asyncio.sleep(hook.sleep.seconds)
        else:
            raise HookFailed("cannot run hook: tcpSocket is not supported as a lifecycle handler")

    async def _exec(self, command: list[str], container_id: str) -> None:
        try:
            result = await self._runtime.exec_sync(container_id, command, limit=0)
        except RuntimeFault as fault:
            raise HookFailed(str(fault)) from fault
        if result.exit_code != 0:
            said = (result.stdout + result.stderr).decode(errors="replace")[:1024]
            raise HookFailed(f"command '{' '.join(command)}' exited with {result.exit_code}: {said}")

    async def _get(self, action: core_v1.HTTPGetAction, container: core_v1.Container, address: str) -> None:
        try:
            answer = await self._http.get(target(action, container, address, purpose="lifecycle"), limit=0)
        except ProbeFault as fault:
            raise HookFailed(str(fault)) from fault
        if answer.failure:
            raise HookFailed(answer.failure)
