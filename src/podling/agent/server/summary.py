"""``/stats/summary``: the Summary API (pure; k8s.io/kubelet/pkg/apis/stats/v1alpha1)."""

from __future__ import annotations

from typing import Any

import msgspec

from podling.api import times

from .reading import ContainerReading, Filesystem, Interface, PodReading, Reading, VolumeReading

Json = dict[str, Any]


_USAGE = ("nodeName", "podRef", "name", "startTime", "containers", "cpu", "memory")


def render(reading: Reading) -> bytes:
    return msgspec.json.encode(_whole(reading))


def usage(reading: Reading) -> bytes:
    """CPU and memory alone (``only_cpu_and_memory=true``), for who must not wait for a walk through files."""
    whole = _whole(reading)
    pods = [
        {**_chosen(pod), "containers": [_chosen(container) for container in pod["containers"]]}
        for pod in whole["pods"]
    ]
    return msgspec.json.encode({"node": _chosen(whole["node"]), "pods": pods})


def _chosen(part: Json) -> Json:
    return {name: part[name] for name in _USAGE if name in part}


def _whole(reading: Reading) -> Json:
    return {"node": _node(reading), "pods": [_pod(reading, pod) for pod in reading.pods]}


def _node(reading: Reading) -> Json:
    at, totals, filesystem = _time(reading.at), reading.totals, reading.filesystem
    memory = _memory(at, totals.usage, totals.working_set, totals.rss)
    disk = {"time": at, **_capacity(filesystem), **_used(filesystem)}
    return {
        "nodeName": reading.node,
        "startTime": _time(reading.booted) if reading.booted else None,
        "cpu": _cpu(at, totals.cpu, totals.nanocores),
        "memory": {**memory, "availableBytes": max(totals.memory - totals.working_set, 0)},
        **_network(at, reading.interfaces),
        "fs": disk,
        "runtime": {"imageFs": disk, "containerFs": disk},
        "rlimit": {"time": at, "maxpid": reading.max_pids, "curproc": reading.pids},
    }


def _pod(reading: Reading, pod: PodReading) -> Json:
    at = _time(pod.at or reading.at)
    return {
        "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "startTime": pod.started or None,
        "containers": [_container(reading, one) for one in pod.containers],
        "cpu": _cpu(at, pod.cpu, pod.nanocores),
        "memory": _memory(at, pod.usage, pod.working_set, pod.rss),
        **_network(at, pod.interfaces),
        **({"volume": [_volume(at, volume) for volume in pod.volumes]} if pod.volumes else {}),
        "ephemeral-storage": {"time": at, **_capacity(reading.filesystem), "usedBytes": pod.stored},
        "process_stats": {"process_count": pod.pids},
    }


def _container(reading: Reading, one: ContainerReading) -> Json:
    at, stats = _time(one.stats.at), one.stats
    room = _capacity(reading.filesystem)
    return {
        "name": one.name,
        "startTime": _time(one.container.started_at),
        "cpu": _cpu(at, stats.cpu_usage, one.nanocores),
        "memory": _memory(at, stats.memory_usage, stats.memory_working_set, stats.memory_rss),
        "rootfs": {
            "time": at,
            **room,
            "usedBytes": stats.rootfs_used,
            "inodesUsed": stats.rootfs_inodes,
        },
        "logs": {"time": at, **room, "usedBytes": one.log},
    }


def _volume(at: str, volume: VolumeReading) -> Json:
    return {
        "time": at,
        **_capacity(volume.filesystem),
        "usedBytes": volume.used,
        "inodesUsed": volume.inodes_used,
        "name": volume.name,
    }


def _cpu(at: str, total: int, nanocores: int) -> Json:
    return {"time": at, "usageNanoCores": nanocores, "usageCoreNanoSeconds": total}


def _memory(at: str, usage: int, working_set: int, rss: int) -> Json:
    return {"time": at, "usageBytes": usage, "workingSetBytes": working_set, "rssBytes": rss}


def _network(at: str, interfaces: tuple[Interface, ...]) -> Json:
    """The default interface stands for itself, all of them below it."""
    if not interfaces:
        return {}
    listed = [_interface(one) for one in interfaces]
    default = next((one for one in listed if one["name"] == "eth0"), listed[0])
    return {"network": {"time": at, **default, "interfaces": listed}}


def _interface(one: Interface) -> Json:
    return {
        "name": one.name,
        "rxBytes": one.rx_bytes,
        "rxErrors": one.rx_errors,
        "txBytes": one.tx_bytes,
        "txErrors": one.tx_errors,
    }


def _capacity(filesystem: Filesystem) -> Json:
    return {
        "availableBytes": filesystem.available,
        "capacityBytes": filesystem.capacity,
        "inodesFree": filesystem.inodes_free,
        "inodes": filesystem.inodes,
    }


def _used(filesystem: Filesystem) -> Json:
    return {
        "usedBytes": filesystem.capacity - filesystem.available,
        "inodesUsed": filesystem.inodes - filesystem.inodes_free,
    }


def _time(nanoseconds: int) -> str:
    return times.rfc3339(nanoseconds / 1e9)
