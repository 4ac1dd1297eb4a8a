"""What tests of the CRI runtime share: a containerd of their own, a node on it, and the check that nothing is left.

containerd is started with root, state and sockets in the test's folder and touches nothing outside but cgroups, which carry
the folder's name, and /run/containerd (its shims' sockets).  Debian's package `containerd` brings it.
"""

import os
import secrets
import shutil
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path

from oci_world import LoopbackNetwork

from podling.runtime import linux
from podling.runtime.cgroups import detect
from podling.runtime.cri.config import CriConfig
from podling.runtime.cri.images import PAUSE, CriImages
from podling.runtime.cri.runtime import CriRuntime
from podling.testing.runtime_suite import World

MISSING = shutil.which("containerd") is None
LIMIT = 60.0

CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
temp = "{folder}/temp"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "{folder}/sock"
[plugins."io.containerd.grpc.v1.cri"]
stream_server_address = "127.0.0.1"
stream_server_port = "0"
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true
sandbox_image = "{pause}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{cni}"
conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.other]
runtime_type = "io.containerd.runc.v2"
"""


class Containerd:
    """A containerd whose files lie in ``folder`` (a short path: sockets' names end at 107 bytes)."""

    def __init__(self, folder: Path, *, cni: Path) -> None:
        self.folder = folder
        self._cni = cni
        self._process: subprocess.Popen | None = None

    @property
    def endpoint(self) -> str:
        return f"unix://{self.folder}/sock"

    def start(self) -> None:
        """Return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.toml"
        config.write_text(CONFIG.format(folder=self.folder, cni=self._cni, pause=PAUSE))
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                ["containerd", "--config", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        latest = time.monotonic() + LIMIT
        asked = ["ctr", "--address", str(self.folder / "sock"), "version"]
        while subprocess.run(asked, capture_output=True, timeout=LIMIT, check=False).returncode:
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < latest, self.log()

    def stop(self) -> None:
        """End it; what it ran runs on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(LIMIT)
            self._process = None

    def remove(self) -> None:
        """Take away its files; every Pod must be gone."""
        self.stop()
        for target in reversed(mounted_below(self.folder)):
            linux.unmount(target)
        shutil.rmtree(self.folder)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


class Node:
    """A node's folder and group on a containerd, and the runtimes that drive it one after the other."""

    def __init__(self, folder: Path, containerd: Containerd, *, cni: Path) -> None:
        self.network = LoopbackNetwork()
        self.containerd = containerd
        self.config = CriConfig(
            endpoint=containerd.endpoint,
            owner=f"test/{secrets.token_hex(4)}",
            state_dir=cni.parent,
            cgroup_root=f"podling-test-cri-{secrets.token_hex(4)}/node",
        )
        self.folder = folder

    def new(self) -> CriRuntime:
        return CriRuntime(self.config, network=self.network)

    @asynccontextmanager
    async def world(self):
        images = CriImages(self.config.endpoint)
        await images.start()
        image = await images.resolve("busybox")
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
            for box in await world.runtime.list_sandboxes():
                await world.runtime.remove_sandbox(box.id)
            await world.runtime.close()
            await images.close()
            self.check_nothing_left()

    def check_nothing_left(self) -> None:
        top = self.config.cgroup_root.split("/")[0]
        assert [h.mountpoint for h in detect().hierarchies if Path(h.mountpoint, top).exists()] == []
        assert self.network.attached == set()
        left = [
            path for path in mounted_below(self.containerd.folder) if "/rootfs" in path or "netns" in path
        ]
        assert left == []


def mounted_below(folder: Path) -> list[str]:
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file if line.split()[4].startswith(f"{folder}/")]


def shims(folder: Path) -> list[int]:
    """The shims of a containerd."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "containerd-shim" in line and str(folder) in line:
                found.append(int(name))
    return found
