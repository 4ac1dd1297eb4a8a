"""A server behind TLS and a kubeconfig for it: all that a client knows of a cluster."""

from __future__ import annotations

import base64
import datetime
import json
import random
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podling.apiserver.config import Config, TlsFiles
from podling.apiserver.server import ApiServer
from podling.apiserver.tls import server_context
from podling.cluster import pki
from podling.store.memory import MemoryStore


class WallClock:
    """Clients judge what they are told by the real time."""

    def now(self) -> float:
        return datetime.datetime.now(datetime.UTC).timestamp()


class NoNodes:
    """A dialer in a world without nodes."""

    async def connect(self, node_name: str) -> Any:
        raise AssertionError(f"nobody should ask for node {node_name}")


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Dynamic clients cache what they discover in the machine's temporary folder and never remove it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> pki.Pki:
    made = pki.Pki(tmp_path_factory.mktemp("pki"), now=datetime.datetime.now(datetime.UTC))
    made.ensure_authority()
    made.ensure("apiserver", pki.api_server(service_ip="10.43.0.1", addresses=[], domain="cluster.local"))
    made.ensure("admin", pki.ADMIN)
    return made


@pytest.fixture
async def server(certificates: pki.Pki) -> AsyncIterator[str]:
    """The address of a server, https://localhost:port."""
    ca = certificates.ca_file.read_bytes()
    store = MemoryStore()
    await store.start()
    config = Config(
        client_ca=ca, cluster_ca=ca, service_account_key=certificates.signing_key_file.read_bytes()
    )
    served = ApiServer(config, store=store, clock=WallClock(), random=random.Random(7), dial=NoNodes())
    files = TlsFiles(
        certificate=certificates.certificate_file("apiserver"), key=certificates.key_file("apiserver")
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    try:
        await served.start()
        await served.listen(listening, server_context(files, client_ca=ca))
        yield f"https://localhost:{listening.getsockname()[1]}"
    finally:
        await served.close()
        await store.close()


@pytest.fixture
def kubeconfig(server: str, certificates: pki.Pki, tmp_path: Path) -> Path:
    """The administrator's way in, with a client certificate."""

    def packed(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    user = {
        "client-certificate-data": packed(certificates.certificate_file("admin")),
        "client-key-data": packed(certificates.key_file("admin")),
    }
    cluster = {"server": server, "certificate-authority-data": packed(certificates.ca_file)}
    context = {"cluster": "test", "user": "test", "namespace": "default"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": context}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def deployment() -> dict[str, Any]:
    """A small Deployment, as YAML would say it."""
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
            },
        },
    }
