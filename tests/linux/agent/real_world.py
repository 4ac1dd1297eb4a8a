"""A node's agent over real containers, in a network namespace of its own, under a real API server on the memory store.

Everything that is made carries a random name and is removed, also after a failure: containers, cgroups, links, mounts.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.agent.agent import Agent
from podling.agent.config import AgentConfig
from podling.agent.paths import Paths
from podling.agent.staticpods import Manifests
from podling.agent.volumes import places
from podling.aio.clock import SystemClock
from podling.api import errors
from podling.api.types import core_v1, meta_v1
from podling.apiserver.config import Config
from podling.apiserver.request import UserInfo
from podling.apiserver.server import ApiServer
from podling.client import Client
from podling.cluster.inprocess import InProcessTransport
from podling.cluster.manifests import complete
from podling.network.bridge import NodeNetwork, Ranges
from podling.network.host import Host
from podling.network.naming import Names
from podling.runtime import cgroups
from podling.runtime.images import ImageStore
from podling.runtime.oci import OciConfig, OciRuntime
from podling.store.memory import MemoryStore
from podling.testing.mortality import Fate

NODE = "node-1"
ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
KUBELET = UserInfo(f"system:node:{NODE}", groups=("system:nodes", "system:authenticated"))
PATIENCE = 60.0


class _Nobody:
    async def connect(self, node_name: str) -> Any:
        raise AssertionError(f"nobody should ask for node {node_name}")


class RealWorld:
    def __init__(self, folder: Path, *, netns: str, images: Path, runtime: str = "", **settings: Any) -> None:
        """``settings`` are further ones of the agent."""
        self.settings = settings
        self.name = f"test-{secrets.token_hex(4)}"
        self.host = Host(netns, f"podling/{self.name}/{NODE}", folder / "node")
        self.network = NodeNetwork(
            self.host, Names(self.name, NODE), ranges=Ranges("10.42.0.0/24", "10.42.0.0/16", "10.43.0.0/16")
        )
        self.images = ImageStore(images)
        self.manifests = folder / "manifests"
        self._runtime = runtime
        self.agent: Agent | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> RealWorld:
        try:
            await self._open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _open(self) -> None:
        store = MemoryStore()
        await store.start()
        self._stack.push_async_callback(store.close)
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.server = ApiServer(
            Config(service_account_key=key),
            store=store,
            clock=SystemClock(),
            random=random.Random(),
            dial=_Nobody(),
        )
        await self.server.start()
        self._stack.push_async_callback(self.server.close)
        self.client = Client(InProcessTransport(self.server, ADMIN))
        await self.client.resource(core_v1.ServiceAccount).create(
            core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default"))
        )
        await self.make(core_v1.ConfigMap, "kube-root-ca.crt", data={"ca.crt": "CA"})
        await self.network.start()
        await self.images.start()
        await self.start_agent()

    async def __aexit__(self, *_: object) -> None:
        try:
            for file in self.manifests.glob("*"):
                file.unlink()
            if self.agent is not None:
                for pod in (await self.pods.list()).items:
                    await self.pods.delete(
                        pod.metadata.name, namespace=pod.metadata.namespace, grace_period_seconds=0
                    )
                for worker in [*self.agent.pods.workers()]:
                    await asyncio.wait_for(worker.wait_gone(), PATIENCE)
                await self.agent.stop()
        finally:
            await self.network.destroy()
            await self._stack.aclose()
            tree = cgroups.CgroupTree(cgroups.detect(), self.host.cgroup)
            tree.remove("")
            tree.prune()
            places.release(Paths(self.host.state_dir))

    async def start_agent(self, fate: Fate | None = None) -> Agent:
        """An agent on the machine; ``fate`` says when it dies."""
        settings = OciConfig(
            state_dir=self.host.state_dir / "runtime",
            cgroup_root=self.host.cgroup,
            host_netns=self.host.netns,
            runtime=self._runtime,
        )
        client = Client(
            InProcessTransport(self.server, KUBELET), user_agent="kubelet", field_manager="kubelet"
        )
        agent = Agent(
            AgentConfig(node_name=NODE, address=self.network.gateway, **self.settings),
            host=self.host,
            client=client,
            runtime=(fate or Fate()).over_runtime(
                OciRuntime(settings, images=self.images, network=self.network)
            ),
            images=self.images,
            clock=SystemClock(),
            random=random.Random(),
            manifests=Manifests(self.manifests, complete),
        )
        await agent.start()
        self.agent = agent
        return agent

    @property
    def pods(self) -> Any:
        return self.client.resource(core_v1.Pod)

    async def make(self, kind: type, name: str, **fields: Any) -> Any:
        obj = msgspec.convert({"metadata": {"name": name, "namespace": "default"}, **fields}, kind)
        return await self.client.resource(kind).create(obj)

    async def create(self, name: str, *containers: dict[str, Any], **spec: Any) -> core_v1.Pod:
        body = {
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {"nodeName": NODE, "containers": list(containers), **spec},
        }
        made: core_v1.Pod = await self.pods.create(msgspec.convert(body, core_v1.Pod))
        return made

    async def get(self, name: str) -> core_v1.Pod:
        found: core_v1.Pod = await self.pods.get(name, namespace="default")
        return found

    async def until(self, name: str, condition: Callable[[core_v1.Pod], Any]) -> core_v1.Pod:
        pod = await self.get(name)
        if condition(pod):
            return pod
        async with asyncio.timeout(PATIENCE), aclosing(self._watch(pod)) as events:
            async for event in events:
                if event.type == "MODIFIED" and condition(event.object):
                    found: core_v1.Pod = event.object
                    return found
        raise AssertionError("the watch ended")

    async def until_ready(self, name: str) -> core_v1.Pod:
        return await self.until(name, is_ready)

    async def until_gone(self, name: str) -> None:
        try:
            pod = await self.get(name)
        except errors.NotFound:
            return
        async with asyncio.timeout(PATIENCE), aclosing(self._watch(pod)) as events:
            async for event in events:
                if event.type == "DELETED":
                    return

    def _watch(self, pod: core_v1.Pod) -> Any:
        return self.pods.watch(
            namespace="default",
            field_selector=f"metadata.name={pod.metadata.name}",
            resource_version=pod.metadata.resource_version,
        )

    async def run(self, pod: str, *command: str, container: str = "main") -> str:
        """What a command prints inside the container; it must succeed."""
        assert self.agent is not None
        uid = (await self.get(pod)).metadata.uid or ""
        record = next(c for c in self.agent.kit.observed.containers(uid) if c.name == container)
        done = await self.agent.runtime.exec_sync(record.id, command, limit=PATIENCE)
        assert done.exit_code == 0, done
        return done.stdout.decode()

    async def events(self, name: str) -> list[tuple[str, str]]:
        assert self.agent is not None
        await self.agent.kit.recorder.wait_written()
        page = await self.client.resource(core_v1.Event).list(namespace="default")
        return [(e.reason or "", e.message or "") for e in page.items if e.involved_object.name == name]

    def log(self, pod: core_v1.Pod, container: str = "main", attempt: int = 0) -> str:
        return Paths(self.host.state_dir).log(pod, container, attempt).read_text()


def is_ready(pod: core_v1.Pod) -> bool:
    conditions = (pod.status.conditions if pod.status else None) or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def sh(script: str, **fields: Any) -> dict[str, Any]:
    """A busybox container that runs ``script``."""
    return {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **fields}


SLEEP = "trap 'exit 0' TERM; while true; do sleep 1 & wait; done"
