"""What schemathesis makes of the published OpenAPI, sent over HTTPS: no error of the server, and every answer is as the document says.

A sample of the operations in every run, always the same; all of them among the long tests.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
import socket
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from fuzz_values import STORED, as_bytes, least, name_of
from fuzz_world import ADMIN, DELIBERATE, EPOCH, Errors, NoNodes, signing_key
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from podling.aio.clock import LoopClock
from podling.apiserver.config import Config, TlsFiles
from podling.apiserver.server import ApiServer
from podling.apiserver.tls import server_context
from podling.cluster import pki
from podling.store.memory import MemoryStore

SAMPLE = 25
"""One operation in so many is tried in every run."""
PATIENCE = 60.0
# Not held to the document, as upstream's answers would not pass either: deletions, which answer with a Status or with the object, and Events, whose eventTime may be null.
SLOW = ("watch", "follow", "timeoutSeconds", "timeout")
"""Options that make an answer wait."""
BY_PLURAL = {row.plural: row for row in STORED}


@dataclass
class Listening:
    """A server behind TLS on loopback, on a loop and a thread of its own."""

    folder: Path
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    session: requests.Session = field(default_factory=requests.Session)
    errors: Errors = field(default_factory=Errors)
    sent: int = 0

    def __enter__(self) -> Listening:
        self._thread = threading.Thread(target=self.loop.run_forever, name="API server")
        self._thread.start()
        logging.getLogger().addHandler(self.errors)
        self.url = self._wait(self._start())
        self.session.headers["Authorization"] = "Bearer sesame"
        self.session.trust_env = False
        self.session.verify = str(self._files.ca_file)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self.errors)
        self.session.close()
        self._wait(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _wait(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(PATIENCE)

    async def _start(self) -> str:
        self._files = files = pki.Pki(self.folder, now=datetime.datetime.now(datetime.UTC))
        files.ensure_authority()
        names = pki.api_server(service_ip="10.43.0.1", addresses=[], domain="cluster.local")
        files.ensure("apiserver", names)
        self._store = MemoryStore()
        await self._store.start()
        config = Config(
            runtime_config={"api/all": "true"},
            static_tokens={"sesame": ADMIN},
            service_account_key=signing_key(),
        )
        self._server = ApiServer(
            config, store=self._store, clock=LoopClock(EPOCH), random=random.Random(7), dial=NoNodes()
        )
        await self._server.start()
        listening = socket.create_server(("127.0.0.1", 0))
        given = TlsFiles(certificate=files.certificate_file("apiserver"), key=files.key_file("apiserver"))
        await self._server.listen(listening, server_context(given, client_ca=b""))
        return f"https://localhost:{listening.getsockname()[1]}"

    async def _stop(self) -> None:
        await self._server.close()
        await self._store.close()

    def furnish(self) -> None:
        """One object of every kind."""
        self._post("/api/v1/namespaces", as_bytes({"metadata": {"name": "default"}}))
        for row in STORED:
            self._post(row.url("default"), as_bytes(least(row, 0)))

    def _post(self, path: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        self.session.post(self.url + path, body, headers=headers, timeout=PATIENCE)

    def operations(self) -> list[Any]:
        """Every operation that the server publishes, group by group."""
        index = self.session.get(f"{self.url}/openapi/v3", timeout=PATIENCE).json()["paths"]
        found = []
        for path in sorted(index):
            raw = self.session.get(self.url + index[path]["serverRelativeURL"], timeout=PATIENCE).json()
            found += [each.ok() for each in schemathesis.openapi.from_dict(raw).get_all_operations()]
        return found

    def try_out(self, operation: Any, *, examples: int) -> None:
        """Send that many requests of an operation."""

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(), st.integers(0, 3))
        def run(case: Any, lot: int) -> None:
            self._send(case, is_at_home=lot > 0)

        run()

    def _send(self, case: Any, *, is_at_home: bool) -> None:
        if is_at_home:
            self._bring_home(case)
        for name in SLOW:
            case.query.pop(name, None)
        self.sent += 1
        answer = case.call(
            base_url=self.url, session=self.session, timeout=PATIENCE, verify=self.session.verify
        )
        found, self.errors.found = self.errors.found, []
        assert not found, found[0]
        assert answer.status_code < 500 or answer.status_code in DELIBERATE, answer.text
        if (
            answer.status_code in (200, 201)
            and case.method != "DELETE"
            and "/events" not in case.operation.path
        ):
            case.validate_response(answer, checks=(content_type_conformance, response_schema_conformance))

    @staticmethod
    def _bring_home(case: Any) -> None:
        """To what is there: the namespace `default`, and the object that `furnish` made."""
        parts = case.operation.path.split("/")
        for name in case.path_parameters:
            if name == "namespace":
                case.path_parameters[name] = "default"
            elif name == "name" and (row := BY_PLURAL.get(parts[parts.index("{name}") - 1])) is not None:
                case.path_parameters[name] = name_of(row, 0)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    with Listening(tmp_path) as made:
        made.furnish()
        yield made


def test_a_sample_of_what_is_published_can_be_asked(listening):
    operations = listening.operations()
    for operation in operations[::SAMPLE]:
        listening.try_out(operation, examples=3)
    assert listening.sent >= 2 * len(operations) // SAMPLE


@pytest.mark.long
def test_all_that_is_published_can_be_asked(listening):
    for operation in listening.operations():
        listening.try_out(operation, examples=10)
    assert listening.sent > 5000
