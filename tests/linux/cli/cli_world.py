"""The command line as a user has it: real processes, a cluster of the test's own, and the check that nothing is left."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from podling.api.types import core_v1
from podling.cli import session
from podling.cluster.layout import Layout
from podling.network.naming import Names
from podling.runtime.cgroups import detect

LIMIT = 60.0
PODLING = str(Path(sys.executable).with_name("podling"))
BETWEEN_NODES = "/"
EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs ``podling COMMAND --name ... --data-dir ...``; kubectl's files and the home folder are the test's own."""

    name: str
    folder: Path
    more: list[str] = field(default_factory=list)

    @property
    def data_dir(self):
        return self.folder / "data"

    @property
    def kubeconfig(self):
        return self.folder / "kubeconfig"

    @property
    def layout(self):
        return Layout(self.data_dir, self.name)

    @property
    def environment(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "KUBECONFIG": str(self.kubeconfig),
            "LANG": "C.UTF-8",
        }

    def command(self, *words):
        return [PODLING, words[0], "--name", self.name, "--data-dir", str(self.data_dir), *words[1:]]

    def __call__(self, *words, code=0, input="", env=None):
        """Run a command to its end; ``code`` is the exit code that it must have."""
        done = self.raw(*self.command(*words), input=input, env=env)
        assert done.code == code, f"{words}: exit code {done.code}\n{done.out}\n{done.err}"
        return done

    def raw(self, *argv, input="", env=None):
        done = subprocess.run(
            argv,
            input=input,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env={**self.environment, **(env or {})},
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def up(self, *words):
        ranges = free_ranges(self.name)
        return self("up", "--port", "0", "--cluster-cidr", ranges[0], "--service-cidr", ranges[1], *words)

    def up_with_nodes(self, count, *words):
        """As many nodes as one wants up to four, each with a range of its own."""
        pods, services = wide_ranges(self.name)
        ranges = ("--cluster-cidr", pods, "--service-cidr", services)
        return self("up", "--port", "0", *ranges, "--nodes", str(count), *words)

    def node(self, verb, *words, code=0):
        """``podling node VERB ...``; the exit code must be ``code``."""
        named = ("--name", self.name, "--data-dir", str(self.data_dir))
        done = self.raw(PODLING, "node", verb, *named, *words)
        assert done.code == code, f"node {verb} {words}: exit code {done.code}\n{done.out}\n{done.err}"
        return done

    def kubectl(self, *words, input=""):
        """kubectl's output; it must succeed."""
        done = self.raw("kubectl", "--kubeconfig", str(self.layout.kubeconfig), *words, input=input)
        assert done.code == 0, f"kubectl {words}: {done.out}\n{done.err}"
        return done.out

    def status(self):
        return self("status", "-o", "json").document

    def pod(self, name):
        return self("get", "pods", name, "-o", "json").document

    def wait_ready(self, name, *, restarts=0):
        """Watch until the Pod is Ready with that many restarts in all; the Pod."""

        async def follow(client):
            pods, selector = client.resource(core_v1.Pod), f"metadata.name={name}"
            async with asyncio.timeout(LIMIT):
                page = await pods.list(namespace="default", field_selector=selector)
                if any(is_ready(pod, restarts) for pod in page.items):
                    return
                changes = pods.watch(
                    namespace="default", field_selector=selector, resource_version=page.resource_version
                )
                async for event in changes:
                    if is_ready(event.object, restarts):
                        await changes.aclose()
                        return

        session.run(self.layout, follow)
        return self.pod(name)

    def kill(self):
        """``kill -9`` of the cluster's process, waited for."""
        pid = self.status()["pid"]
        descriptor = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            ended, _, _ = select.select([descriptor], [], [], LIMIT)
            assert ended, "the process did not end"
        finally:
            os.close(descriptor)

    def check_nothing_left(self):
        left = Leftovers(self.layout, self.name).found()
        assert left == {}, left


class Leftovers:
    """What a cluster leaves on the machine, by where it was found."""

    def __init__(self, layout, node):
        self.layout = layout
        nodes = [node, *(f"{node}-{number}" for number in range(2, 5)), BETWEEN_NODES]
        self.names = [Names(layout.identity, one) for one in nodes]

    def found(self):
        looks = {
            "mounts": self.mounts,
            "links": self.links,
            "tables": self.tables,
            "routes": self.routes,
            "cgroups": self.cgroups,
            "processes": self.processes,
            "files": self.files,
        }
        return {name: left for name, look in looks.items() if (left := look())}

    def mounts(self):
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line for line in lines if str(self.layout.cluster) in line]

    def links(self):
        return [
            name
            for name in os.listdir("/sys/class/net")
            if any(name == names.bridge or names.is_veth(name) for names in self.names)
        ]

    def tables(self):
        listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if self.names[0].table in line]

    def routes(self):
        text = subprocess.run(["ip", "route", "show"], capture_output=True, text=True, check=True).stdout
        numbers = [f"metric {names.number}" for names in self.names]
        return [line for line in text.splitlines() if any(number in line for number in numbers)]

    def cgroups(self):
        tops = [Path(h.mountpoint, "podling", self.layout.identity) for h in detect().hierarchies]
        return [str(path) for path in tops if path.exists()]

    def processes(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            except OSError:
                continue
            if str(self.layout.cluster) in words or f"{self.layout.data_dir} {self.layout.name} " in words:
                found.append(words)
        return found

    def files(self):
        return [str(self.layout.cluster)] if self.layout.cluster.exists() else []


def wide_ranges(name):
    """As ``free_ranges``, with room for four nodes."""
    number = int(re.sub(r"[^0-9a-f]", "", name)[-6:], 16)
    first = ipaddress.IPv4Address("10.176.0.0") + (number % 1024) * 2048
    return f"{first}/22", f"{first + 1024}/22"


def is_ready(pod, restarts):
    status = pod.status
    counted = sum(one.restart_count for one in status.container_statuses or ())
    ready = any(one.type == "Ready" and one.status == "True" for one in status.conditions or ())
    return ready and counted >= restarts


def free_ranges(name):
    """A pair of ranges from the test's own name, so that runs side by side do not meet on the machine's routes."""
    number = int(re.sub(r"[^0-9a-f]", "", name)[-6:], 16)
    first = ipaddress.IPv4Address("10.144.0.0") + (number % 2048) * 1024
    return f"{first}/23", f"{first + 512}/23"
