"""``podling node`` and ``podling controllers``: one question and one answer, a JSON line each, over a socket in the cluster's folder.

The cluster's process answers, because it alone starts and ends agents; whoever may open the folder may ask.  A socket's
path holds 107 bytes, less than a folder's may be: both sides reach it through a descriptor of the folder.

    {"verb": "stop", "node": "podling-2"}  ->  {"error": "", "exit_code": 0, "nodes": [...]}
    {"report": "controllers"}              ->  {"error": "", "exit_code": 0, "report": [...]}
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import ClusterError, NotRunning
from .fleet import Fleet
from .layout import Layout

LIST = "ls"
_NOBODY = (FileNotFoundError, ConnectionRefusedError, ConnectionResetError)


@dataclass(frozen=True, slots=True)
class NodeState:
    """How a node is: ``pid`` of the process that its agent is, 0 if there is none."""

    name: str
    state: str
    address: str
    pod_cidr: str
    pid: int


class Refusal(ClusterError):
    """The cluster's process did not do it; the words and the exit code are its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Control:
    """The cluster's side: answers about ``fleet``, and gives ``reports`` by name, between ``start`` and ``close``."""

    def __init__(
        self, layout: Layout, fleet: Fleet, reports: Mapping[str, Callable[[], Sequence[Any]]]
    ) -> None:
        self._reports = reports
        self._layout = layout
        self._fleet = fleet
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket that an earlier process left is replaced."""
        self._layout.control.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short(self._layout.control) as path:
            listening.bind(path)
        self._layout.control.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._answer, sock=listening)

    async def close(self) -> None:
        """Answer nobody any more.  Safe to repeat."""
        if self._server is not None:
            self._server.close()
            self._layout.control.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = json.loads(await reader.readline() or b"{}")
            writer.write(json.dumps(await self._reply(asked)).encode() + b"\n")
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        finally:
            writer.close()

    async def _reply(self, asked: dict[str, str]) -> dict[str, Any]:
        reply: dict[str, Any] = {"error": "", "exit_code": 0}
        if "report" in asked:
            return {**reply, "report": self._reports[asked["report"]]()}
        try:
            await self._do(asked.get("verb", LIST), asked.get("node", ""))
        except (ClusterError, OSError) as error:
            reply = {"error": str(error), "exit_code": getattr(error, "exit_code", 1)}
        return {**reply, "nodes": [asdict(state) for state in self._states()]}

    async def _do(self, verb: str, node: str) -> None:
        fleet = self._fleet
        verbs = {
            "start": fleet.power_on,
            "stop": fleet.power_off,
            "pause": fleet.pause,
            "unpause": fleet.unpause,
        }
        if verb != LIST:
            await verbs[verb](node)

    def _states(self) -> list[NodeState]:
        first = self._fleet.first
        return [
            NodeState(first.name, "ready", first.address, first.pod_cidr, os.getpid()),
            *(
                NodeState(name, member.state.value, member.plan.address, member.plan.pod_cidr, member.pid)
                for name, member in self._fleet.members.items()
            ),
        ]


def ask(layout: Layout, verb: str, node: str = "", *, limit: float) -> list[NodeState]:
    """Have the cluster's process do it, ``limit`` seconds at most; how the nodes are then.

    Raises ``Refusal`` with its words, and ``NotRunning`` where there is no such process.
    """
    question = {"verb": verb, "node": node}
    reply = _exchange(layout, question, what=f"{verb} node {node}", limit=limit)
    if reply["error"]:
        raise Refusal(reply["error"], reply["exit_code"])
    return [NodeState(**state) for state in reply["nodes"]]


def report(layout: Layout, name: str, *, limit: float) -> list[dict[str, Any]]:
    """What the cluster's process says of itself.  Raises ``NotRunning`` where there is no such process."""
    rows: list[dict[str, Any]] = _exchange(layout, {"report": name}, what=f"list {name}", limit=limit)[
        "report"
    ]
    return rows


def _exchange(layout: Layout, question: dict[str, str], *, what: str, limit: float) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(limit)
        try:
            with _short(layout.control) as path:
                connection.connect(path)
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as lines:
                said = lines.readline()
        except _NOBODY as error:
            raise NotRunning(f"cluster {layout.name!r} is not up; 'podling up' starts it") from error
        except TimeoutError as error:
            raise NotRunning(f"cannot {what}: no answer after {limit:.0f} s") from error
    if not said:
        raise NotRunning(f"cannot {what}: the cluster's process went away")
    reply: dict[str, Any] = json.loads(said)
    return reply


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path by way of a descriptor of its folder."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
