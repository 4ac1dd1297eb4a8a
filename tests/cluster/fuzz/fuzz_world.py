"""A whole API server in virtual time that many made-up requests are sent to, and what has to hold for every answer.

No answer is an error of the server, none takes long, nothing is logged as an error, every answer can be read, and no header holds what would
break a response in two.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fuzz_values import STORED

from podling.aio.clock import LoopClock
from podling.api import errors
from podling.apiserver.audit.log import Rotation
from podling.apiserver.audit.policy import load
from podling.apiserver.config import Audit, Config
from podling.apiserver.request import Query, Request, Response, UserInfo
from podling.apiserver.server import ApiServer
from podling.store.memory import MemoryStore
from podling.testing.virtualtime import VirtualTimeLoop

Body = bytes | dict[str, Any] | list[Any] | None
ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
EVE = UserInfo("eve", uid="7", groups=("system:authenticated",), extra={"scopes": ("a",)})
EPOCH = 1_700_000_000.0
MAX_CPU_SECONDS = 5.0
MAX_SECONDS = 100_000.0
"""In virtual time: more than the longest watch."""
DELIBERATE = (503, 504)
"""Answers on behalf of others: there are no nodes and no endpoints here."""
EVERYTHING = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: RequestResponse}]
"""


class NoNodes:
    """A dialer in a world without nodes."""

    async def connect(self, node_name: str) -> Any:
        raise errors.ServiceUnavailable(f"there is no node {node_name}")

    async def read(self, node_name: str, path: str) -> str:
        raise errors.ServiceUnavailable(f"there is no node {node_name}")


class Answer:
    """A response that was read to its end."""

    def __init__(self, response: Response, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.content_type = response.content_type
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:1500].decode(errors='replace')}>"


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


def asking(
    method: str,
    path: str,
    /,
    body: Body = None,
    *,
    content_type: str = "application/json",
    accept: str = "",
    user: UserInfo = ADMIN,
    headers: dict[str, str] | None = None,
    **query: str,
) -> Request:
    """A request; one that was sent cannot be sent again."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    path, _, raw = path.partition("?")
    asked = Query.parse("&".join(part for part in (raw, urlencode(query)) if part))
    sent = {"user-agent": "fuzz/1.0", **(headers or {})}
    if data:
        sent["content-type"] = content_type
    if accept:
        sent["accept"] = accept
    return Request(method, path, asked, sent, data, user=user)


def signing_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form)


class World:
    """One server for many inputs; `sent` counts them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.loop = VirtualTimeLoop()
        self.folder = folder
        self.sent = 0
        self.statuses: dict[int, int] = {}
        self._errors = Errors()
        self._settings = settings
        self._count = 0

    def __enter__(self) -> World:
        logging.getLogger().addHandler(self._errors)
        self.loop.run_until_complete(self._start())
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": "default"}})
        self.call("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self._errors)
        self.loop.run_until_complete(self._stop())
        self.loop.close()

    async def _start(self) -> None:
        self._store = MemoryStore()
        await self._store.start()
        audit = Audit(
            policy=load(EVERYTHING),
            log=self.folder / "audit.log",
            rotation=Rotation(max_size=1, max_backups=1),
        )
        config = Config(
            runtime_config={"api/all": "true"},
            audit=audit,
            watch_seconds=60,
            service_account_key=signing_key(),
            **self._settings,
        )
        self.server = ApiServer(
            config, store=self._store, clock=LoopClock(EPOCH), random=random.Random(7), dial=NoNodes()
        )
        await self.server.start()
        served = self.server._services.resources
        self.rows = tuple(
            row for row in STORED if served.find(row.group, row.version, row.plural) is not None
        )

    async def _stop(self) -> None:
        await self.server.close()
        await self._store.close()

    def number(self) -> int:
        """A number that no object has in its name yet."""
        self._count += 1
        return self._count

    def call(self, method: str, path: str, /, body: Body = None, **more: Any) -> Answer:
        """Send one request and hold its answer to what every answer must be; `more` as `asking` takes it."""
        (answer,) = self.together([asking(method, path, body, **more)])
        return answer

    def together(self, requests: Sequence[Request]) -> list[Answer]:
        """Send requests at once and hold each answer to what every answer must be."""
        self.sent += len(requests)
        started = time.process_time()
        answers = self.loop.run_until_complete(self._answers(requests))
        taken = (time.process_time() - started) / len(requests)
        for request, answer in zip(requests, answers, strict=True):
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            told = f"{request.method} {request.path}?{request.query} {request.headers}"
            self._check(answer, f"{told} {request.body[:3000]!r}", taken)
        return answers

    async def _answers(self, requests: Sequence[Request]) -> list[Answer]:
        async with asyncio.TaskGroup() as group:
            under_way = [group.create_task(self._answer(each), name=each.path) for each in requests]
        return [each.result() for each in under_way]

    async def _answer(self, request: Request) -> Answer:
        async with asyncio.timeout(MAX_SECONDS):
            response = await self.server.handle(request)
            if isinstance(response.body, bytes):
                return Answer(response, response.body)
            if not hasattr(response.body, "__aiter__"):  # an upgrade that nobody waits for
                return Answer(response, b"{}")
            chunks: Any = response.body
            read = b"".join([chunk async for chunk in chunks])
            await chunks.aclose()
            return Answer(response, read)

    def _check(self, answer: Answer, asked: str, taken: float) -> None:
        found, self._errors.found = self._errors.found, []
        assert not found, f"{asked}\n -> {answer}\n{found[0]}"
        assert answer.status < 500 or answer.status in DELIBERATE, f"{asked}\n -> {answer}"
        assert taken < MAX_CPU_SECONDS, f"{asked}\n -> {answer} after {taken:.1f} s"
        for name, value in answer.headers.items():
            assert value.isprintable(), f"{asked}\n -> {name}: {value!r}"
        if answer.content_type == "application/json" and answer.status >= 400:
            said = answer.json
            assert (said["kind"], said["code"], said["status"]) == ("Status", answer.status, "Failure"), asked
        elif answer.content_type == "application/yaml":
            yaml.load(answer.body, Loader=yaml.CSafeLoader)
        elif answer.content_type == "application/json":
            is_stream = not answer.body or answer.body.startswith(b'{"type"')
            for document in answer.body.splitlines() if is_stream else [answer.body]:
                json.loads(document)

    def rest(self) -> None:
        """Let the server do what it does by itself."""
        self.loop.run_until_complete(asyncio.sleep(1))

    def remove(self, url: str) -> None:
        """Delete an object whatever holds it back."""
        answer = self.call("DELETE", url, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        if answer.status == 200 and self.call("GET", url).status == 200:
            self.call(
                "PATCH", url, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json"
            )
