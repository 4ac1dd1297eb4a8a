"""Watch fan-out and what it costs the server: ``fanout.py KUBECONFIG [--watchers N] [--changes N] [--writers N] [--pid PID]``.

The client of ``api.py`` decodes every event and shares the machine with the server, so it measures both.  This one reads
bytes from bare sockets and counts lines: what it shows is the server's own limit.  One writer waits for the answer
before it sends the next change, as there; several keep the server busy.  With the server's process id, the processor
time that it spent is told too, which others on the machine do not falsify.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from session import Api, connect, percentiles

WATCHERS, CHANGES = 50, 200
PIECE = 1 << 18
PATIENCE = 60.0


@dataclass(slots=True)
class Watcher:
    """One open watch: how many events have come."""

    wire: ssl.SSLSocket
    lines: int = 0
    _last: bytes = b""

    def read(self) -> int:
        """Take what has come; returns the bytes read.  A line ends in LF alone, the chunks around it in CRLF."""
        total = 0
        while True:
            try:
                data = self.wire.recv(PIECE)
            except ssl.SSLWantReadError:
                return total
            if not data:
                raise SystemExit("the server ended a watch")
            total += len(data)
            self.lines += data.count(b"\n") - (self._last + data).count(b"\r\n")
            self._last = b"\r" if data.endswith(b"\r") else b""


@dataclass(slots=True)
class Writer:
    """One connection that sends a change as soon as the last one is answered."""

    wire: ssl.SSLSocket
    head: str
    name: str
    left: int
    _sent: float = 0.0
    answered: list[float] = field(default_factory=list)
    """Seconds from each change to its answer."""

    def write(self) -> None:
        body = json.dumps({"data": {"t": str(time.time())}})
        self._sent = time.perf_counter()
        self.wire.sendall(f"PATCH {self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.left -= 1

    def read(self) -> None:
        try:
            answer = self.wire.recv(PIECE)
        except ssl.SSLWantReadError:
            return
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"PATCH: {answer[:300]!r}")
        self.answered.append(time.perf_counter() - self._sent)
        if self.left:
            self.write()


class Load:
    """Watchers and writers on bare TLS connections to one server."""

    def __init__(self, api: Api, path: str) -> None:
        self._place = urlsplit(api.server)
        self._path = path
        headers = {"Host": self._place.netloc, **api.session.headers}
        self._headers = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        self._tls = api.tls
        self.open: list[ssl.SSLSocket] = []

    def watcher(self, since: str) -> Watcher:
        """An open watch from ``since``, its head answered."""
        wire = self._connect()
        wire.sendall(
            f"GET {self._path}?watch=1&resourceVersion={since} HTTP/1.1\r\n{self._headers}\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += wire.recv(PIECE)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"watch: {head[:300]!r}")
        wire.setblocking(False)
        return Watcher(wire)

    def writer(self, name: str, changes: int) -> Writer:
        wire = self._connect()
        head = (
            f"{self._path}/{name} HTTP/1.1\r\n{self._headers}Content-Type: application/merge-patch+json\r\n"
        )
        return Writer(wire, head, name, changes)

    def run(self, watchers: list[Watcher], writers: list[Writer], *, events: int) -> int:
        """Until every watcher has seen ``events``; returns the bytes that it took for all."""
        size, missing = 0, len(watchers)
        with selectors.DefaultSelector() as selector:
            for each in (*watchers, *writers):
                each.wire.setblocking(False)
                selector.register(each.wire, selectors.EVENT_READ, each)
            for writer in writers:
                writer.write()
            while missing:
                ready = selector.select(PATIENCE)
                if not ready:
                    raise SystemExit(f"after {PATIENCE:.0f} s {missing} watchers still wait for events")
                for key, _ in ready:
                    if isinstance(key.data, Writer):
                        key.data.read()
                        continue
                    before = key.data.lines
                    size += key.data.read()
                    missing -= before < events <= key.data.lines
        return size

    def close(self) -> None:
        for wire in self.open:
            wire.close()

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self._place.hostname, self._place.port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = self._tls.wrap_socket(plain, server_hostname=self._place.hostname)
        self.open.append(wire)
        return wire


def processor_seconds(pid: int) -> float:
    """What a process has spent so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def run(api: Api, *, watchers: int, changes: int, writers: int, pid: int = 0) -> dict[str, float]:
    """``changes`` changes by ``writers`` clients, each seen by ``watchers`` watchers."""
    namespace = await api.namespace("fanout")
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(writers):
        await api.call("POST", path, {"metadata": {"name": f"w{number}"}, "data": {"t": "0"}})
    since = json.loads(await api.call("GET", path))["metadata"]["resourceVersion"]
    load = Load(api, path)
    try:
        figures = await asyncio.to_thread(_measured, load, since, watchers, _shares(changes, writers), pid)
    finally:
        load.close()
        await api.call("DELETE", f"/api/v1/namespaces/{namespace}")
    return figures


def _measured(load: Load, since: str, watchers: int, shares: list[int], pid: int) -> dict[str, float]:
    before = resident_bytes(pid) if pid else 0
    watching = [load.watcher(since) for _ in range(watchers)]
    figures: dict[str, float] = {}
    if pid:
        figures["bytes_per_watcher"] = (resident_bytes(pid) - before) // max(1, watchers)
    writing = [load.writer(f"w{number}", share) for number, share in enumerate(shares)]
    changes = sum(shares)
    spent, began = processor_seconds(pid) if pid else 0.0, time.perf_counter()
    size = load.run(watching, writing, events=changes)
    taken = time.perf_counter() - began
    figures |= {"per_s": round(changes * watchers / taken), "event_bytes": size // max(1, changes * watchers)}
    answered = percentiles([seconds for writer in writing for seconds in writer.answered])
    figures |= {f"answer_{name}": value for name, value in answered.items()}
    if pid:
        spent = processor_seconds(pid) - spent
        figures["cpu_us_per_change"] = round(1e6 * spent / changes, 1)
        figures["cpu_us_per_event"] = round(1e6 * spent / changes / watchers, 2)
    return figures


def _shares(changes: int, writers: int) -> list[int]:
    return [changes // writers + (number < changes % writers) for number in range(writers)]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("--watchers", type=int, default=WATCHERS)
    parser.add_argument("--changes", type=int, default=CHANGES)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--pid", type=int, default=0, help="the server's process, for its processor time")
    args = parser.parse_args()
    async with connect(args.kubeconfig) as api:
        options = {name: getattr(args, name) for name in ("watchers", "changes", "writers", "pid")}
        print(json.dumps(await run(api, **options)))


if __name__ == "__main__":
    asyncio.run(main())
