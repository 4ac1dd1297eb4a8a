"""``/metrics/cadvisor``: containers, Pods' networks and the machine under cadvisor's names and labels (pure).

Source: github.com/google/cadvisor metrics/prometheus.go with the labels that the kubelet gives; dashboards and alerts of the world
are written on these. What is not known here (throttling, block devices) is left out, never told as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from podling.aio.metrics import At, Family, Sample, text

from .reading import ContainerReading, Interface, PodReading, Reading

_LABELS = ("container", "id", "image", "name", "namespace", "pod")
_ROOT = ("", "/", "", "", "", "")


def _counter(name: str, help: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(f"container_{name}", "counter", (*_LABELS, *labels), help, "")


def _gauge(name: str, help: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(f"container_{name}", "gauge", (*_LABELS, *labels), help, "")


_CPU = _counter("cpu_usage_seconds_total", "Core-seconds used.", ("cpu",))
_CONTAINERS: tuple[tuple[Family, Callable[[ContainerReading], float]], ...] = (
    (_gauge("last_seen", "When it was last seen, in seconds since 1970."), lambda one: one.stats.at // 10**9),
    (_gauge("memory_usage_bytes", "Memory in use, caches included."), lambda one: one.stats.memory_usage),
    (
        _gauge("memory_working_set_bytes", "Memory that cannot be taken back without harm."),
        lambda one: one.stats.memory_working_set,
    ),
    (_gauge("memory_rss", "Anonymous memory in bytes."), lambda one: one.stats.memory_rss),
    (
        _gauge("memory_cache", "Bytes of page cache."),
        lambda one: max(one.stats.memory_usage - one.stats.memory_rss, 0),
    ),
    (_gauge("processes", "Processes that run."), lambda one: one.stats.pids),
    (
        _gauge("start_time_seconds", "When it started, in seconds since 1970."),
        lambda one: one.container.started_at / 1e9,
    ),
    (
        _gauge("fs_usage_bytes", "Bytes written beside volumes.", ("device",)),
        lambda one: one.stats.rootfs_used,
    ),
)
_NETWORK: tuple[tuple[Family, Callable[[Interface], int]], ...] = tuple(
    (_counter(f"network_{name}_total", help, ("interface",)), read)
    for name, help, read in (
        ("receive_bytes", "Bytes received.", lambda one: one.rx_bytes),
        ("receive_errors", "Errors in receiving.", lambda one: one.rx_errors),
        ("receive_packets", "Packets received.", lambda one: one.rx_packets),
        ("receive_packets_dropped", "Packets dropped in receiving.", lambda one: one.rx_dropped),
        ("transmit_bytes", "Bytes sent.", lambda one: one.tx_bytes),
        ("transmit_errors", "Errors in sending.", lambda one: one.tx_errors),
        ("transmit_packets", "Packets sent.", lambda one: one.tx_packets),
        ("transmit_packets_dropped", "Packets dropped in sending.", lambda one: one.tx_dropped),
    )
)
_MEMORY = Family("machine_memory_bytes", "gauge", (), "Memory of the machine in bytes.", "")


def render(reading: Reading) -> str:
    return "".join(line for family, samples in _families(reading) for line in text(family, samples))


def _families(reading: Reading) -> Iterator[tuple[Family, list[Sample]]]:
    now = reading.at // 1_000_000
    running = [(pod, one) for pod in reading.pods for one in pod.containers]
    cpu: list[Sample] = [
        ((*_labels(pod, one), "total"), At(one.stats.cpu_usage / 1e9, one.stats.at // 1_000_000))
        for pod, one in running
    ]
    yield _CPU, [*cpu, ((*_ROOT, "total"), At(reading.totals.cpu / 1e9, now))]
    for family, read in _CONTAINERS:
        more = ("",) * (len(family.labels) - len(_LABELS))
        yield (
            family,
            [((*_labels(pod, one), *more), At(read(one), one.stats.at // 1_000_000)) for pod, one in running],
        )
    for family, count in _NETWORK:
        yield (
            family,
            [
                (("", f"/kubepods/pod{pod.uid}", "", "", pod.namespace, pod.name, each.name), count(each))
                for pod in reading.pods
                for each in pod.interfaces
            ],
        )
    yield _MEMORY, [((), reading.totals.memory)]


def _labels(pod: PodReading, one: ContainerReading) -> tuple[str, ...]:
    id = f"/kubepods/pod{pod.uid}/{one.container.id}"
    return one.name, id, one.container.image, one.container.id, pod.namespace, pod.name
