"""A real cluster as a user meets it: started by the command line, driven by unmodified kubectl."""

from __future__ import annotations

import ipaddress
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIMIT = 60.0
PODLING = str(Path(sys.executable).with_name("podling"))
EXAMPLES = Path(__file__).parents[3] / "examples"
MYAPP = str(EXAMPLES / "myapp-pod.yaml")


def installed() -> dict[int, str]:
    """Every kubectl of this machine by its minor version. A plain kubectl may be a wrapper around several."""
    found = {}
    folders = {Path("/usr/lib/google-cloud-sdk/bin")}
    plain = shutil.which("kubectl")
    if plain:
        folders.add(Path(os.path.realpath(plain)).parent)
    for folder in folders:
        for path in folder.glob("kubectl.1.*"):
            found[int(path.name.rpartition(".")[2])] = str(path)
    if not found and plain:
        said = subprocess.run(
            [plain, "version", "--client"], capture_output=True, text=True, check=True
        ).stdout
        version = re.search(r"v1\.(\d+)", said)
        if version:
            found[int(version[1])] = plain
    return dict(sorted(found.items()))


@dataclass
class Cluster:
    """A cluster of the tests' own."""

    name: str
    folder: Path

    @property
    def kubeconfig(self):
        return self.folder / "kubeconfig"

    @property
    def manifests(self):
        """The folder of static Pods."""
        return self.folder / "manifests"

    def podling(self, command, *words):
        own = ["--name", self.name, "--data-dir", str(self.folder / "data")]
        done = subprocess.run(
            [PODLING, command, *own, *words], capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self):
        first = ipaddress.IPv4Address("10.112.0.0") + int(self.name[-4:], 16) % 2048 * 1024
        ranges = ["--cluster-cidr", f"{first}/23", "--service-cidr", f"{first + 512}/23"]
        self.manifests.mkdir(exist_ok=True)
        own = ["--kubeconfig", str(self.kubeconfig), "--pod-manifest-path", str(self.manifests)]
        self.podling("up", "--port", "0", *own, *ranges)

    def delete(self):
        """Delete it and say what it left on the machine."""
        self.podling("delete")
        folder = str(self.folder / "data")
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        left = [line for line in mounts if f"{folder}/{self.name}" in line or f"{folder}/clusters" in line]
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if folder.encode() in words:
                left.append(words.replace(b"\0", b" ").decode(errors="replace"))
        return left


class Kubectl:
    """One kubectl program on one cluster."""

    def __init__(self, program, cluster):
        self.program = program
        self.environment = {
            "KUBECONFIG": str(cluster.kubeconfig),
            "HOME": str(cluster.folder / "home"),
            "TMPDIR": str(cluster.folder / "home"),
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
        }

    def run(self, *words, input="", env=None):
        return subprocess.run(
            [self.program, *words],
            input=input,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env={**self.environment, **(env or {})},
            check=False,
        )

    def __call__(self, *words, code=0, **more):
        """What a command says on both outputs; `code` is the exit code that it must have."""
        done = self.run(*words, **more)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"kubectl {words}: exit code {done.returncode}\n{said}"
        return said

    @contextmanager
    def following(self, *words):
        """A command that goes on, read line by line."""
        process = subprocess.Popen(
            [self.program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
        )
        with process:
            try:
                yield Screen(process, process.stdout.fileno())
            finally:
                process.kill()

    @contextmanager
    def at_terminal(self, *words, rows=33, columns=101):
        """A command on a terminal of its own, as a user's shell would run it."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (rows, columns))
        process = subprocess.Popen(
            [self.program, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=self.environment,
        )
        os.close(theirs)
        with process:
            try:
                yield Screen(process, ours)
            finally:
                process.kill()
                os.close(ours)

    def remove(self, *pods):
        self("delete", "pod", *pods, "--now", "--ignore-not-found", "--wait")


class Screen:
    """What a running command has written, and a keyboard where it has a terminal."""

    def __init__(self, process, descriptor):
        self.process = process
        self.text = ""
        self._descriptor = descriptor
        self._seen = 0

    def type(self, text):
        os.write(self._descriptor, text.encode())

    def wait_for(self, pattern):
        """Read on until the pattern appears behind what was waited for before; the match."""
        deadline = time.monotonic() + LIMIT
        while True:
            match = re.compile(pattern, re.MULTILINE).search(self.text, self._seen)
            if match:
                self._seen = match.end()
                return match
            assert self._read(deadline), f"{pattern!r} did not appear in:\n{self.text}"

    def wait_end(self):
        """Read until the command ends; its exit code."""
        deadline = time.monotonic() + LIMIT
        while self._read(deadline):
            pass
        return self.process.wait(LIMIT)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def _read(self, deadline):
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came within {LIMIT:.0f} s; so far:\n{self.text}"
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # a terminal whose other side has closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)
