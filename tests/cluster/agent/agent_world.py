"""A node's agent over simulated containers and a real API server on the memory store, in virtual time.

    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until("web", lambda pod: world.is_ready(pod))

Pods are bound by hand: there is no scheduler and no controller here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.agent.agent import Agent
from podling.agent.config import AgentConfig
from podling.agent.staticpods import Manifests
from podling.aio.clock import LoopClock
from podling.api import errors
from podling.api.types import core_v1, meta_v1
from podling.apiserver.config import Config
from podling.apiserver.request import UserInfo
from podling.apiserver.server import ApiServer
from podling.client import Client
from podling.cluster.inprocess import InProcessTransport
from podling.cluster.manifests import complete
from podling.network.host import Host
from podling.runtime.interface import SandboxConfig
from podling.runtime.simulated import Pull, SimulatedImages, SimulatedRuntime, World
from podling.store.memory import MemoryStore
from podling.testing.mortality import Fate

EPOCH = 1_700_000_000.0
NODE = "node-1"
ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
KUBELET = UserInfo(f"system:node:{NODE}", groups=("system:nodes", "system:authenticated"))


class NoNodes:
    """Nobody asks the API server for streams here."""

    async def connect(self, node_name: str) -> Any:
        raise AssertionError(f"nobody should ask for node {node_name}")


class Addresses:
    """A network that only counts."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self._next = 1

    async def attach(self, sandbox_id: str, netns: str, config: SandboxConfig) -> tuple[str, ...]:
        self._next += 1
        self.given[sandbox_id] = f"10.42.0.{self._next}"
        return (self.given[sandbox_id],)

    async def detach(self, sandbox_id: str) -> None:
        self.given.pop(sandbox_id, None)

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        return (self.given[sandbox_id],) if sandbox_id in self.given else ()


def signing_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class AgentWorld:
    """Machine, API server and agent; the agent can be stopped, crashed and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        pulls: dict[str, Pull] | None = None,
        manifests: Path | None = None,
        **settings: Any,
    ) -> None:
        """``settings`` are further ones of the agent."""
        self.settings = settings
        self.folder = folder
        self.clock = LoopClock(EPOCH)
        self.machine = World(clock=self.clock, random=random.Random(1))
        self.network = Addresses()
        self.images = SimulatedImages(pulls)
        self.manifests = Manifests(manifests, complete) if manifests is not None else None
        self.requests: list[tuple[str, str]] = []
        self._stack = AsyncExitStack()
        self.agent: Agent | None = None

    async def __aenter__(self) -> AgentWorld:
        store = MemoryStore()
        await store.start()
        self._stack.push_async_callback(store.close)
        config = Config(service_account_key=signing_key())
        self.server = ApiServer(
            config, store=store, clock=self.clock, random=random.Random(2), dial=NoNodes()
        )
        await self.server.start()
        self._stack.push_async_callback(self.server.close)
        self.client = Client(InProcessTransport(self.server, ADMIN))
        self._stack.push_async_callback(self.client.close)
        await self.client.resource(core_v1.ServiceAccount).create(
            core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default"))
        )
        await self.make(core_v1.ConfigMap, "kube-root-ca.crt", data={"ca.crt": "CA"})
        await self.start_agent()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.agent is not None:
            await self.agent.stop()
        await self._stack.aclose()

    async def start_agent(self, fate: Fate | None = None) -> Agent:
        """An agent on the machine; ``fate`` says when it dies."""
        fate = fate or Fate()
        transport = fate.over_transport(_Counting(self.server, KUBELET, self.requests))
        client = Client(transport, user_agent="kubelet", field_manager="kubelet")
        runtime = SimulatedRuntime(self.machine, network=self.network, images=self.images)
        self.agent = Agent(
            AgentConfig(node_name=NODE, address="10.0.0.1", **self.settings),
            host=Host(netns="", cgroup="", state_dir=self.folder),
            client=client,
            runtime=fate.over_runtime(runtime),
            images=self.images,
            clock=self.clock,
            random=random.Random(3),
            manifests=self.manifests,
        )
        await self.agent.start()
        return self.agent

    async def make(self, kind: type, name: str, **fields: Any) -> Any:
        """Create an object of the namespace ``default``."""
        obj = msgspec.convert({"metadata": {"name": name, "namespace": "default"}, **fields}, kind)
        return await self.client.resource(kind).create(obj)

    async def create(
        self, name: str, *containers: dict[str, Any], annotations: dict[str, str] | None = None, **spec: Any
    ) -> core_v1.Pod:
        """Create a Pod that is bound to the node; ``spec`` in JSON names."""
        listed = list(containers) or [{"name": "main", "image": "busybox:1"}]
        meta = {"name": name, "namespace": "default", "annotations": annotations or {}}
        body = {"metadata": meta, "spec": {"nodeName": NODE, "containers": listed, **spec}}
        made: core_v1.Pod = await self.pods.create(msgspec.convert(body, core_v1.Pod))
        return made

    @property
    def pods(self) -> Any:
        return self.client.resource(core_v1.Pod)

    async def get(self, name: str) -> core_v1.Pod:
        found: core_v1.Pod = await self.pods.get(name, namespace="default")
        return found

    async def until(
        self, name: str, condition: Callable[[core_v1.Pod], Any], *, seconds: float = 3600
    ) -> core_v1.Pod:
        """Wait in virtual time until the Pod is so; it is looked at after every change of it."""
        pod = await self.get(name)
        if condition(pod):
            return pod
        async with asyncio.timeout(seconds):
            async for event in self.pods.watch(
                namespace="default",
                field_selector=f"metadata.name={name}",
                resource_version=pod.metadata.resource_version,
            ):
                if event.type == "MODIFIED" and condition(event.object):
                    found: core_v1.Pod = event.object
                    return found
        raise AssertionError("the watch ended")

    async def until_ready(self, name: str, *, seconds: float = 3600) -> core_v1.Pod:
        return await self.until(name, is_ready, seconds=seconds)

    async def until_gone(self, name: str, *, seconds: float = 3600) -> None:
        try:
            pod = await self.get(name)
        except errors.NotFound:
            return
        async with asyncio.timeout(seconds):
            async for event in self.pods.watch(
                namespace="default",
                field_selector=f"metadata.name={name}",
                resource_version=pod.metadata.resource_version,
            ):
                if event.type == "DELETED":
                    return

    async def events(self, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and message of what was told about the Pod, in order."""
        assert self.agent is not None
        await self.agent.kit.recorder.wait_written()
        page = await self.client.resource(core_v1.Event).list(namespace="default")
        about = [event for event in page.items if event.involved_object.name == name]
        return [(event.type or "", event.reason or "", event.message or "") for event in about]

    async def now(self) -> float:
        return asyncio.get_running_loop().time()

    def writes(self, name: str) -> list[str]:
        """The agent's writes that name the Pod: method and subresource."""
        return [
            f"{method} {path.partition(f'/pods/{name}')[2].lstrip('/')}".strip()
            for method, path in self.requests
            if method != "GET" and f"/pods/{name}/" in f"{path}/"
        ]


class _Counting(InProcessTransport):
    def __init__(self, server: ApiServer, user: UserInfo, requests: list[tuple[str, str]]) -> None:
        super().__init__(server, user)
        self._requests = requests

    async def send(self, request: Any) -> Any:
        self._requests.append((request.method, request.path))
        return await super().send(request)


def is_ready(pod: core_v1.Pod) -> bool:
    conditions = (pod.status.conditions if pod.status else None) or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def phase(wanted: str) -> Callable[[core_v1.Pod], bool]:
    return lambda pod: bool(pod.status) and pod.status.phase == wanted


def container(pod: core_v1.Pod, name: str = "main") -> core_v1.ContainerStatus:
    known: Iterable[core_v1.ContainerStatus] = [
        *(pod.status.container_statuses or []),
        *(pod.status.init_container_statuses or []),
    ]
    return next((status for status in known if status.name == name), core_v1.ContainerStatus())


def waits_for(reason: str, name: str = "main") -> Callable[[core_v1.Pod], bool]:
    def check(pod: core_v1.Pod) -> bool:
        state = container(pod, name).state if pod.status and pod.status.container_statuses else None
        return state is not None and state.waiting is not None and state.waiting.reason == reason

    return check
