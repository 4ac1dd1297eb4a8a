"""GET and LIST of NodeMetrics and PodMetrics.

Which nodes and Pods there are is what the API knows; of those, the ones are shown whose kubelet tells what they use, Pods only while they
run. Source: kubernetes-sigs/metrics-server pkg/api.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from podling.api import errors, kinds, quantity, times
from podling.api.durations import text as duration
from podling.api.kinds import Kind
from podling.api.quantity import Format, Quantity
from podling.api.types import core_v1, meta_v1, metrics_v1beta1
from podling.apiserver import render, selection
from podling.apiserver.call import Call, Serve
from podling.apiserver.options import list_options
from podling.apiserver.request import Response

from . import rates
from .collector import Pair
from .rates import Usage
from .samples import PodName

_encode = msgspec.json.Encoder().encode


async def _list_nodes(call: Call) -> Response:
    nodes = [*call.services.world.bodies(kinds.NODE, selection.of(call, list_options(call.request.query)))]
    told = await call.services.usage.of(node.metadata.name for node in nodes)
    found = [_node(node, told[node.metadata.name], call) for node in nodes if node.metadata.name in told]
    return await _many(call, [one for one in found if one is not None])


async def _get_node(call: Call) -> Response:
    name = call.info.name
    node = call.services.world.read(kinds.NODE, "", name)
    if node is None:
        raise errors.NotFound(kinds.NODE, name)
    told = await call.services.usage.of([name])
    found = _node(node, told[name], call) if name in told else None
    if found is None:
        raise errors.NotFound(call.resource.kind, name)
    return render.one(call, _encode(found))


async def _list_pods(call: Call) -> Response:
    selected = selection.of(call, list_options(call.request.query))
    return await _many(call, await _pods(call, _running(call.services.world.bodies(kinds.POD, selected))))


async def _get_pod(call: Call) -> Response:
    pod = call.services.world.read(kinds.POD, call.namespace, call.info.name)
    if pod is None:
        raise errors.NotFound(kinds.POD, call.info.name)
    found = await _pods(call, _running([pod]))
    if not found:
        raise errors.NotFound(call.resource.kind, f"{call.namespace}/{call.info.name}")
    return render.one(call, _encode(found[0]))


VERBS: Mapping[tuple[Kind, str], Serve] = {
    (kinds.NODE_METRICS, "get"): _get_node,
    (kinds.NODE_METRICS, "list"): _list_nodes,
    (kinds.POD_METRICS, "get"): _get_pod,
    (kinds.POD_METRICS, "list"): _list_pods,
}


async def _many(call: Call, items: Iterable[msgspec.Struct]) -> Response:
    return await render.many(call, [_encode(item) for item in items], meta_v1.ListMeta())


def _running(pods: Iterable[core_v1.Pod]) -> list[core_v1.Pod]:
    return [
        pod
        for pod in pods
        if pod.status and pod.status.phase == "Running" and pod.spec and pod.spec.node_name
    ]


async def _pods(call: Call, pods: list[core_v1.Pod]) -> list[metrics_v1beta1.PodMetrics]:
    told = await call.services.usage.of(_node_of(pod) for pod in pods)
    found = [_pod(pod, told[_node_of(pod)], call) for pod in pods if _node_of(pod) in told]
    return [one for one in found if one is not None]


def _node_of(pod: core_v1.Pod) -> str:
    return (pod.spec.node_name if pod.spec else None) or ""


def _node(node: core_v1.Node, pair: Pair, call: Call) -> metrics_v1beta1.NodeMetrics | None:
    usage = rates.between(pair.before.node, pair.now.node)
    if usage is None:
        return None
    return metrics_v1beta1.NodeMetrics(
        metadata=_metadata(node.metadata, call), usage=_usage(usage), **_when(usage.at, usage.window)
    )


def _pod(pod: core_v1.Pod, pair: Pair, call: Call) -> metrics_v1beta1.PodMetrics | None:
    name = PodName(pod.metadata.namespace or "", pod.metadata.name or "")
    used = rates.of_pod(pair.before.pods.get(name, {}), pair.now.pods.get(name, {}))
    if used is None:
        return None
    first = min(used.values(), key=lambda one: one.at)
    return metrics_v1beta1.PodMetrics(
        metadata=_metadata(pod.metadata, call),
        containers=[
            metrics_v1beta1.ContainerMetrics(name=name, usage=_usage(usage)) for name, usage in used.items()
        ],
        **_when(first.at, first.window),
    )


def _metadata(meta: meta_v1.ObjectMeta, call: Call) -> meta_v1.ObjectMeta:
    """Of an object that is made as it is asked for; the labels are those of what is measured."""
    return meta_v1.ObjectMeta(
        name=meta.name, namespace=meta.namespace, labels=meta.labels, creation_timestamp=call.services.now()
    )


def _usage(usage: Usage) -> dict[str, str]:
    return {"cpu": str(Quantity(usage.cpu)), "memory": str(quantity.of(usage.memory, Format.BINARY_SI))}


def _when(at: float, window: float) -> dict[str, str]:
    return {"timestamp": times.rfc3339(at), "window": duration(round(window * 1e3) * 1_000_000)}
