"""Probes of simulated containers, which have no sockets: whether one would answer is what a command run inside tells."""

from __future__ import annotations

from podling.api.types import core_v1
from podling.runtime.interface import Runtime

from .answer import Answer
from .exec import ExecProber


class ScriptedProber:
    def __init__(self, runtime: Runtime) -> None:
        self._exec = ExecProber(runtime)

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer:
        asked = core_v1.Probe(
            exec=core_v1.ExecAction(command=["probe"]), timeout_seconds=probe.timeout_seconds
        )
        return await self._exec.probe(asked, container, container_id, address)
