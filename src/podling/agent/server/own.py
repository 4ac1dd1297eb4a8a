"""``/metrics`` and ``/metrics/probes``: how the agent itself does, under the kubelet's names.

Source: kubernetes pkg/kubelet/metrics/metrics.go, pkg/kubelet/server/metrics, pkg/kubelet/prober; the names that begin
with ``podling`` are our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.agent.podworker import PodWorker
from podling.aio import processmetrics
from podling.aio.metrics import Family, Sample, text
from podling.api import pod as pods_api
from podling.api.types import core_v1
from podling.runtime.interface import ContainerState

from .reading import Reading

NODE_NAME = Family("kubelet_node_name", "gauge", ("node",), "The node's name; always 1.")
BUILD = Family("kubernetes_build_info", "gauge", ("git_version",), "What runs here; always 1.")
RUNNING_PODS = Family("kubelet_running_pods", "gauge", (), "Pods of which a sandbox is ready.")
RUNNING_CONTAINERS = Family(
    "kubelet_running_containers", "gauge", ("container_state",), "Containers, by state."
)
DESIRED_PODS = Family("kubelet_desired_pods", "gauge", ("static",), "Pods that the node was told to run.")
ACTIVE_PODS = Family("kubelet_active_pods", "gauge", ("static",), "Of those, the ones that have not ended.")
MIRROR_PODS = Family("kubelet_mirror_pods", "gauge", (), "Mirror Pods that stand for static ones.")
VOLUMES = {
    f"kubelet_volume_stats_{name}": Family(
        f"kubelet_volume_stats_{name}",
        "gauge",
        ("namespace", "persistentvolumeclaim"),
        f"Of a claim that a Pod uses here: {help}.",
    )
    for name, help in (
        ("capacity_bytes", "size in bytes"),
        ("available_bytes", "bytes left"),
        ("used_bytes", "bytes in use"),
        ("inodes", "inodes"),
        ("inodes_free", "inodes left"),
        ("inodes_used", "inodes in use"),
    )
}
REQUESTS = Family(
    "kubelet_http_requests_total",
    "counter",
    ("long_running", "method", "path", "server_type"),
    "Requests to this server.",
)
PROBES = Family(
    "prober_probe_total",
    "counter",
    ("container", "namespace", "pod", "pod_uid", "probe_type", "result"),
    "Answers of a running container to its probes.",
    "BETA",
)
STATUS_WRITES = Family(
    "podling_agent_status_writes_total", "counter", (), "Statuses of Pods written to the API.", ""
)
REFERENCES = Family(
    "podling_agent_references_watched", "gauge", (), "ConfigMaps and Secrets that Pods here refer to.", ""
)

Asked = Mapping[tuple[str, ...], int]
"""Requests so far, by the labels of `REQUESTS`."""


def render(kit: Kit, pods: Pods, reading: Reading, asked: Asked) -> str:
    """The answer to ``/metrics``."""
    requests: list[Sample] = [*asked.items()]
    families = [*_of_agent(kit, pods), *_of_claims(reading), (REQUESTS, requests)]
    told = (line for family, samples in families for line in text(family, samples))
    return "".join([*told, *processmetrics.lines()])


def probes(kit: Kit) -> str:
    """The answer to ``/metrics/probes``."""
    samples: Counter[tuple[str, ...]] = Counter()
    for pod, container, kind, result, count in kit.probes.counts():
        meta = pod.metadata
        named = (container, meta.namespace or "", meta.name or "", meta.uid or "", kind, result)
        samples[named] += count
    return "".join(text(PROBES, samples.items()))


def _of_agent(kit: Kit, pods: Pods) -> Iterator[tuple[Family, list[Sample]]]:
    workers = [*pods.workers()]
    found = Counter(
        record.state for worker in workers for record in kit.observed.containers(worker.memory.uid)
    )
    known: dict[ContainerState, int] = {**dict.fromkeys(ContainerState, 0), **found}
    active = [worker for worker in workers if not pods_api.is_terminal(_as_now(worker))]
    mirrors = sum(pods_api.is_mirror(worker.memory.pod) for worker in workers)
    yield NODE_NAME, [((kit.config.node_name,), 1)]
    yield BUILD, [((kit.config.kubelet_version,), 1)]
    yield RUNNING_PODS, [((), sum(worker.memory.status.phase == "Running" for worker in workers))]
    yield RUNNING_CONTAINERS, [((state.value,), count) for state, count in known.items()]
    yield DESIRED_PODS, _by_static(workers)
    yield ACTIVE_PODS, _by_static(active)
    yield MIRROR_PODS, [((), mirrors)]
    yield STATUS_WRITES, [((), sum(worker.writer.writes for worker in workers))]
    yield REFERENCES, [((), kit.references.statistics()["watched"])]


def _as_now(worker: PodWorker) -> core_v1.Pod:
    pod = worker.memory.pod
    return core_v1.Pod(metadata=pod.metadata, spec=pod.spec, status=worker.memory.status)


def _by_static(workers: Iterable[PodWorker]) -> list[Sample]:
    listed = [*workers]
    static = sum(pods_api.is_mirror(worker.memory.pod) for worker in listed)
    return [(("true",), static), (("",), len(listed) - static)]


def _of_claims(reading: Reading) -> Iterator[tuple[Family, list[Sample]]]:
    claims = [
        ((pod.namespace, volume.claim), volume)
        for pod in reading.pods
        for volume in pod.volumes
        if volume.claim
    ]
    for name, family in VOLUMES.items():
        samples: dict[tuple[str, ...], int] = {}
        for labels, volume in claims:
            room = volume.filesystem
            samples[labels] = {
                "capacity_bytes": room.capacity,
                "available_bytes": room.available,
                "used_bytes": volume.used,
                "inodes": room.inodes,
                "inodes_free": room.inodes_free,
                "inodes_used": volume.inodes_used,
            }[name.removeprefix("kubelet_volume_stats_")]
        yield family, [*samples.items()]
