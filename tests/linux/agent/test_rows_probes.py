"""Rows of container_probe on real containers: one Pod a row, all at once in one world, judged when those that restart have done so."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real_netns import make_netns, remove_netns
from real_world import PATIENCE, RealWorld, is_ready

from podling.api.types import core_v1

HTTPD = "mkdir /w; echo ok >/w/index.html; echo ok >/w/healthz; {more} exec httpd -f -p 8080 -h /w"
SICKENS = "(sleep 1.5; rm /w/healthz) &"
ANSWER = 'printf "HTTP/1.1 {0}\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nFound"'
SERVER = """
import grpc
from concurrent.futures import ThreadPoolExecutor
check = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\\x08\\x01")
server = grpc.server(ThreadPoolExecutor(1))
services = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})
server.add_generic_rpc_handlers((services,))
server.add_insecure_port("[::]:5000")
server.start()
server.wait_for_termination()
"""
GRPC_SERVER = f"exec chroot /host {sys.executable} $SERVER"
"""A real one, by the Python of these tests in the root of the machine."""
HOST_ROOT = (("volumeMounts", [{"name": "host", "mountPath": "/host", "readOnly": True}]),)
SOON = {"periodSeconds": 1, "failureThreshold": 1}
LATER = {**SOON, "initialDelaySeconds": 1}


@dataclass(frozen=True, kw_only=True)
class Probed:
    """A Pod with a probe.  ``restarts``: 0 = never, 1 = at least once; ``ready``: it is at the end, None = not looked at."""

    about: str
    script: str
    probe: dict[str, Any]
    kind: str = "livenessProbe"
    restarts: int = 0
    ready: bool | None = None
    tells: tuple[str, str] | None = None
    container: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return "".join(c if c.isalnum() else "-" for c in self.about.lower())


def over(kind: str, port: int | str = 8080, **fields: Any) -> dict[str, Any]:
    return {kind: {"port": port, **fields}}


def server_of(answer: str) -> str:
    return f"while true; do {ANSWER.format(answer)} | nc -l -p 8080 >/dev/null; done"


LIVENESS = [
    Probed(
        about="http that passes",
        script=HTTPD.format(more=""),
        probe={**over("httpGet", "web", path="/"), **SOON, "initialDelaySeconds": 1},
        container=(("ports", [{"name": "web", "containerPort": 8080}]),),
    ),
    Probed(
        about="http that fails",
        script=HTTPD.format(more=SICKENS),
        probe={**over("httpGet", path="/healthz"), **LATER},
        restarts=1,
        tells=("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404"),
    ),
    Probed(
        about="exec that passes",
        script="echo ok >/tmp/health; exec sleep 600",
        probe={"exec": {"command": ["cat", "/tmp/health"]}, **LATER},
    ),
    Probed(
        about="exec that fails",
        script="echo ok >/tmp/health; sleep 1.5; rm /tmp/health; exec sleep 600",
        probe={"exec": {"command": ["cat", "/tmp/health"]}, **LATER},
        restarts=1,
        tells=(
            "Unhealthy",
            "Liveness probe failed: cat: can't open '/tmp/health': No such file or directory\n",
        ),
    ),
    Probed(
        about="exec that takes too long",
        script="exec sleep 600",
        probe={"exec": {"command": ["sleep", "10"]}, **SOON},
        restarts=1,
        tells=("Unhealthy", 'Liveness probe failed: command timed out: "sleep 10" timed out after 1s'),
    ),
    Probed(
        about="exec of what is not there",
        script="exec sleep 600",
        probe={"exec": {"command": ["no-such-program"]}, **SOON},
        tells=("Unhealthy", "Liveness probe errored and resulted in unknown state: "),
    ),
    Probed(
        about="tcp that passes whatever http says",
        script=server_of("500 Broken"),
        probe={**over("tcpSocket"), **LATER},
    ),
    Probed(
        about="tcp that nobody listens on",
        script="exec sleep 600",
        probe={**over("tcpSocket", 81), **LATER},
        restarts=1,
    ),
    Probed(
        about="http that leads elsewhere",
        script=server_of("302 Found\\r\\nLocation: http://0.0.0.0/"),
        probe={**over("httpGet", path="/"), **LATER},
        tells=("ProbeWarning", "Liveness probe warning: Probe terminated redirects, Response body: Found"),
    ),
    Probed(
        about="http that leads to what fails",
        script=server_of("302 Found\\r\\nLocation: http://$(hostname -i):81/"),
        probe={**over("httpGet", path="/"), **LATER},
        restarts=1,
    ),
]
READINESS = [
    Probed(
        about="readiness that passes after its delay",
        script=HTTPD.format(more=""),
        kind="readinessProbe",
        probe={**over("httpGet", path="/"), "initialDelaySeconds": 1},
        ready=True,
    ),
    Probed(
        about="readiness that fails",
        script="exec sleep 600",
        kind="readinessProbe",
        probe={"exec": {"command": ["false"]}, **SOON},
        ready=False,
    ),
    Probed(
        about="readiness that is lost",
        script="touch /tmp/ready; sleep 1.5; rm /tmp/ready; exec sleep 600",
        kind="readinessProbe",
        probe={"exec": {"command": ["test", "-e", "/tmp/ready"]}, **SOON},
        ready=False,
    ),
    Probed(
        about="startup that fails",
        script="exec sleep 600",
        kind="startupProbe",
        probe={"exec": {"command": ["false"]}, **LATER, "terminationGracePeriodSeconds": 1},
        restarts=1,
        ready=None,
    ),
]
GRPC = [
    Probed(
        about="grpc that passes",
        script=GRPC_SERVER,
        kind="readinessProbe",
        probe={**over("grpc", 5000), "periodSeconds": 1, "failureThreshold": 30, "timeoutSeconds": 5},
        container=HOST_ROOT,
        ready=True,
    ),
    Probed(
        about="grpc that fails",
        script=GRPC_SERVER,
        probe={**over("grpc", 5001), **LATER},
        container=HOST_ROOT,
        restarts=1,
    ),
]
ROWS = [*LIVENESS, *READINESS, *GRPC]


@dataclass(frozen=True)
class Outcome:
    pod: core_v1.Pod
    events: Sequence[tuple[str, str]]


def restarts(pod: core_v1.Pod) -> int:
    found = pod.status.container_statuses or []
    return found[0].restart_count if found else 0


async def watch(world: RealWorld, rows: Sequence[Probed], server: Path) -> dict[str, Outcome]:
    volumes = [{"name": "host", "hostPath": {"path": "/"}}]
    usual = {"name": "main", "image": "busybox", "env": [{"name": "SERVER", "value": str(server)}]}

    async def begin(row: Probed) -> None:
        command = ["sh", "-c", row.script]
        main = {**usual, "command": command, row.kind: row.probe, **dict(row.container)}
        used = volumes if "volumeMounts" in main else []
        await world.create(row.name, main, volumes=used, terminationGracePeriodSeconds=0)

    async def settle(row: Probed) -> None:
        if row.restarts:
            await world.until(row.name, restarts)
        if row.ready:
            await world.until_ready(row.name)
        if row.tells is not None:
            await until_told(world, row)

    await asyncio.gather(*map(begin, rows))
    await asyncio.gather(*map(settle, rows), return_exceptions=True)  # its own row tells; the others go on
    return {row.about: Outcome(await world.get(row.name), await world.events(row.name)) for row in rows}


async def until_told(world: RealWorld, row: Probed) -> None:
    about = f"involvedObject.name={row.name}"
    events = world.client.resource(core_v1.Event)
    seen = (await events.list(namespace="default")).metadata.resource_version
    if told(row, await world.events(row.name)):
        return
    watch = events.watch(namespace="default", field_selector=about, resource_version=seen)
    async with asyncio.timeout(PATIENCE), aclosing(watch) as news:
        async for event in news:
            if told(row, [(event.object.reason or "", event.object.message or "")]):
                return


def told(row: Probed, events: Sequence[tuple[str, str]]) -> bool:
    assert row.tells is not None
    reason, beginning = row.tells
    return any(found == reason and message.startswith(beginning) for found, message in events)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> dict[str, Outcome]:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups")
    folder = tmp_path_factory.mktemp("probes")
    path = folder / f"netns-{secrets.token_hex(4)}"
    server = folder / "server.py"
    server.write_text(SERVER)

    async def play() -> dict[str, Outcome]:
        async with RealWorld(folder, netns=str(path), images=image_folder) as world:
            return await watch(world, ROWS, server)

    make_netns(path)
    try:
        return asyncio.run(play())
    finally:
        remove_netns(path)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_row(row: Probed, outcomes: dict[str, Outcome]):
    outcome = outcomes[row.about]
    assert (restarts(outcome.pod) > 0) == (row.restarts > 0), outcome
    if row.ready is not None:
        assert is_ready(outcome.pod) is row.ready, outcome
    if row.tells is not None:
        assert told(row, outcome.events), outcome.events
