"""exec and logs over real sockets and real processes: streams, terminals, exit codes, bounded memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
from real_world import SLEEP, RealWorld, sh

V5 = "v5.channel.k8s.io"


async def everybody(visitor: Any, method: str, path: str) -> None:
    """All may do everything."""


@asynccontextmanager
async def serving(world: RealWorld) -> AsyncIterator[aiohttp.ClientSession]:
    listening = socket.create_server(("127.0.0.1", 0))
    await world.agent.listen(listening, None, authorize=everybody)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listening.getsockname()[1]}") as session:
        yield session


class Exec:
    """One exec: what came on each channel, and how it ended."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.got: dict[int, bytearray] = {1: bytearray(), 2: bytearray(), 3: bytearray()}

    async def send(self, channel: int, data: bytes) -> None:
        await self.ws.send_bytes(bytes([channel]) + data)

    async def until(self, channel: int, text: bytes) -> None:
        async with asyncio.timeout(10):
            while text not in self.got[channel]:
                self._take(await self.ws.receive())

    async def end(self) -> Any:
        """Read to the end; the Status."""
        async with asyncio.timeout(30):
            async for message in self.ws:
                self._take(message)
        return json.loads(bytes(self.got[3]))

    def _take(self, message: aiohttp.WSMessage) -> None:
        assert message.type is aiohttp.WSMsgType.BINARY, message
        self.got[message.data[0]] += message.data[1:]


@asynccontextmanager
async def exec_in(session: aiohttp.ClientSession, *command: str, **streams: int) -> AsyncIterator[Exec]:
    query = urlencode([*(("command", word) for word in command), *streams.items()])
    url = f"/exec/default/box/main?{query}"
    async with session.ws_connect(url, protocols=(V5,), max_msg_size=0) as ws:
        yield Exec(ws)


async def box(world: RealWorld) -> None:
    await world.create("box", sh(SLEEP))
    await world.until_ready("box")


async def test_outputs_come_apart_and_the_exit_code_arrives(world: RealWorld):
    await box(world)
    async with (
        serving(world) as session,
        exec_in(session, "sh", "-c", "echo out; echo err >&2; exit 7", output=1, error=1) as run,
    ):
        status = await run.end()
    assert (run.got[1], run.got[2]) == (b"out\n", b"err\n")
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]


async def test_input_is_passed_on_and_its_end_too(world: RealWorld):
    await box(world)
    async with serving(world) as session, exec_in(session, "wc", "-c", input=1, output=1) as run:
        await run.send(0, b"12345")
        await run.send(255, b"\x00")
        status = await run.end()
    assert run.got[1].strip() == b"5"
    assert status["status"] == "Success"


async def test_terminal_has_a_size_that_changes(world: RealWorld):
    await box(world)
    async with serving(world) as session, exec_in(session, "sh", input=1, output=1, tty=1) as run:
        await run.send(4, b'{"Width":100,"Height":30}')
        await run.send(0, b"stty size\n")
        await run.until(1, b"30 100")
        await run.send(0, b"exit 3\n")
        status = await run.end()
    assert status["details"]["causes"][0]["message"] == "3"


async def test_of_sizes_that_come_at_once_an_attached_terminal_keeps_the_last(world: RealWorld):
    await world.create("box", {**sh("sleep 1000"), "tty": True, "stdin": True})
    await world.until_ready("box")
    async with serving(world) as session:
        for width in range(200, 210):
            url = "/attach/default/box/main?input=1&output=1&tty=1"
            async with session.ws_connect(url, protocols=(V5,)) as ws:
                for size in (b'{"Width":102,"Height":34}', b'{"Width":%d,"Height":33}' % width):
                    await ws.send_bytes(b"\x04" + size)
                until = f"until [ \"$(stty size </dev/console)\" = '33 {width}' ]; do usleep 1000; done"
                await world.run("box", "sh", "-c", until)


async def test_much_output_arrives_whole_and_is_not_held_in_memory(world: RealWorld):
    await box(world)
    size = 50 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    script = f"yes 0123456789abcdef | head -c {size}"
    digest, count = hashlib.sha256(), 0
    async with serving(world) as session, exec_in(session, "sh", "-c", script, output=1) as run:
        async for message in run.ws:
            if message.data[0] == 1:
                digest.update(message.data[1:])
                count += len(message.data) - 1
    assert count == size
    line = b"0123456789abcdef\n"
    assert digest.digest() == hashlib.sha256((line * (size // len(line) + 1))[:size]).digest()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


async def test_client_that_goes_away_ends_the_command(world: RealWorld):
    await box(world)
    async with serving(world) as session:
        async with exec_in(
            session, "sh", "-c", "echo $$ > /tmp/pid; sleep 0.1; echo begun; exec sleep 12345", output=1
        ) as run:
            await run.until(1, b"begun")
        gone = "while kill -0 $(cat /tmp/pid) 2>/dev/null; do usleep 10000; done"
        await world.run("box", "sh", "-c", gone)


async def test_command_that_is_not_there_is_told(world: RealWorld):
    await box(world)
    async with serving(world) as session, exec_in(session, "/no/such", output=1, error=1) as run:
        status = await run.end()
    assert status["status"] == "Failure"


async def test_followed_log_of_a_real_container(world: RealWorld):
    await world.create("box", sh("for i in 1 2 3; do echo $i; sleep 0.2; done"), restartPolicy="Never")
    await world.until("box", lambda pod: pod.status.phase in ("Running", "Succeeded"))
    async with (
        serving(world) as session,
        session.get("/containerLogs/default/box/main?follow=true") as answer,
    ):
        async with asyncio.timeout(10):
            assert await answer.text() == "1\n2\n3\n"
