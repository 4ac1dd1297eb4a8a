"""``/metrics/resource``: the few numbers that autoscaling lives on, each with its time (pure).

Source: kubernetes pkg/kubelet/metrics/collectors/resource_metrics.go; all of them are stable upstream.
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.aio.metrics import At, Family, Sample, text

from .reading import Reading

_POD = ("namespace", "pod")
_CONTAINER = ("container", *_POD)

CONTAINER_CPU = Family(
    "container_cpu_usage_seconds_total",
    "counter",
    _CONTAINER,
    "Core-seconds that the container has used.",
    "STABLE",
)
CONTAINER_MEMORY = Family(
    "container_memory_working_set_bytes",
    "gauge",
    _CONTAINER,
    "Working set of the container in bytes.",
    "STABLE",
)
CONTAINER_START = Family(
    "container_start_time_seconds",
    "gauge",
    _CONTAINER,
    "When the container started, in seconds since 1970.",
    "STABLE",
)
NODE_CPU = Family(
    "node_cpu_usage_seconds_total", "counter", (), "Core-seconds that the node has used.", "STABLE"
)
NODE_MEMORY = Family(
    "node_memory_working_set_bytes", "gauge", (), "Working set of the node in bytes.", "STABLE"
)
POD_CPU = Family(
    "pod_cpu_usage_seconds_total", "counter", _POD, "Core-seconds that the Pod has used.", "STABLE"
)
POD_MEMORY = Family(
    "pod_memory_working_set_bytes", "gauge", _POD, "Working set of the Pod in bytes.", "STABLE"
)
FAILED = Family("resource_scrape_error", "gauge", (), "1 if the numbers could not be read, else 0.", "STABLE")


def render(reading: Reading) -> str:
    return "".join(line for family, samples in _families(reading) for line in text(family, samples))


def _families(reading: Reading) -> Iterator[tuple[Family, list[Sample]]]:
    now = reading.at // 1_000_000
    pods = [(pod, (pod.namespace, pod.name), pod.at // 1_000_000) for pod in reading.pods if pod.containers]
    running = [
        (one, (one.name, *named), one.stats.at // 1_000_000)
        for pod, named, _ in pods
        for one in pod.containers
    ]
    yield CONTAINER_CPU, [(named, At(one.stats.cpu_usage / 1e9, at)) for one, named, at in running]
    yield CONTAINER_MEMORY, [(named, At(one.stats.memory_working_set, at)) for one, named, at in running]
    yield CONTAINER_START, [(named, At(one.container.started_at / 1e9, at)) for one, named, at in running]
    yield NODE_CPU, [((), At(reading.totals.cpu / 1e9, now))]
    yield NODE_MEMORY, [((), At(reading.totals.working_set, now))]
    yield POD_CPU, [(named, At(pod.cpu / 1e9, at)) for pod, named, at in pods]
    yield POD_MEMORY, [(named, At(pod.working_set, at)) for pod, named, at in pods]
    yield FAILED, [((), int(reading.failed))]
