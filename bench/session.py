"""A bare HTTP session from any kubeconfig: the load programs use nothing of Podling, so that they measure any server."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml


class Api:
    """Calls on one API server; every call raises ``SystemExit`` with the server's words unless it succeeds."""

    def __init__(self, session: aiohttp.ClientSession, server: str, tls: ssl.SSLContext) -> None:
        self.session = session
        self.server = server
        self.tls = tls
        """For clients that open connections of their own; they send the headers of ``session``, too."""

    async def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> bytes:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        async with self.session.request(method, self.server + path, data=data, headers=headers) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
            return content

    async def namespace(self, prefix: str) -> str:
        """Make a namespace and wait for its default ServiceAccount."""
        name = f"{prefix}{time.time_ns() // 1000000}"
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        await self.call(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        )
        version = json.loads(await self.call("GET", accounts))
        if not version["items"]:
            since = version["metadata"]["resourceVersion"]
            async for _ in self.watch(accounts, since=since):
                break
        return name

    async def watch(self, path: str, *, since: str) -> AsyncIterator[dict[str, Any]]:
        """Every change under ``path`` after ``since``."""
        async with self.session.get(f"{self.server}{path}?watch=1&resourceVersion={since}") as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)


@asynccontextmanager
async def connect(kubeconfig: Path) -> AsyncIterator[Api]:
    """The API server of the current context."""
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:
        certificate = _file(user, "client-certificate", Path(folder))
        if certificate:
            tls.load_cert_chain(certificate, _file(user, "client-key", Path(folder)))
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=1200)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
        yield Api(session, cluster["server"], tls)


async def measure(count: int, action: Callable[[int], Awaitable[Any]], *, clients: int) -> dict[str, float]:
    """Run ``action(0..count-1)`` with ``clients`` at once: rate in 1/s, latencies in ms."""
    numbers = iter(range(count))
    times: list[float] = []

    async def client() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await action(number)
            times.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    taken = time.perf_counter() - begun
    return {"per_s": round(count / taken, 1), **percentiles(times)}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    at = {"p50_ms": len(ordered) // 2, "p99_ms": int(len(ordered) * 0.99), "max_ms": len(ordered) - 1}
    return {name: round(1000 * ordered[index], 2) for name, index in at.items()}


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _file(user: dict[str, Any], field: str, folder: Path) -> str | None:
    if inline := user.get(f"{field}-data"):
        path = folder / field
        path.write_bytes(base64.b64decode(inline))
        return str(path)
    found = user.get(field)
    return str(found) if found else None
