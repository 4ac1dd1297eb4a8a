"""``/stats/summary`` and ``/metrics``: what containers use, by Pod, and how the agent itself does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from aiohttp import web

from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.api import times
from podling.runtime.interface import ContainerStats, RuntimeFault

JSON = "application/json"


async def summary(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.Response:
    """The parts of the Summary API that every runtime can tell."""
    usage = await _usage(kit)
    told = []
    for worker in pods.workers():
        memory = worker.memory
        records = [record for record in kit.observed.containers(memory.uid) if record.id in usage]
        told.append(
            {
                "podRef": {"name": memory.name, "namespace": memory.namespace, "uid": memory.uid},
                "startTime": memory.status.start_time,
                "containers": [_container(record.name, usage[record.id]) for record in records],
                **_sum([usage[record.id] for record in records]),
            }
        )
    node = {"nodeName": kit.config.node_name, **_sum(list(usage.values()))}
    return web.Response(body=msgspec.json.encode({"node": node, "pods": told}), content_type=JSON)


async def metrics(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.Response:
    """Prometheus text with upstream's names."""
    workers = [*pods.workers()]
    states = Counter(
        record.state.value for worker in workers for record in kit.observed.containers(worker.memory.uid)
    )
    lines = [
        "# TYPE kubelet_node_name gauge",
        f'kubelet_node_name{{node="{kit.config.node_name}"}} 1',
        "# TYPE kubelet_running_pods gauge",
        f"kubelet_running_pods {sum(worker.memory.status.phase == 'Running' for worker in workers)}",
        "# TYPE kubelet_running_containers gauge",
        *(
            f'kubelet_running_containers{{container_state="{state}"}} {n}'
            for state, n in sorted(states.items())
        ),
        "# TYPE podling_agent_status_writes_total counter",
        f"podling_agent_status_writes_total {sum(worker.writer.writes for worker in workers)}",
        "# TYPE podling_agent_references_watched gauge",
        f"podling_agent_references_watched {kit.references.statistics()['watched']}",
    ]
    return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


async def _usage(kit: Kit) -> dict[str, ContainerStats]:
    try:
        return {one.container_id: one for one in await kit.runtime.stats()}
    except RuntimeFault:
        return {}


def _container(name: str, one: ContainerStats) -> dict[str, Any]:
    return {"name": name, **_sum([one]), "rootfs": {"time": _time(one.at), "usedBytes": one.rootfs_used}}


def _sum(parts: list[ContainerStats]) -> dict[str, Any]:
    if not parts:
        return {}
    at = _time(max(part.at for part in parts))
    return {
        "cpu": {"time": at, "usageCoreNanoSeconds": sum(part.cpu_usage for part in parts)},
        "memory": {
            "time": at,
            "usageBytes": sum(part.memory_usage for part in parts),
            "workingSetBytes": sum(part.memory_working_set for part in parts),
            "rssBytes": sum(part.memory_rss for part in parts),
        },
    }


def _time(nanoseconds: int) -> str:
    return times.rfc3339(nanoseconds / 1e9)
