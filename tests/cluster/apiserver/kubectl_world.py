"""Unmodified kubectl, driven by tests."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path

import pytest

from podling.aio.spawn import run


def newest_kubectl() -> str:
    """The newest of kubectl's versions on this machine; a plain kubectl may be a wrapper that picks one by itself."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("no kubectl on this machine: the tests that drive it did NOT run")
    versions = sorted(
        Path(os.path.realpath(found)).parent.glob("kubectl.1.*"),
        key=lambda path: int(path.name.rpartition(".")[2]),
    )
    beside = sorted(
        Path("/usr/lib/google-cloud-sdk/bin").glob("kubectl.1.*"), key=lambda p: int(p.name.split(".")[-1])
    )
    return str((versions or beside or [Path(found)])[-1])


def kubectl_of(minor: int) -> str:
    """The kubectl of one minor version; older ones lie beside the newest where several are installed."""
    program = Path(newest_kubectl()).with_name(f"kubectl.1.{minor}")
    if not program.exists():
        pytest.skip(f"no kubectl 1.{minor} on this machine: what it sends was NOT tested")
    return str(program)


class Kubectl:
    def __init__(self, program, kubeconfig, home):
        self.program = program
        self.settings = {"kubeconfig": kubeconfig, "home": home}
        self.environment = {
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": os.environ["PATH"],
        }

    async def __call__(self, *arguments, input="", fails=False):
        """What a command says on both outputs; `fails` is whether it must, None where that does not matter."""
        done = await run(
            [self.program, *arguments], limit_seconds=60, input=input.encode(), env=self.environment
        )
        said = done.stdout.decode() + done.stderr.decode()
        assert fails in (None, done.returncode != 0), said
        return said


def configured(secured, folder):
    """The newest kubectl, with a kubeconfig of an administrator of that server."""

    def packed(path):
        return base64.b64encode(path.read_bytes()).decode()

    user = {
        "client-certificate-data": packed(secured.client_certificate),
        "client-key-data": packed(secured.client_key),
    }
    cluster = {"server": secured.url, "certificate-authority-data": packed(secured.ca_file)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return Kubectl(newest_kubectl(), path, folder)
