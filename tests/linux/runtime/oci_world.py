"""What tests of the OCI runtime share: a runtime over a folder of its own, and the check that nothing is left of it."""

import asyncio
import fcntl
import os
import secrets
import socket
import struct
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from podling.runtime import linux
from podling.runtime.cgroups import detect
from podling.runtime.images import ImageStore
from podling.runtime.oci import OciConfig, OciRuntime
from podling.testing.runtime_suite import World


@dataclass
class LoopbackNetwork:
    """The least a sandbox needs: ``lo`` up.  ``attached`` tells what was not taken back."""

    attached: set = field(default_factory=set)

    async def attach(self, sandbox_id, netns, config):
        await asyncio.to_thread(_in_thread, _loopback_up, netns)
        self.attached.add(sandbox_id)
        return ("127.0.0.1",)

    async def detach(self, sandbox_id):
        self.attached.discard(sandbox_id)

    async def addresses(self, sandbox_id):
        return ("127.0.0.1",) if sandbox_id in self.attached else ()


def _in_thread(function, *args):
    """In a thread of its own, which may change namespaces."""
    failure = []

    def run():
        try:
            function(*args)
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def _loopback_up(netns):
    with linux.entered(netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


class Machine:
    """One state folder and group root on this machine, and the runtimes that drive it one after the other."""

    def __init__(self, folder, *, runtime=""):
        self.images = ImageStore(folder / "images")
        self.network = LoopbackNetwork()
        self.config = OciConfig(
            state_dir=folder / "node",
            cgroup_root=f"podling-test-oci-{secrets.token_hex(4)}/node",
            runtime=runtime,
        )
        self.folder = folder

    def new(self):
        return OciRuntime(self.config, images=self.images, network=self.network)

    @asynccontextmanager
    async def world(self):
        await self.images.start()
        image = await self.images.busybox()
        runtime = self.new()
        await runtime.start()

        async def restart(meanwhile):
            await world.runtime.close()
            await meanwhile()
            world.runtime = self.new()
            await world.runtime.start()
            return world.runtime

        world = World(runtime=runtime, image=image.id, logs=self.folder / "logs", restart=restart)
        try:
            yield world
        finally:
            await self.clear(world.runtime)
            self.check_nothing_left()

    async def clear(self, runtime):
        for box in await runtime.list_sandboxes():
            await runtime.remove_sandbox(box.id)
        await runtime.close()

    def check_nothing_left(self):
        with open("/proc/self/mountinfo") as file:
            left = [line.split()[4] for line in file if str(self.folder) in line]
        assert left == []
        top = self.config.cgroup_root.split("/")[0]
        assert [h.mountpoint for h in detect().hierarchies if Path(h.mountpoint, top).exists()] == []
        for name in ("live", "writable", "known"):
            assert os.listdir(self.config.state_dir / name) == []
        assert self.network.attached == set()
        assert _processes_mentioning(str(self.config.state_dir)) == []


def _processes_mentioning(text):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append((int(entry), line))
    return found
