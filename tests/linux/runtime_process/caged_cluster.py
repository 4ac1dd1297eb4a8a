"""A cluster run from a cage (see ``cage``): the command line as a user there would type it, and a look inside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cage
import pytest

import podling
from podling.client import Client
from podling.client.exec import ExecOutcome, run_in_container
from podling.client.http import HttpTransport
from podling.cluster import access
from podling.cluster.layout import Layout

LIMIT = 60.0
HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
_SOURCES = Path(podling.__file__).parents[1]
_START = "from podling.cli.main import main; main()"


@dataclass
class Caged:
    """``kind`` of ``cage``; everything is below ``folder``, which belongs to the caged user."""

    kind: str
    name: str
    folder: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "data", self.name)

    def podling(self, verb: str, *arguments: str, code: int = 0) -> str:
        """What the command prints; it must end with ``code``."""
        naming = ("--name", self.name, "--data-dir", str(self.layout.data_dir))
        ordinary = self.kind in ("user", "rootless")
        command = [
            *(sys.executable, str(HERE / "cage.py"), self.kind),
            *(python_for_everybody() if ordinary else sys.executable, "-c", _START),
            *(verb, *arguments, *naming),
        ]
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LIMIT * 2,
        )
        assert done.returncode == code, done.stdout + done.stderr + self._log()
        return done.stdout + done.stderr

    def up(self) -> str:
        return self.podling("up", "--kubeconfig", str(self.folder / "kubeconfig"), "--port", "0")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        transport = HttpTransport(access.address(self.layout))
        async with Client(transport, user_agent="test", field_manager="test") as client:
            yield client

    async def run(self, pod: str, container: str, *command: str) -> ExecOutcome:
        return await run_in_container(
            access.address(self.layout), command, namespace="default", pod=pod, container=container
        )

    def processes(self) -> list[int]:
        """All that was started for this cluster: its folder stands in their command or environment."""
        mark = os.fsencode(self.folder)
        return [pid for pid in _everybody() if mark in _told(pid, "cmdline") + _told(pid, "environ")]

    def _log(self) -> str:
        """The end of what the cluster's process said, for whoever reads why a test failed."""
        with contextlib.suppress(OSError):
            return self.layout.log.read_text()[-4000:]
        return ""

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{_SOURCES}:{_site_packages()}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@contextmanager
def caged(kind: str) -> Iterator[Caged]:
    """Nothing of the cluster is left afterwards, whatever the test did; a process that is fails the test."""
    folder = Path(tempfile.mkdtemp(prefix=f"podling-{kind}-"))
    made = Caged(kind, f"c{os.getpid()}-{kind}", folder)
    try:
        folder.chmod(0o755)
        if kind in ("user", "rootless"):
            os.chown(folder, cage.USER, cage.USER)
        yield made
    finally:
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            made.podling("delete")
        asyncio.run(until(lambda: not made.processes()))
        shutil.rmtree(folder)


async def until(condition: Callable[[], Any]) -> None:
    """Return when the condition holds.  For what happens in other processes, which tell nobody of it."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def python_for_everybody() -> str:
    """A Python of our version that ordinary users may run too, where ours lies in somebody's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (os.path.realpath(sys.executable), f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if os.path.exists(candidate) and _open_to_all(Path(candidate)):
            return candidate
    pytest.skip(f"no {version} that ordinary users may run (apt-get install {version})")


def sources_open_to_all() -> bool:
    return _open_to_all(_SOURCES) and _open_to_all(_site_packages())


def _site_packages() -> Path:
    import msgspec

    return Path(msgspec.__file__).parents[1]


def _open_to_all(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _everybody() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _told(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
