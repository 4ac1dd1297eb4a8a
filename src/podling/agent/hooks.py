"""Lifecycle hooks: ``postStart`` and ``preStop`` by exec, httpGet or sleep.

An HTTP hook is a message, not a question: any answer will do.  One over HTTPS to a server that speaks HTTP is sent again in
clear, as before v1.27, and that is told.  (Source: concepts/containers/container-lifecycle-hooks; kubelet
`pkg/kubelet/lifecycle/handlers.go`.)  How long a hook may take is its caller's to bound.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

from podling.api.types import core_v1
from podling.runtime.interface import Runtime, RuntimeFault

from .errors import ProbeFault
from .probes.http import HttpProber, Target, target

_CLEAR = "first record does not look like a TLS handshake"


class HookFailed(Exception):
    """A hook could not be carried out, or its command failed."""


class Hooks:
    def __init__(self, runtime: Runtime, http: HttpProber) -> None:
        self._runtime = runtime
        self._http = http

    async def run(
        self, hook: core_v1.LifecycleHandler, container: core_v1.Container, container_id: str, address: str
    ) -> str:
        """Run ``hook`` for the container; ``address`` is its Pod's.  Raises ``HookFailed``.

        Returns what is to be told (reason LifecycleHTTPFallback) though all went well, else "".
        """
        if hook.exec is not None:
            await self._exec(hook.exec.command or [], container_id)
        elif hook.http_get is not None:
            return await self._get(hook.http_get, container, address)
        elif hook.sleep is not None:
            await asyncio.sleep(hook.sleep.seconds)
        else:
            raise HookFailed("cannot run hook: tcpSocket is not supported as a lifecycle handler")
        return ""

    async def _exec(self, command: list[str], container_id: str) -> None:
        try:
            result = await self._runtime.exec_sync(container_id, command, limit=0)
        except RuntimeFault as fault:
            raise HookFailed(str(fault)) from fault
        if result.exit_code != 0:
            said = (result.stdout + result.stderr).decode(errors="replace")[:1024]
            raise HookFailed(f"command '{' '.join(command)}' exited with {result.exit_code}: {said}")

    async def _get(self, action: core_v1.HTTPGetAction, container: core_v1.Container, address: str) -> str:
        try:
            where = target(action, container, address, purpose="lifecycle")
        except ProbeFault as fault:
            raise HookFailed(str(fault)) from fault
        failure = await self._send(where)
        if _CLEAR not in failure:
            if failure:
                raise HookFailed(failure)
            return ""
        plain = tuple(pair for pair in where.headers if pair[0].lower() != "authorization")
        clear = replace(where, url=where.url.replace("https:", "http:", 1), headers=plain)
        if await self._send(clear):
            raise HookFailed(failure)
        host = urlsplit(where.url).netloc
        return f"request to HTTPS lifecycle hook {host} got HTTP response, retry with HTTP succeeded"

    async def _send(self, where: Target) -> str:
        """Why no answer came."""
        try:
            answer = await self._http.get(where, limit=0)
        except ProbeFault:  # one came, if not to its end
            return ""
        return "" if answer.status else answer.failure
