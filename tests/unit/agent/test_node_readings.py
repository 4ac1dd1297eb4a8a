"""What a node uses, written down: the kubelet's and cadvisor's names and labels, and the Summary API's JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

from podling.agent.server import cadvisor, own, procfs, resource, summary
from podling.agent.server.reading import (
    ContainerReading,
    Filesystem,
    Interface,
    PodReading,
    Reading,
    Totals,
    VolumeReading,
)
from podling.agent.server.sizes import Sizes
from podling.aio.metrics import Family
from podling.runtime.interface import Container, ContainerState, ContainerStats

SECOND = 10**9
NOW = 1_700_000_000 * SECOND
MIB = 1 << 20


def container(name="main", *, cpu=2 * SECOND, memory=10 * MIB):
    record = Container(
        id=f"id-{name}",
        sandbox_id="box",
        name=name,
        attempt=0,
        state=ContainerState.RUNNING,
        image="busybox:1",
        image_id="sha256:1",
        created_at=NOW - 61 * SECOND,
        started_at=NOW - 60 * SECOND,
    )
    stats = ContainerStats(
        container_id=record.id,
        at=NOW,
        cpu_usage=cpu,
        memory_usage=memory + MIB,
        memory_working_set=memory,
        memory_rss=memory // 2,
        rootfs_used=4096,
        rootfs_inodes=2,
        pids=3,
    )
    return ContainerReading(container=record, stats=stats, nanocores=250_000_000, log=512)


POD = PodReading(
    namespace="default",
    name="web",
    uid="u1",
    started="2023-11-14T22:12:20Z",
    containers=(container(), container("side", cpu=SECOND)),
    interfaces=(Interface("eth0", 100, 2, 1, 0, 200, 4, 0, 3),),
    volumes=(
        VolumeReading(name="scratch", used=8192, inodes_used=2, filesystem=Filesystem(capacity=100)),
        VolumeReading(name="data", used=4096, inodes_used=1, filesystem=Filesystem(), claim="c"),
    ),
)
READING = Reading(
    node="node-1",
    at=NOW,
    totals=Totals(cpu=90 * SECOND, memory=1000 * MIB, usage=400 * MIB, working_set=300 * MIB, rss=100 * MIB),
    pods=(POD, PodReading(namespace="default", name="waiting", uid="u2", started="")),
    booted=NOW - 3600 * SECOND,
    filesystem=Filesystem(capacity=1000, available=400, inodes=50, inodes_free=20),
    pids=77,
    max_pids=4096,
)
AT = NOW // 1_000_000

RESOURCE = {
    "container_cpu_usage_seconds_total": "counter",
    "container_memory_working_set_bytes": "gauge",
    "container_start_time_seconds": "gauge",
    "node_cpu_usage_seconds_total": "counter",
    "node_memory_working_set_bytes": "gauge",
    "pod_cpu_usage_seconds_total": "counter",
    "pod_memory_working_set_bytes": "gauge",
    "resource_scrape_error": "gauge",
}
"""Source: https://kubernetes.io/docs/reference/instrumentation/metrics (stable metrics)."""

CADVISOR = {
    "container_cpu_usage_seconds_total": "counter",
    "container_fs_usage_bytes": "gauge",
    "container_last_seen": "gauge",
    "container_memory_cache": "gauge",
    "container_memory_rss": "gauge",
    "container_memory_usage_bytes": "gauge",
    "container_memory_working_set_bytes": "gauge",
    "container_network_receive_bytes_total": "counter",
    "container_network_receive_errors_total": "counter",
    "container_network_receive_packets_dropped_total": "counter",
    "container_network_receive_packets_total": "counter",
    "container_network_transmit_bytes_total": "counter",
    "container_network_transmit_errors_total": "counter",
    "container_network_transmit_packets_dropped_total": "counter",
    "container_network_transmit_packets_total": "counter",
    "container_processes": "gauge",
    "container_start_time_seconds": "gauge",
    "machine_memory_bytes": "gauge",
}
"""Source: github.com/google/cadvisor docs/storage/prometheus.md."""


OWN = {
    "kubelet_active_pods",
    "kubelet_desired_pods",
    "kubelet_http_requests_total",
    "kubelet_mirror_pods",
    "kubelet_node_name",
    "kubelet_running_containers",
    "kubelet_running_pods",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "kubelet_volume_stats_inodes",
    "kubelet_volume_stats_inodes_free",
    "kubelet_volume_stats_inodes_used",
    "kubelet_volume_stats_used_bytes",
    "kubernetes_build_info",
    "prober_probe_total",
}
"""Source: kubernetes pkg/kubelet/metrics/metrics.go, pkg/kubelet/prober, component-base/metrics."""


def families(text: str) -> dict[str, str]:
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def test_resource_metrics_have_upstreams_names_and_types():
    assert families(resource.render(READING)) == RESOURCE


def test_the_agents_own_metrics_have_upstreams_names_or_say_that_they_are_ours():
    named = [family for family in vars(own).values() if isinstance(family, Family)]
    found = {family.name for family in [*named, *own.VOLUMES.values()]}
    assert {name for name in found if not name.startswith("podling_")} == OWN


def test_resource_metrics_name_container_namespace_and_pod_and_say_when_they_were_read():
    lines = resource.render(READING).splitlines()
    labels = 'container="main",namespace="default",pod="web"'
    assert f"container_cpu_usage_seconds_total{{{labels}}} 2 {AT}" in lines
    assert f"container_memory_working_set_bytes{{{labels}}} {10 * MIB} {AT}" in lines
    assert f'pod_cpu_usage_seconds_total{{namespace="default",pod="web"}} 3 {AT}' in lines
    assert f"node_cpu_usage_seconds_total 90 {AT}" in lines
    assert "resource_scrape_error 0" in lines


def test_a_pod_that_runs_nothing_has_no_resource_metrics():
    assert "waiting" not in resource.render(READING)


def test_a_runtime_that_cannot_tell_is_told():
    failed = Reading(node="n", at=NOW, totals=READING.totals, pods=(), failed=True)
    assert "resource_scrape_error 1" in resource.render(failed).splitlines()


def test_sizes_are_taken_anew_after_a_while(tmp_path: Path):
    sizes = Sizes(keep_seconds=60)
    empty = sizes.of(tmp_path, now=1000)
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    assert sizes.of(tmp_path, now=1059) == empty
    later = sizes.of(tmp_path, now=1060)
    assert later.size >= empty.size + 10_000
    assert later.inodes == 2
    assert sizes.of(tmp_path / "none", now=1060) == (0, 0)


def test_cadvisors_metrics_have_its_names_and_types():
    assert families(cadvisor.render(READING)) == CADVISOR


def test_cadvisors_metrics_have_the_kubelets_labels():
    lines = cadvisor.render(READING).splitlines()
    own = (
        'container="main",cpu="total",id="/kubepods/podu1/id-main",image="busybox:1",name="id-main",'
        'namespace="default",pod="web"'
    )
    assert f"container_cpu_usage_seconds_total{{{own}}} 2 {AT}" in lines
    root = 'container="",cpu="total",id="/",image="",name="",namespace="",pod=""'
    assert f"container_cpu_usage_seconds_total{{{root}}} 90 {AT}" in lines
    net = 'container="",id="/kubepods/podu1",image="",interface="eth0",name="",namespace="default",pod="web"'
    assert f"container_network_transmit_bytes_total{{{net}}} 200" in lines


def test_the_summary_tells_of_the_node():
    node = json.loads(summary.render(READING))["node"]
    assert node["nodeName"] == "node-1"
    assert node["startTime"] == "2023-11-14T21:13:20Z"
    assert node["cpu"] == {
        "time": "2023-11-14T22:13:20Z",
        "usageNanoCores": 0,
        "usageCoreNanoSeconds": 90 * SECOND,
    }
    assert node["memory"]["availableBytes"] == 700 * MIB
    assert node["fs"]["usedBytes"] == 600
    assert node["fs"]["inodesUsed"] == 30
    assert node["runtime"]["imageFs"]["capacityBytes"] == 1000
    assert node["rlimit"] == {"time": "2023-11-14T22:13:20Z", "maxpid": 4096, "curproc": 77}


def test_the_summary_tells_of_pods_and_their_containers():
    web, waiting = json.loads(summary.render(READING))["pods"]
    assert web["podRef"] == {"name": "web", "namespace": "default", "uid": "u1"}
    main, side = web["containers"]
    assert (main["name"], side["name"]) == ("main", "side")
    assert main["startTime"] == "2023-11-14T22:12:20Z"
    assert main["cpu"]["usageNanoCores"] == 250_000_000
    assert main["memory"]["workingSetBytes"] == 10 * MIB
    assert main["rootfs"]["usedBytes"] == 4096
    assert main["logs"]["usedBytes"] == 512
    assert web["cpu"]["usageCoreNanoSeconds"] == 3 * SECOND
    assert web["network"]["rxBytes"] == 100
    assert web["network"]["interfaces"][0]["name"] == "eth0"
    assert web["process_stats"] == {"process_count": 6}
    assert [volume["name"] for volume in web["volume"]] == ["scratch", "data"]
    assert waiting["containers"] == []


def test_the_summary_can_be_of_cpu_and_memory_alone():
    told = json.loads(summary.usage(READING))
    assert set(told["node"]) == {"nodeName", "startTime", "cpu", "memory"}
    assert set(told["pods"][0]) == {"podRef", "startTime", "containers", "cpu", "memory"}
    assert set(told["pods"][0]["containers"][0]) == {"name", "startTime", "cpu", "memory"}


def test_ephemeral_storage_is_layers_logs_and_volumes_that_end_with_the_pod():
    assert POD.stored == 2 * (4096 + 512) + 8192


def test_interfaces_are_read_without_loopback():
    text = (
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop ...\n"
        "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0\n"
        "  eth0:    1500      10    1    2    0     0          0         0     2500      20    3    4    0     0       0          0\n"
    )
    assert procfs.interfaces(text) == (Interface("eth0", 1500, 10, 1, 2, 2500, 20, 3, 4),)


def test_the_machines_totals_count_waiting_as_idle_and_old_file_pages_as_free():
    stat = "cpu  100 10 50 1000 500 5 15 20 7 0\nbtime 1700000000\n"
    meminfo = (
        "MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 300 kB\nHugePages_Total: 0\n"
    )
    found = procfs.totals(stat, meminfo, ticks=100)
    assert found == Totals(
        cpu=2 * SECOND, memory=1000 << 10, usage=600 << 10, working_set=500 << 10, rss=300 << 10
    )
    assert procfs.booted(stat) == NOW
    assert procfs.processes("0.10 0.20 0.30 2/345 6789\n") == 345
