"""A Deployment of thousands on hundreds of simulated nodes: how long until it is Available, and until it has rolled to a new template.

    python bench/scale.py [REPLICAS] [NODES]

Everything but the nodes is real and in this one process: API server (memory store), controllers, scheduler, each over the API. Prints a line
for each step: seconds by the clock, seconds of CPU, and the peak of resident memory so far.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import uvloop

from podling.api import kinds
from podling.api.types import apps_v1
from podling.testing.simulation.cluster import SimulatedCluster

LABELS = {"app": "web"}


def deployment(replicas: int) -> apps_v1.Deployment:
    template = {
        "metadata": {"labels": LABELS},
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "busybox:1",
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                }
            ]
        },
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    return msgspec.convert(
        {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}, apps_v1.Deployment
    )


class Step:
    """Times what happens inside."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: Any) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(f"{self.name:28} {wall:8.2f} s {cpu:8.2f} s CPU {peak:8.0f} MiB\n")
        sys.stdout.flush()


def is_done(cluster: SimulatedCluster, replicas: int) -> Callable[[], bool]:
    """Every Pod is of the present template and available, and no other is left."""

    def done() -> bool:
        (web,) = cluster.all(kinds.DEPLOYMENT)
        status = web.status
        return bool(
            status
            and status.observed_generation == web.metadata.generation
            and (status.replicas, status.updated_replicas, status.available_replicas) == (replicas,) * 3
        )

    return done


async def measure(replicas: int, nodes: int) -> None:
    with Step(f"{nodes} nodes are there"):
        cluster = await SimulatedCluster(
            "scale", nodes=[f"node-{number}" for number in range(nodes)]
        ).__aenter__()
    try:
        with Step(f"{replicas} Pods are available"):
            await cluster.client.resource(apps_v1.Deployment).create(deployment(replicas))
            await cluster.until(is_done(cluster, replicas), seconds=300)
        with Step("rolled to a new template"):
            patch = {"spec": {"template": {"metadata": {"annotations": {"v": "2"}}}}}
            await cluster.client.resource(apps_v1.Deployment).patch("web", patch, namespace="default")
            await cluster.until(is_done(cluster, replicas), seconds=300)
    finally:
        with Step("stopped"):
            await cluster.__aexit__(None, None, None)


def main() -> None:
    logging.disable(logging.CRITICAL)
    replicas, nodes = (int(word) for word in (sys.argv[1:] + ["5000", "500"][len(sys.argv) - 1 :]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(replicas, nodes))


if __name__ == "__main__":
    main()
