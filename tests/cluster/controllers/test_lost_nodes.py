"""Nodes that fall silent, and what becomes of their Pods: whole clusters in memory and virtual time."""

import asyncio
import collections

import pytest
from controllers_world import ControllersWorld, template

from podling.api.types import apps_v1, core_v1, meta_v1
from podling.client import Client
from podling.client.errors import ConnectionFault
from podling.client.resource import PatchType
from podling.cluster.inprocess import InProcessTransport
from podling.testing.virtualtime import virtual

POD, NODE = core_v1.Pod, core_v1.Node
LABELS = {"app": "web"}
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
THREE = ("node-1", "node-2", "node-3")


class Line:
    """The way from one node to the API server, which can be cut: requests fail, and watches break off."""

    def __init__(self, transport):
        self.transport, self.is_cut = transport, asyncio.Event()

    async def send(self, request):
        if self.is_cut.is_set():
            raise ConnectionFault("the line is cut")
        return Answer(await self.transport.send(request), self)

    async def close(self):
        await self.transport.close()


class Answer:
    def __init__(self, answer, line):
        self._answer, self._line = answer, line
        self.status, self.headers, self.read, self.close = (
            answer.status,
            answer.headers,
            answer.read,
            answer.close,
        )

    async def chunks(self):
        pieces = aiter(self._answer.chunks())
        cut = asyncio.ensure_future(self._line.is_cut.wait())
        piece = cut
        try:
            while not cut.done():
                piece = asyncio.ensure_future(anext(pieces, None))
                await asyncio.wait({piece, cut}, return_when=asyncio.FIRST_COMPLETED)
                if not cut.done():
                    if piece.result() is None:
                        return
                    yield piece.result()
            raise ConnectionFault("the line was cut")
        finally:
            cut.cancel()
            piece.cancel()
            await asyncio.wait({piece, cut})


class LossyWorld(ControllersWorld):
    """`lose` and `find` a node; its containers run on meanwhile."""

    def __init__(self, folder, *, nodes=THREE, **more):
        super().__init__(folder, nodes=nodes, **more)
        self.lines = collections.defaultdict(list)

    def client_of(self, user):
        if not user.name.startswith("system:node:"):
            return super().client_of(user)
        line = Line(InProcessTransport(self.server, user))
        self.lines[user.name.rpartition(":")[2]].append(line)
        client = Client(line, user_agent=user.name)
        self._stack.push_async_callback(client.close)
        return client

    def lose(self, *names):
        for name in names:
            for line in self.lines[name]:
                line.is_cut.set()

    def find(self, *names):
        for name in names:
            for line in self.lines[name]:
                line.is_cut.clear()

    async def __aexit__(self, *failure):
        self.find(*self.lines)
        await super().__aexit__(*failure)

    def nodes_of(self, pods):
        return collections.Counter(pod.spec.node_name for pod in pods)

    async def node(self, name):
        return await self.client.resource(NODE).get(name)

    async def taints(self, name):
        found = (await self.node(name)).spec.taints or ()
        return sorted((taint.key.rpartition("/")[2], taint.effect) for taint in found)

    async def readiness(self, name):
        conditions = (await self.node(name)).status.conditions
        return next((each.status, each.reason) for each in conditions if each.type == "Ready")


async def deployment(world, replicas=3, **spec):
    made = template(LABELS)
    made["spec"].update(spec)
    await world.create(
        apps_v1.Deployment,
        "web",
        spec={"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": made},
    )
    await world.until(lambda: len(world.ready()) == replicas)


BAD = [("unreachable", "NoExecute"), ("unreachable", "NoSchedule")]


@virtual
async def test_a_silent_node_is_lost_after_its_grace_and_its_pods_come_back_elsewhere_after_300_seconds(
    tmp_path,
):
    async with LossyWorld(tmp_path) as world:
        await deployment(world, 6)
        before = world.nodes_of(world.pods())
        assert set(before) == set(THREE)
        await world.idle()
        assert [await world.taints(name) for name in THREE] == [[], [], []]
        world.lose("node-2")
        began = world.clock.now()
        await world.until(lambda: len(world.ready()) < 6)
        assert 40 <= world.clock.now() - began <= 61, "50 seconds since the Lease was last renewed"
        assert await world.readiness("node-2") == ("Unknown", "NodeStatusUnknown")
        await asyncio.sleep(8)
        assert await world.taints("node-2") == BAD
        assert len(world.pods()) == 6, "their tolerations keep them for 300 seconds"
        await world.until(lambda: len(world.ready()) == 6)
        assert 340 <= world.clock.now() - began <= 400
        assert "node-2" not in world.nodes_of(world.pods())
        leaving = [pod for pod in world.all(POD) if pod.metadata.deletion_timestamp]
        assert world.nodes_of(leaving) == {"node-2": before["node-2"]}, "nobody can say that they have ended"
        reasons = {
            each.reason
            for pod in leaving
            for each in pod.status.conditions
            if each.type == "DisruptionTarget"
        }
        assert reasons == {"DeletionByTaintManager"}


@virtual
async def test_a_node_that_returns_stops_what_should_not_run_any_more(tmp_path):
    async with LossyWorld(tmp_path) as world:
        await deployment(world, 3)
        world.lose("node-2")
        await asyncio.sleep(600)
        assert len(world.all(POD)) > 3
        world.find("node-2")
        await world.until(lambda: len(world.all(POD)) == len(world.ready()) == 3)
        await world.idle()
        assert await world.readiness("node-2") == ("True", "KubeletReady")
        assert await world.taints("node-2") == []
        assert world.controllers.statistics()["node-lifecycle-controller"].last_error == ""


@virtual
async def test_a_node_that_returns_in_time_keeps_its_pods(tmp_path):
    async with LossyWorld(tmp_path) as world:
        await deployment(world, 3)
        uids = {pod.metadata.uid for pod in world.pods()}
        world.lose("node-2")
        await asyncio.sleep(200)
        assert await world.taints("node-2") == BAD
        assert len(world.ready()) == 2
        world.find("node-2")
        await world.until(lambda: len(world.ready()) == 3)
        await asyncio.sleep(600)
        assert {pod.metadata.uid for pod in world.pods()} == uids
        assert await world.taints("node-2") == []


@virtual
async def test_a_stateful_set_has_at_most_one_pod_of_each_name(tmp_path):
    """Its Pod on a lost node is not replaced before somebody knows that it has ended: the node returns, or is said to be dead."""
    async with LossyWorld(tmp_path) as world:
        await world.create(
            apps_v1.StatefulSet,
            "db",
            spec={
                "replicas": 3,
                "serviceName": "db",
                "selector": {"matchLabels": LABELS},
                "template": template(LABELS),
            },
        )
        await world.until(lambda: len(world.ready()) == 3)
        lost = world.pods()[1]
        world.lose(lost.spec.node_name)
        await asyncio.sleep(3600)
        held = world.one(POD, lost.metadata.name)
        assert held.metadata.uid == lost.metadata.uid
        assert held.metadata.deletion_timestamp is not None
        dead = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        node = await world.node(lost.spec.node_name)
        node.spec.taints = [*node.spec.taints, core_v1.Taint(**dead)]
        await world.client.resource(NODE).update(node)
        await world.until(lambda: len(world.ready()) == 3)
        assert world.one(POD, lost.metadata.name).metadata.uid != lost.metadata.uid


@virtual
async def test_a_daemon_waits_for_its_node(tmp_path):
    async with LossyWorld(tmp_path) as world:
        spec = {"selector": {"matchLabels": LABELS}, "template": template(LABELS)}
        await world.create(apps_v1.DaemonSet, "agent", spec=spec)
        await world.until(lambda: len(world.ready()) == 3)
        uids = {pod.metadata.uid for pod in world.pods()}
        world.lose("node-3")
        await asyncio.sleep(3600)
        assert len(world.ready()) == 2
        assert {pod.metadata.uid for pod in world.pods()} == uids
        world.find("node-3")
        await world.until(lambda: len(world.ready()) == 3)
        assert {pod.metadata.uid for pod in world.pods()} == uids


@virtual
async def test_pods_of_a_node_that_is_deleted_are_replaced(tmp_path):
    async with LossyWorld(tmp_path) as world:
        await deployment(world, 3)
        world.lose("node-1")
        await asyncio.sleep(1)
        await world.client.resource(NODE).delete("node-1")
        await world.until(lambda: set(world.nodes_of(world.all(POD))) == {"node-2", "node-3"})
        await world.until(lambda: len(world.all(POD)) == len(world.ready()) == 3)


@virtual
async def test_when_all_nodes_are_lost_nobody_is_given_up(tmp_path):
    """The fault is more likely here than there; who has been given up already is taken back."""
    async with LossyWorld(tmp_path) as world:
        await deployment(world, 3)
        uids = {pod.metadata.uid for pod in world.pods()}
        world.lose("node-1")
        await asyncio.sleep(120)
        assert await world.taints("node-1") == BAD
        world.lose("node-2", "node-3")
        await asyncio.sleep(3600)
        for name in THREE:
            assert await world.taints(name) == [("unreachable", "NoSchedule")]
        assert {pod.metadata.uid for pod in world.pods()} == uids
        world.find(*THREE)
        await world.until(lambda: len(world.ready()) == 3)
        assert {pod.metadata.uid for pod in world.pods()} == uids


@virtual
async def test_a_small_cluster_that_is_mostly_lost_gives_nobody_up(tmp_path):
    """Three of four: partial disruption in a zone of at most 50 nodes."""
    names = ("node-1", "node-2", "node-3", "node-4")
    async with LossyWorld(tmp_path, nodes=names) as world:
        await world.idle()
        world.lose(*names[1:])
        await asyncio.sleep(600)
        assert [await world.taints(name) for name in names] == [[], *[[("unreachable", "NoSchedule")]] * 3]
        world.find("node-4")
        await asyncio.sleep(60)
        assert [await world.taints(name) for name in names] == [[], BAD, BAD, []]


@virtual
async def test_conditions_and_cordons_are_taints_that_keep_new_pods_away(tmp_path):
    async with LossyWorld(tmp_path, nodes=("node-1",)) as world:
        nodes = world.client.resource(NODE)
        await nodes.patch("node-1", {"spec": {"unschedulable": True}})
        pressed = [{"type": "DiskPressure", "status": "True", "reason": "Full", "message": "full"}]
        await nodes.patch(
            "node-1", {"status": {"conditions": pressed}}, type=PatchType.STRATEGIC, subresource="status"
        )
        await asyncio.sleep(1)
        assert await world.taints("node-1") == [
            ("disk-pressure", "NoSchedule"),
            ("unschedulable", "NoSchedule"),
        ]
        await world.create(POD, "web", spec=template({})["spec"])
        await asyncio.sleep(1)
        assert not world.ready()
        await nodes.patch("node-1", {"spec": {"unschedulable": None}})
        pressed[0]["status"] = "False"
        await nodes.patch(
            "node-1", {"status": {"conditions": pressed}}, type=PatchType.STRATEGIC, subresource="status"
        )
        await world.until(world.ready)
        assert await world.taints("node-1") == []


@virtual
async def test_a_node_that_never_says_how_it_is_is_given_up_after_its_startup_grace(tmp_path):
    async with LossyWorld(tmp_path, nodes=("node-1",)) as world:
        stub = core_v1.Node(metadata=meta_v1.ObjectMeta(name="ghost", labels={"kubernetes.io/os": "linux"}))
        await world.client.resource(NODE).create(stub)
        await asyncio.sleep(55)
        assert (await world.node("ghost")).status is None
        await asyncio.sleep(10)
        assert await world.readiness("ghost") == ("Unknown", "NodeStatusNeverUpdated")
        assert (await world.node("ghost")).metadata.labels["beta.kubernetes.io/os"] == "linux"
        await asyncio.sleep(10)
        assert await world.taints("ghost") == BAD
        told = [(reason, message) for _, reason, message in await world.events("ghost")]
        assert ("RegisteredNode", "Node ghost event: Registered Node ghost in Controller") in told


@pytest.mark.parametrize("seconds", [0, 30])
@virtual
async def test_pods_on_a_lost_node_leave_by_their_own_tolerations(tmp_path, seconds):
    async with LossyWorld(tmp_path) as world:
        quick = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
            for key in (NOT_READY, UNREACHABLE)
        ]
        await deployment(world, 3, tolerations=quick)
        world.lose("node-2")
        began = world.clock.now()
        await world.until(lambda: len(world.ready()) < 3)
        await world.until(lambda: len(world.ready()) == 3)
        assert world.clock.now() - began <= 61 + 6 + seconds + 5
