"""What a node full of Pods that do nothing costs: ``idle.py KUBECONFIG PID [--pods N] [--seconds S]``.

Makes the Pods, waits until all are Ready and the node has settled, and then counts the CPU time of process PID (the one
that holds the agent; `podling status` names it) and its resident memory. CPU time is counted in clock ticks, so what else
the machine does matters little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from pods import Bench
from session import Api, connect

SETTLE_SECONDS = 15.0
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of a process with all its threads, since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024


async def share(pid: int, seconds: float) -> float:
    """Percent of a core that the process uses."""
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / seconds


async def measure(api: Api, pid: int, *, pods: int, seconds: float) -> dict[str, float]:
    alone = await share(pid, seconds)
    bench = Bench(api, await api.namespace("idle"), "busybox")
    since = json.loads(await api.call("GET", bench.path))["metadata"]["resourceVersion"]
    follower = asyncio.create_task(bench.seen.follow(api, bench.path, since))
    try:
        names = [f"i{number}" for number in range(pods)]
        await asyncio.gather(*map(bench.create, names))
        await bench.seen.until(lambda: all(name in bench.seen.ready for name in names))
        await asyncio.sleep(SETTLE_SECONDS)
        full = await share(pid, seconds)
        memory = resident_mb(pid)
        await api.call("DELETE", bench.path)
        await bench.seen.until(lambda: all(name in bench.seen.gone for name in names))
    finally:
        follower.cancel()
    return {
        "pods": pods,
        "empty_percent": round(alone, 2),
        "full_percent": round(full, 2),
        "full_mb": round(memory, 1),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("pid", type=int)
    parser.add_argument("--pods", type=int, default=110)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    async with connect(given.kubeconfig) as api:
        found = await measure(api, given.pid, pods=given.pods, seconds=given.seconds)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
