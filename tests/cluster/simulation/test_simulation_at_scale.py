"""A Deployment of some hundreds on simulated nodes, in virtual time; `bench/scale.py` has the thousands."""

import msgspec

from podling.api import kinds
from podling.api.types import apps_v1
from podling.testing.simulation.cluster import SimulatedCluster
from podling.testing.simulation.laws import Picture, settled
from podling.testing.simulation.witness import Witness
from podling.testing.virtualtime import virtual

REPLICAS, SURGE, UNAVAILABLE = 200, 50, 50
NODES = [f"node-{number}" for number in range(20)]


def deployment():
    labels = {"app": "web"}
    spec = {
        "replicas": REPLICAS,
        "selector": {"matchLabels": labels},
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
        },
    }
    return msgspec.convert(
        {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}, apps_v1.Deployment
    )


@virtual
async def test_two_hundred_pods_are_spread_roll_within_their_bounds_and_go_with_their_owner():
    witness, most = Witness(), 0
    async with SimulatedCluster("scale", nodes=NODES) as cluster:
        cluster.chronicle.listen(lambda old, new: witness.see(old, new, 0.0))
        deployments = cluster.client.resource(apps_v1.Deployment)

        def at_rest():
            (web,) = cluster.all(kinds.DEPLOYMENT)
            counts = (web.status.replicas, web.status.updated_replicas, web.status.available_replicas)
            return web.status.observed_generation == web.metadata.generation and counts == (REPLICAS,) * 3

        def count(*_):
            nonlocal most
            sizes = [each.spec.replicas for each in cluster.all(kinds.REPLICA_SET)]
            most = max(most, sum(sizes))
            assert not sizes or sum(sizes) >= REPLICAS - UNAVAILABLE

        await deployments.create(deployment())
        await cluster.until(lambda: cluster.all(kinds.DEPLOYMENT) and cluster.all(kinds.DEPLOYMENT)[0].status)
        await cluster.until(at_rest)
        spread = [pod.spec.node_name for pod in cluster.all(kinds.POD)]
        fair = REPLICAS // len(NODES)
        assert all(fair / 2 <= spread.count(name) <= fair * 2 for name in NODES)

        cluster.chronicle.listen(count)
        patch = {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}
        await deployments.patch("web", patch, namespace="default")
        await cluster.until(at_rest)
        assert REPLICAS < most <= REPLICAS + SURGE
        assert await cluster.quiet(seconds=100, at_most=1000)
        assert witness.breaches + settled(Picture(cluster.chronicle.objects())) == []

        await deployments.delete("web", namespace="default", propagation_policy="Background")
        await cluster.until(lambda: not cluster.all(kinds.POD) and not cluster.all(kinds.REPLICA_SET))
