"""Real Pods on any Kubernetes: ``pods.py KUBECONFIG [--serial N] [--burst N] [--deployment]``.

Everything is seen through a watch on the API server: create to Ready one after another and in a burst, delete to gone,
and, where the controllers are there, a Deployment of ten and the replacement of a Pod of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from session import Api, connect, percentiles

LONGEST_WAIT = 300.0


def spec(image: str) -> dict[str, Any]:
    """One container that ignores TERM, as ``sleep`` under a PID namespace does."""
    container = {"name": "c", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"]}
    return {"terminationGracePeriodSeconds": 1, "containers": [container]}


class Observer:
    """When each Pod of a namespace was first Ready and when it was gone, by the watch."""

    def __init__(self) -> None:
        self.ready: dict[str, float] = {}
        self.gone: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def follow(self, api: Api, path: str, since: str) -> None:
        async for change in api.watch(path, since=since):
            self._see(change["type"], change["object"])

    def _see(self, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        conditions = pod.get("status", {}).get("conditions", [])
        if kind == "DELETED":
            self.gone[name] = time.perf_counter()
        elif any(item["type"] == "Ready" and item["status"] == "True" for item in conditions):
            self.ready.setdefault(name, time.perf_counter())
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONGEST_WAIT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def ready_with(self, prefix: str) -> list[str]:
        return [name for name in self.ready if name.startswith(prefix)]


class Bench:
    """The rows, measured one after another in one namespace."""

    def __init__(self, api: Api, namespace: str, image: str) -> None:
        self.api = api
        self.namespace = namespace
        self.path = f"/api/v1/namespaces/{namespace}/pods"
        self.image = image
        self.seen = Observer()

    async def create(self, name: str) -> float:
        begun = time.perf_counter()
        await self.api.call("POST", self.path, {"metadata": {"name": name}, "spec": spec(self.image)})
        return begun

    async def serial(self, count: int) -> dict[str, Any]:
        up, down = [], []
        for number in range(count):
            name = f"s{number}"
            begun = await self.create(name)
            await self.seen.until(lambda name=name: name in self.seen.ready)
            up.append(self.seen.ready[name] - begun)
        for number in range(count):
            name = f"s{number}"
            begun = time.perf_counter()
            await self.api.call("DELETE", f"{self.path}/{name}")
            await self.seen.until(lambda name=name: name in self.seen.gone)
            down.append(self.seen.gone[name] - begun)
        return {"serial_ready": percentiles(up), "serial_delete": percentiles(down)}

    async def burst(self, count: int) -> dict[str, Any]:
        names = [f"b{number}" for number in range(count)]
        start = time.perf_counter()
        begun = dict(zip(names, await asyncio.gather(*map(self.create, names)), strict=True))
        await self.seen.until(lambda: all(name in self.seen.ready for name in names))
        times = [self.seen.ready[name] - begun[name] for name in names]
        ready = {"all_ready_s": round(max(self.seen.ready[name] for name in names) - start, 2)}
        start = time.perf_counter()
        await self.api.call("DELETE", self.path)
        await self.seen.until(lambda: all(name in self.seen.gone for name in names))
        gone = {"all_gone_s": round(time.perf_counter() - start, 2)}
        return {"burst_ready": {"pods": count, **ready, **percentiles(times)}, "burst_delete": gone}

    async def deployment(self, count: int) -> dict[str, Any]:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        labels = {"a": "d"}
        template = {"metadata": {"labels": labels}, "spec": spec(self.image)}
        body = {"replicas": count, "selector": {"matchLabels": labels}, "template": template}
        start = time.perf_counter()
        await self.api.call("POST", path, {"metadata": {"name": "d"}, "spec": body})
        await self.seen.until(lambda: len(self.seen.ready_with("d-")) >= count)
        taken = round(time.perf_counter() - start, 2)
        before = self.seen.ready_with("d-")
        start = time.perf_counter()
        await self.api.call("DELETE", f"{self.path}/{before[0]}")
        await self.seen.until(lambda: len(self.seen.ready_with("d-")) > len(before))
        replaced = round(time.perf_counter() - start, 2)
        await self.api.call("DELETE", f"{path}/d")
        return {
            "deployment": {"replicas": count, "all_ready_s": taken},
            "replaced": {"all_ready_s": replaced},
        }


@asynccontextmanager
async def one_pod(api: Api, *, image: str) -> AsyncIterator[None]:
    """A Pod that is Ready meanwhile."""
    bench = Bench(api, await api.namespace("one"), image)
    since = json.loads(await api.call("GET", bench.path))["metadata"]["resourceVersion"]
    follower = asyncio.create_task(bench.seen.follow(api, bench.path, since))
    try:
        await bench.create("one")
        await bench.seen.until(lambda: "one" in bench.seen.ready)
        yield
    finally:
        follower.cancel()
        await api.call("DELETE", f"/api/v1/namespaces/{bench.namespace}")


async def run(api: Api, *, serial: int, burst: int, deployment: int, image: str) -> dict[str, Any]:
    """All rows, by name.  ``deployment`` replicas, 0 = leave it out."""
    bench = Bench(api, await api.namespace("pods"), image)
    since = json.loads(await api.call("GET", bench.path))["metadata"]["resourceVersion"]
    follower = asyncio.create_task(bench.seen.follow(api, bench.path, since))
    try:
        rows = {**await bench.serial(serial), **await bench.burst(burst)}
        if deployment:
            rows.update(await bench.deployment(deployment))
    finally:
        follower.cancel()
        await api.call("DELETE", f"/api/v1/namespaces/{bench.namespace}")
    return rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("--serial", type=int, default=10)
    parser.add_argument("--burst", type=int, default=30)
    parser.add_argument("--deployment", type=int, default=0, metavar="REPLICAS")
    parser.add_argument("--image", default="busybox")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    async with connect(args.kubeconfig) as api:
        rows = await run(
            api, serial=args.serial, burst=args.burst, deployment=args.deployment, image=args.image
        )
    for name, row in rows.items():
        print(f"{name:22} {row}")
    if args.json:
        args.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    asyncio.run(main())
