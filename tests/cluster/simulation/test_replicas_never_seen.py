"""A Pod that comes and goes while its controller's watch has lost its place: nothing ever tells of it, and yet it is replaced."""

import asyncio

import msgspec

from podling.api import kinds
from podling.api.types import apps_v1, core_v1
from podling.testing.simulation.cluster import SimulatedCluster
from podling.testing.simulation.faults import status
from podling.testing.virtualtime import virtual


def replica_set():
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return msgspec.convert(
        {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}, apps_v1.ReplicaSet
    )


@virtual
async def test_a_pod_that_is_gone_before_it_was_seen_is_replaced():
    blind = True

    def ends_watch(request):
        lost = blind and request.path == "/api/v1/pods"
        return b'{"type":"ERROR","object":%s}\n' % status(410) if lost else None

    async with SimulatedCluster("never seen") as cluster:
        await asyncio.sleep(1)
        cluster.weather.ends_watch = ends_watch
        await cluster.client.resource(apps_v1.ReplicaSet).create(replica_set())
        (first,) = await cluster.until(lambda: cluster.all(kinds.POD))
        pods = cluster.client.resource(core_v1.Pod)
        await pods.delete(first.metadata.name, namespace="default", grace_period_seconds=0)
        await cluster.until(lambda: not cluster.all(kinds.POD))
        blind = False
        (second,) = await cluster.until(lambda: cluster.all(kinds.POD), seconds=60)
        assert second.metadata.uid != first.metadata.uid
