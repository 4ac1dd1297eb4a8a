"""``make bench``: Podling measured on this machine, beside the figures to beat.

Starts a cluster of its own (name, port and data folder of this run), measures, removes it.  The reference column was
measured once on a machine of 2 cores and 24 GiB with kube-apiserver 1.24, etcd 3.4, kubelet and containerd 1.6/runc by
the same two load programs; compare ratios rather than absolute figures, machines are noisy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import api as api_bench
import fanout
import pods as pod_bench
import reads
from session import connect

PODLING = [sys.executable, "-m", "podling"]
Rows = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A measure: its words, the reference's figure, the aim, and how to read ours off the results."""

    name: str
    reference: str
    aim: str
    ours: Callable[[Rows], str]


def rate(name: str) -> Callable[[Rows], str]:
    return lambda rows: f"{rows[name]['per_s']:.0f} /s, p99 {rows[name]['p99_ms']:.0f} ms"


def throughput(name: str) -> Callable[[Rows], str]:
    return lambda rows: f"{rows[name]['per_s']:.0f} /s"


def milliseconds(name: str) -> Callable[[Rows], str]:
    return lambda rows: f"{rows[name]['p50_ms']:.0f} ms p50, {rows[name]['max_ms']:.0f} max"


def seconds(name: str, field: str) -> Callable[[Rows], str]:
    return lambda rows: f"{rows[name][field]:.2f} s"


TABLE = (
    Row(
        "start: `up` to node Ready",
        "3.7 s (API server alone)",
        "<= 1 s",
        lambda rows: f"{rows['up_s']:.2f} s",
    ),
    Row("resident memory with 1 Pod", "857 MB", "<= 110 MB", lambda rows: f"{rows['rss_mb']:.0f} MB"),
    Row(
        "Pod create -> Ready",
        "1004 ms p50, 1340 max",
        "<= 60 ms p50, <= 150 max",
        milliseconds("serial_ready"),
    ),
    Row("Pod delete -> gone (grace 1 s)", "2006 ms p50", "<= 1100 ms", milliseconds("serial_delete")),
    Row("30 Pods at once, all Ready", "27.8 s", "<= 1.5 s", seconds("burst_ready", "all_ready_s")),
    Row("30 Pods deleted (grace 1 s)", "23.6 s", "<= 2.5 s", seconds("burst_delete", "all_gone_s")),
    Row(
        "Deployment of 10 replicas, all Ready",
        "7.8 s",
        "<= 0.6 s",
        seconds("deployment", "all_ready_s"),
    ),
    Row("killed Pod replaced and Ready", "1.22 s", "<= 0.12 s", seconds("replaced", "all_ready_s")),
    Row("create Pod, 32 clients", "689 /s, p99 107 ms", ">= 1400 /s", rate("create_pod")),
    Row("GET Pod (wrk, 16 connections)", "4224 /s", ">= 8500 /s", throughput("wrk_get")),
    Row("LIST of 200 Pods (wrk)", "234 /s", ">= 1200 /s", throughput("wrk_list_200")),
    Row("LIST of 1000 Pods (wrk)", "17.1 /s", ">= 170 /s", throughput("wrk_list")),
    Row("LIST of 1000 Pods (Python client)", "17.1 /s", ">= 170 /s", rate("list_1000_pods")),
    Row("LIST by label, 10 % of 1000", "35.6 /s", ">= 1000 /s", rate("list_selector_10pct")),
    Row("PATCH status, 32 clients", "551 /s", ">= 1400 /s", rate("patch_status")),
    Row("watch, 50 watchers x 200 changes", "9868 events/s", ">= 50000 events/s", rate("watch_fanout")),
    Row(
        "the same, clients that only count, 8 writers",
        "not measured",
        ">= 50000 events/s",
        lambda rows: (
            f"{rows['watch_bare']['per_s']:.0f} events/s, "
            f"{rows['watch_bare']['cpu_us_per_event']:.0f} us of processor each"
        ),
    ),
    Row("DELETE Pod", "514 /s", ">= 1400 /s", rate("delete_pod")),
)


class Cluster:
    """A cluster of this run's own; ``podling delete`` at the end whatever happened."""

    def __init__(self, folder: Path) -> None:
        self.name = f"bench-{secrets.token_hex(3)}"
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        octet = 100 + os.getpid() % 100
        self._ranges = ["--cluster-cidr", f"10.{octet}.0.0/16", "--service-cidr", f"10.{octet + 50}.0.0/16"]

    def podling(self, *arguments: str) -> str:
        command = [
            *PODLING,
            arguments[0],
            "--name",
            self.name,
            "--data-dir",
            str(self.folder),
            *arguments[1:],
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> float:
        """Seconds until the node is Ready, as the user sees them."""
        begun = time.perf_counter()
        self.podling("up", "--port", "0", "--kubeconfig", str(self.kubeconfig), *self._ranges)
        return time.perf_counter() - begun

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.podling("status", "-o", "json"))
        return status

    def resident_megabytes(self) -> float:
        return float(self.status()["residentBytes"]) / 1e6


async def measure(cluster: Cluster, args: argparse.Namespace) -> Rows:
    async with connect(cluster.kubeconfig) as connection:
        rows: Rows = {}
        if not args.api_only:
            async with pod_bench.one_pod(connection, image="busybox"):
                rows["rss_mb"] = cluster.resident_megabytes()
            rows.update(await pod_bench.run(connection, serial=20, burst=30, deployment=10, image="busybox"))
        rows.update(await api_bench.run(connection, pods=1000, clients=32))
        rows.update(await reads.run(connection, pods=1000))
        pid = cluster.status()["pid"]
        rows["watch_bare"] = await fanout.run(connection, watchers=50, changes=1000, writers=8, pid=pid)
    return rows


def show(rows: Rows) -> None:
    cells = [("measure", "upstream 1.24", "to reach", "Podling here")]
    for row in TABLE:
        try:
            ours = row.ours(rows)
        except KeyError:
            ours = "not measured"
        cells.append((row.name, row.reference, row.aim, ours))
    widths = [max(len(cell[index]) for cell in cells) for index in range(4)]
    for cell in cells:
        print("| " + " | ".join(text.ljust(width) for text, width in zip(cell, widths, strict=True)) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api-only", action="store_true", help="leave the Pods out")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="podling-bench-") as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.up()
            cluster.podling("down")
            up = cluster.up()
            rows = asyncio.run(measure(cluster, args)) | {"up_s": up}
        finally:
            cluster.podling("delete")
    show(rows)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
