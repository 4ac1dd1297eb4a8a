"""How fast the runtime alone makes and ends Pods: one at a time and thirty at once.  Run by hand, as root.

    .venv/bin/python bench/podfloor.py [--runtime crun|runc] [--pods 40] [--at-once 30]

A Pod here is a sandbox with a network namespace whose loopback is up, and one busybox container.  Times are from
nothing to "process running" (first line: with what the first container pays once).
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from podling.runtime.images import ImageStore
from podling.runtime.interface import ContainerConfig, SandboxConfig
from podling.runtime.oci import OciConfig, OciRuntime


class LoopbackNetwork:
    """The least a sandbox can have: ``lo`` is there by itself."""

    async def attach(self, sandbox_id: str, netns: str, config: SandboxConfig) -> tuple[str, ...]:
        with open(netns):
            return ("127.0.0.1",)

    async def detach(self, sandbox_id: str) -> None:
        return None

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        return ("127.0.0.1",)


async def pod(runtime: OciRuntime, image: str, number: int) -> tuple[str, str]:
    name = f"pod-{number}"
    box = await runtime.run_sandbox(
        SandboxConfig(name=name, namespace="bench", uid=f"{name}-{secrets.token_hex(4)}", hostname=name)
    )
    container = await runtime.create_container(
        box.id, ContainerConfig(name="main", image=image, command=["sleep", "3600"])
    )
    await runtime.start_container(container)
    return box.id, container


async def gone(runtime: OciRuntime, sandbox_id: str) -> None:
    await runtime.stop_sandbox(sandbox_id)
    await runtime.remove_sandbox(sandbox_id)


def show(name: str, seconds: list[float]) -> None:
    ms = sorted(s * 1000 for s in seconds)
    p95 = ms[min(len(ms) - 1, int(len(ms) * 0.95))]
    print(f"{name:28} p50 {statistics.median(ms):7.1f} ms   p95 {p95:7.1f} ms   max {ms[-1]:7.1f} ms")


async def timed(work):
    start = time.perf_counter()
    result = await work
    return time.perf_counter() - start, result


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", default="")
    parser.add_argument("--pods", type=int, default=40)
    parser.add_argument("--at-once", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="podling-oci-bench-") as folder:
        images = ImageStore(Path(folder) / "images")
        await images.start()
        made, image = await timed(images.busybox())
        print(f"built-in image              {made * 1000:7.1f} ms")
        config = OciConfig(
            state_dir=Path(folder) / "node",
            cgroup_root=f"podling-test-oci-{secrets.token_hex(4)}/bench",
            runtime=options.runtime,
        )
        runtime = OciRuntime(config, images=images, network=LoopbackNetwork())
        started, _ = await timed(runtime.start())
        print(
            f"runtime start               {started * 1000:7.1f} ms ({runtime.info().name} {runtime.info().version})"
        )
        first, (sandbox, _) = await timed(pod(runtime, image.id, 0))
        print(f"first Pod                   {first * 1000:7.1f} ms")
        await gone(runtime, sandbox)
        up, down = [], []
        for number in range(options.pods):
            seconds, (sandbox, _) = await timed(pod(runtime, image.id, number))
            up.append(seconds)
            seconds, _ = await timed(gone(runtime, sandbox))
            down.append(seconds)
        show("one Pod, serial", up)
        show("its tear-down", down)
        for _ in range(3):
            seconds, pods = await timed(
                asyncio.gather(*(pod(runtime, image.id, n) for n in range(options.at_once)))
            )
            ended, _ = await timed(asyncio.gather(*(gone(runtime, s) for s, _ in pods)))
            print(
                f"{options.at_once} at once                 {seconds * 1000:7.0f} ms   tear-down {ended * 1000:7.0f} ms"
            )
        exec_times = []
        sandbox, container = await pod(runtime, image.id, 0)
        for _ in range(20):
            seconds, _ = await timed(runtime.exec_sync(container, ["true"], limit=10))
            exec_times.append(seconds)
        show("exec true", exec_times)
        await gone(runtime, sandbox)
        await runtime.close()


if __name__ == "__main__":
    uvloop.run(main())
