"""Load on an API server alone: ``api.py KUBECONFIG [--pods N]``.  No scheduler or node takes part.

Prints creates, gets, lists, status patches, deletes and a watch fan-out, as JSON with ``--json FILE`` too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from session import Api, connect, measure

WATCHERS, CHANGES = 50, 200


def pod(number: int) -> dict[str, Any]:
    """A Pod of about 3 kB once stored, which no scheduler picks up."""
    container = {
        "name": "c",
        "image": "busybox",
        "command": ["sleep", "3600"],
        "env": [{"name": f"E{index}", "value": "v" * 20} for index in range(8)],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number}", "labels": {"app": "bench", "shard": str(number % 10)}},
        "spec": {
            "schedulerName": "nobody",
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }


async def run(api: Api, *, pods: int, clients: int) -> dict[str, Any]:
    """All rows, by name."""
    namespace = await api.namespace("bench")
    path = f"/api/v1/namespaces/{namespace}/pods"
    merge = "application/merge-patch+json"

    async def patch(number: int) -> bytes:
        status = {"status": {"phase": "Running", "message": f"m{number}"}}
        return await api.call("PATCH", f"{path}/p{number % pods}/status", status, content_type=merge)

    selector = "?labelSelector=shard%3D3"
    delete = "?gracePeriodSeconds=0"
    rows: dict[str, Any] = {
        "create_pod": await measure(pods, lambda n: api.call("POST", path, pod(n)), clients=clients),
        "get_pod": await measure(3000, lambda n: api.call("GET", f"{path}/p{n % pods}"), clients=clients),
        f"list_{pods}_pods": await measure(20, lambda n: api.call("GET", path), clients=2),
        "list_selector_10pct": await measure(50, lambda n: api.call("GET", path + selector), clients=2),
        "patch_status": await measure(1000, patch, clients=clients),
        "watch_fanout": await fan_out(api, namespace),
        "delete_pod": await measure(
            pods, lambda n: api.call("DELETE", f"{path}/p{n}{delete}"), clients=clients
        ),
    }
    await api.call("DELETE", f"/api/v1/namespaces/{namespace}")
    return rows


async def fan_out(api: Api, namespace: str) -> dict[str, float]:
    """``CHANGES`` changes of one object, each seen by ``WATCHERS`` watchers; lag from the patch to the watcher."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await api.call("POST", path, {"metadata": {"name": "w"}, "data": {"t": "0"}})
    since = json.loads(await api.call("GET", path))["metadata"]["resourceVersion"]
    lags: list[float] = []
    begun: list[asyncio.Event] = [asyncio.Event() for _ in range(WATCHERS)]

    async def watcher(ready: asyncio.Event) -> None:
        seen = 0
        url = f"{api.server}{path}?watch=1&resourceVersion={since}"
        async with api.session.get(url) as answer:
            ready.set()
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    change = json.loads(line)
                    if change["type"] == "MODIFIED" and change["object"]["metadata"]["name"] == "w":
                        lags.append(time.time() - float(change["object"]["data"]["t"]))
                        seen += 1
                if seen >= CHANGES:
                    return

    async with asyncio.TaskGroup() as group:
        for ready in begun:
            group.create_task(watcher(ready))
        for ready in begun:
            await ready.wait()
        start = time.perf_counter()
        for _ in range(CHANGES):
            data = {"data": {"t": str(time.time())}}
            await api.call("PATCH", f"{path}/w", data, content_type="application/merge-patch+json")
    lags.sort()
    return {
        "per_s": round(CHANGES * WATCHERS / (time.perf_counter() - start)),
        "p50_ms": round(1000 * lags[len(lags) // 2], 2),
        "p99_ms": round(1000 * lags[int(len(lags) * 0.99)], 2),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    async with connect(args.kubeconfig) as api:
        rows = await run(api, pods=args.pods, clients=args.clients)
    for name, row in rows.items():
        print(f"{name:22} {row}")
    if args.json:
        args.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    asyncio.run(main())
