"""A Deployment whose controller does not see its own ReplicaSets yet; found by seed 268 of the simulation."""

import asyncio

import msgspec

from podling.api import kinds
from podling.api.types import apps_v1
from podling.client.errors import ConnectionFault
from podling.testing.simulation.cluster import SimulatedCluster
from podling.testing.virtualtime import virtual


def deployment():
    labels = {"app": "web"}
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
        },
    }
    return msgspec.convert(
        {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}, apps_v1.Deployment
    )


@virtual
async def test_a_second_template_waits_until_the_first_replica_set_is_seen():
    blind = True

    def ends_watch(request):
        return ConnectionFault("cut") if blind and request.path.endswith("/replicasets") else None

    async with SimulatedCluster("old news") as cluster:
        await asyncio.sleep(1)
        cluster.weather.ends_watch = ends_watch
        deployments = cluster.client.resource(apps_v1.Deployment)
        await deployments.create(deployment())
        await cluster.until(lambda: cluster.all(kinds.REPLICA_SET))
        change = {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}
        await deployments.patch("web", change, namespace="default")
        await asyncio.sleep(5)
        assert [each.spec.replicas for each in cluster.all(kinds.REPLICA_SET)] == [3]

        blind = False
        await cluster.quiet(seconds=100, at_most=1000)
        assert sorted(each.spec.replicas for each in cluster.all(kinds.REPLICA_SET)) == [0, 3]
        assert cluster.all(kinds.DEPLOYMENT)[0].status.updated_replicas == 3
