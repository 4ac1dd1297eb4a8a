"""A Pod that comes and goes while its controller's watch has lost its place: nothing ever tells of it, and yet it is replaced."""

import asyncio

import msgspec
import pytest

from podling.api import kinds
from podling.api.types import apps_v1, batch_v1, core_v1
from podling.testing.simulation.cluster import SimulatedCluster
from podling.testing.simulation.faults import status
from podling.testing.virtualtime import virtual


def workload(kind):
    """One Pod, made by a controller of this kind."""
    labels = {"app": "web"}
    pod = {"containers": [{"name": "main", "image": "busybox:1"}]}
    if kind is batch_v1.Job:
        spec = {"template": {"spec": {**pod, "restartPolicy": "Never"}}}
    else:
        spec = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
    return msgspec.convert({"metadata": {"name": "web", "namespace": "default"}, "spec": spec}, kind)


@virtual
@pytest.mark.parametrize(
    "kind",
    [apps_v1.ReplicaSet, apps_v1.StatefulSet, apps_v1.DaemonSet, batch_v1.Job],
    ids=lambda kind: kind.__name__,
)
async def test_a_pod_that_is_gone_before_it_was_seen_is_replaced(kind):
    blind = True

    def ends_watch(request):
        lost = blind and request.path == "/api/v1/pods"
        return b'{"type":"ERROR","object":%s}\n' % status(410) if lost else None

    async with SimulatedCluster("never seen", nodes=("node-1",)) as cluster:
        await asyncio.sleep(1)
        cluster.weather.ends_watch = ends_watch
        await cluster.client.resource(kind).create(workload(kind))
        (first,) = await cluster.until(lambda: cluster.all(kinds.POD))
        pods = cluster.client.resource(core_v1.Pod)
        for finalizer in first.metadata.finalizers or ():
            await pods.patch(first.metadata.name, without(finalizer), namespace="default")
        await pods.delete(first.metadata.name, namespace="default", grace_period_seconds=0)
        await cluster.until(lambda: not cluster.all(kinds.POD))
        blind = False
        (second,) = await cluster.until(lambda: cluster.all(kinds.POD), seconds=60)
        assert second.metadata.uid != first.metadata.uid


def without(finalizer):
    return {"metadata": {"$deleteFromPrimitiveList/finalizers": [finalizer]}}
