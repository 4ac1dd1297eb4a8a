"""A whole cluster in memory and virtual time: real API server, controllers, scheduler, and an agent over simulated containers.

    async with ControllersWorld(tmp_path) as world:
        await world.create(apps_v1.ReplicaSet, "web", spec={...})
        await world.until(lambda: len(world.pods()) == 3)

`until` looks again after every change that the world's own informers see; nothing sleeps.
"""

from __future__ import annotations

import asyncio
import functools
import random
from contextlib import AsyncExitStack

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.agent.agent import Agent
from podling.agent.config import AgentConfig
from podling.agent.server import resource
from podling.agent.server.meter import Meter
from podling.aio.clock import LoopClock
from podling.api import errors
from podling.api.pod.conditions import is_ready
from podling.api.types import apps_v1, batch_v1, core_v1
from podling.apiserver.config import Config
from podling.apiserver.request import UserInfo
from podling.apiserver.server import ApiServer
from podling.client import Client
from podling.client.events import EventRecorder
from podling.client.informer import Handler
from podling.client.informers import Informers
from podling.cluster import users
from podling.cluster.inprocess import InProcessTransport
from podling.controllers.loop import Controllers
from podling.controllers.reconcile import Context
from podling.controllers.registry import CONTROLLERS
from podling.controllers.settings import ControllerSettings
from podling.network.host import Host
from podling.runtime.simulated import SimulatedImages, SimulatedRuntime, World
from podling.scheduler import Scheduler
from podling.store.memory import MemoryStore

EPOCH = 1_700_000_000.0
NODE = "node-1"
ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
SEEN = (
    core_v1.Pod,
    apps_v1.ReplicaSet,
    apps_v1.Deployment,
    apps_v1.DaemonSet,
    apps_v1.StatefulSet,
    core_v1.ReplicationController,
    batch_v1.Job,
    batch_v1.CronJob,
    core_v1.ConfigMap,
)


class Kubelets:
    """How the API server asks the world's agents what is used."""

    def __init__(self):
        self.agents = {}

    async def connect(self, node_name):
        raise AssertionError(f"nobody should ask for node {node_name}")

    async def read(self, node_name, path):
        assert path == "/metrics/resource"
        agent = self.agents[node_name]
        return resource.render(await Meter(agent.kit, agent.pods).read(disk=False))


class Addresses:
    """A network that only counts."""

    def __init__(self):
        self.given, self._next = {}, 1

    async def attach(self, sandbox_id, netns, config):
        self._next += 1
        self.given[sandbox_id] = f"10.42.{self._next // 250}.{self._next % 250 + 1}"
        return (self.given[sandbox_id],)

    async def detach(self, sandbox_id):
        self.given.pop(sandbox_id, None)

    async def addresses(self, sandbox_id):
        return (self.given[sandbox_id],) if sandbox_id in self.given else ()


def signing_key():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class ControllersWorld:
    """`with_agent=False`: Pods are created and scheduled, but nobody runs them.  `settings` are the controllers'."""

    def __init__(
        self, folder, *, with_agent=True, nodes=(NODE,), rows=CONTROLLERS, pulls=None, epoch=EPOCH, **settings
    ):
        self.settings = ControllerSettings(**{"root_ca": "CA", **settings})
        self.folder, self.nodes, self.rows = folder, nodes if with_agent else (), rows
        self.clock = LoopClock(epoch)
        self.kubelets = Kubelets()
        self.machines = {}
        self.images = SimulatedImages(pulls)
        self._stack = AsyncExitStack()
        self._changed = asyncio.Event()

    async def __aenter__(self):
        store = MemoryStore()
        await self._run(store, store.close)
        self.server = ApiServer(
            Config(service_account_key=signing_key()),
            store=store,
            clock=self.clock,
            random=random.Random(2),
            dial=self.kubelets,
        )
        await self._run(self.server, self.server.close)
        self.client = self.client_of(ADMIN)
        await self._start_controllers()
        await self._start_scheduler()
        self.seen = Informers(self.client_of(ADMIN), random=random.Random(7))
        tell = Handler(on_add=self._tell, on_update=self._tell, on_delete=self._tell)
        for kind in SEEN:
            self.seen.get(kind).add_handler(tell)
        await self._run(self.seen, self.seen.stop)
        await self.seen.wait_synced()
        for number, node in enumerate(self.nodes):
            await self.start_agent(node, number)
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    def client_of(self, user):
        client = Client(InProcessTransport(self.server, user), user_agent=user.name)
        self._stack.push_async_callback(client.close)
        return client

    async def create(
        self, kind, name, *, namespace="default", owners=(), labels=None, annotations=None, **fields
    ):
        meta = {
            "name": name,
            "namespace": namespace,
            "labels": labels or {},
            "annotations": annotations or {},
            "ownerReferences": [owner if isinstance(owner, dict) else reference(owner) for owner in owners],
        }
        obj = msgspec.convert({"metadata": meta, **fields}, kind)
        return await self.client.resource(kind).create(obj)

    async def patch(self, kind, name, patch, **how):
        return await self.client.resource(kind).patch(name, patch, namespace="default", **how)

    async def get(self, kind, name):
        return await self.client.resource(kind).get(name, namespace="default")

    async def delete(self, kind, name, **how):
        await self.client.resource(kind).delete(name, namespace="default", **how)

    async def exists(self, kind, name, namespace="default"):
        try:
            return await self.client.resource(kind).get(name, namespace=namespace)
        except errors.NotFound:
            return None

    def all(self, kind, namespace="default"):
        """What the world's informer holds, by name."""
        return sorted(self.seen.get(kind).list(namespace), key=lambda obj: obj.metadata.name)

    def one(self, kind, name):
        return self.seen.get(kind).get("default", name)

    def pods(self):
        """Pods that are not being deleted."""
        return [pod for pod in self.all(core_v1.Pod) if pod.metadata.deletion_timestamp is None]

    def ready(self):
        return [pod for pod in self.pods() if is_ready(pod)]

    async def until(self, condition, *, seconds=3600):
        """Wait in virtual time until `condition()`; it is asked after every change."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                self._changed.clear()
                await self._changed.wait()
        return found

    async def idle(self):
        """Let pass what happens by itself within a virtual minute, then wait until controllers have nothing to do."""
        await asyncio.sleep(60)
        await self.controllers.wait_idle()

    async def events(self, name):
        for service in self.controllers.services:
            if isinstance(service, EventRecorder):
                await service.wait_written()
        page = await self.client.resource(core_v1.Event).list(namespace="default")
        return [(e.type, e.reason, e.message) for e in page.items if e.involved_object.name == name]

    async def _run(self, part, end):
        await part.start()
        self._stack.push_async_callback(end)

    def _tell(self, *_):
        self._changed.set()

    async def _start_controllers(self):
        self.informers = Informers(self.client_of(users.CONTROLLERS), random=random.Random(4), guard=True)
        await self._run(self.informers, self.informers.stop)
        clients = functools.cache(lambda name: self.client_of(users.controller(name)))
        context = Context(
            clients=clients,
            informers=self.informers,
            clock=self.clock,
            random=random.Random(5),
            settings=self.settings,
        )
        self.controllers = Controllers(context, self.rows)
        await self._run(self.controllers, self.controllers.stop)

    async def _start_scheduler(self):
        informers = Informers(self.client_of(users.SCHEDULER), random=random.Random(6))
        await self._run(informers, informers.stop)
        client = self.client_of(users.SCHEDULER)
        events = EventRecorder(client, component="default-scheduler", clock=self.clock)
        await self._run(events, events.stop)
        scheduler = Scheduler(client, informers, events, chance=random.Random(8))
        await self._run(scheduler, scheduler.stop)

    async def start_agent(self, node, number=0):
        machine = self.machines[node] = World(clock=self.clock, random=random.Random(1))
        folder = self.folder / node
        folder.mkdir()
        agent = Agent(
            AgentConfig(node_name=node, address=f"10.0.0.{number + 1}"),
            host=Host(netns="", cgroup="", state_dir=folder),
            client=self.client_of(users.node(node)),
            runtime=SimulatedRuntime(machine, network=Addresses(), images=self.images),
            images=self.images,
            clock=self.clock,
            random=random.Random(3),
        )
        self.kubelets.agents[node] = agent
        await self._run(agent, agent.stop)


def reference(owner, **more):
    """An owner reference to an object, with camelCase fields over it."""
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        **more,
    }


def template(labels, *, grace=1, **container):
    return {
        "metadata": {"labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": grace,
            "containers": [{"name": "main", "image": "busybox:1", **container}],
        },
    }
