"""``exec`` probes: a command inside the container; exit code 0 is good.

A command that cannot be run at all says nothing about the container, as in the kubelet: the result counts for nothing.
(Source: kubelet `pkg/probe/exec`.)
"""

from __future__ import annotations

from podling.agent.errors import ProbeFault
from podling.api.types import core_v1
from podling.runtime.interface import Runtime, RuntimeFault, Timeout

from .answer import Answer

MAX_OUTPUT = 10 << 10


class ExecProber:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer:
        command = (probe.exec.command if probe.exec else None) or []
        limit = probe.timeout_seconds or 1
        try:
            result = await self._runtime.exec_sync(container_id, command, limit=limit)
        except Timeout:
            return Answer(failure=f'command timed out: "{" ".join(command)}" timed out after {limit}s')
        except RuntimeFault as fault:
            raise ProbeFault(str(fault)) from fault
        if result.exit_code == 0:
            return Answer()
        said = (result.stdout + result.stderr)[:MAX_OUTPUT].decode(errors="replace")
        return Answer(failure=said or f"exit code {result.exit_code}")
