"""The agent as one service: puts its parts together, starts and stops them in order.

    runtime -> observed -> node registered -> Pods and Services known -> workers -> node Ready -> logs rotated

Stopping leaves containers running (the next agent adopts them) unless asked to take them down.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from podling.aio.clock import Clock
from podling.aio.service import Service
from podling.api.errors import ApiError
from podling.api.storage.localpath import HOSTNAME
from podling.api.types import core_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.informer import Handler
from podling.client.informers import Informers
from podling.network.host import Host
from podling.runtime.interface import Images, Runtime, RuntimeInfo

from . import housekeeping, machine
from .claims import Claims
from .config import AgentConfig
from .csi.service import Csi
from .eviction.pressure import Pressure
from .hooks import Hooks
from .imagepull.puller import ImagePuller
from .imagepull.records import PullRecords
from .kit import Kit, NodeFacts
from .localpath import LocalPath
from .node import allocatable
from .node import events as nodeevents
from .node.registration import NodeObject
from .observed import Observed
from .paths import Paths
from .permits import Permits
from .podcertificates import PodCertificates
from .pods import Pods
from .probes import probers
from .probes.http import HttpProber
from .probes.manager import ProbeManager
from .probes.probers import SIMULATED
from .references import References
from .server.access import Authorize, administrators_only
from .staticpods import Manifests
from .tokens import Tokens
from .volumes import places
from .volumes.manager import VolumeManager

if TYPE_CHECKING:
    from .server.server import KubeletServer

log = logging.getLogger(__name__)

NO_CLUSTER_DNS = (
    "kubelet does not have ClusterDNS IP configured and cannot create Pod using "
    '"ClusterFirst" policy. Falling back to "Default" policy.'
)
STOP_SECONDS = 30.0
PROCESS = "process"


class Agent(Service):
    """One node's agent.  It starts and closes the runtime; client, images and host are its caller's.

    ``manifests`` says where its static Pods lie; None: it has none.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        host: Host,
        client: Client,
        runtime: Runtime,
        images: Images,
        clock: Clock,
        random: Random,
        manifests: Manifests | None = None,
    ) -> None:
        super().__init__(f"agent-{config.node_name}")
        self.config = config
        self.host = host
        self.runtime = runtime
        self.port = 0
        """Where the agent's endpoints are served; set it before `start` for the Node to show it."""
        self._client = client
        self._images = images
        self._clock = clock
        self._random = random
        self._manifests = manifests
        self._kit: Kit | None = None
        self._pods: Pods | None = None
        self._node: NodeObject | None = None
        self._informers = Informers(client, random=random)
        self._recorder = EventRecorder(client, component="kubelet", instance=config.node_name, clock=clock)
        self._http = HttpProber(host)
        self._server: KubeletServer | None = None
        self._runtime_started = False
        self._pressure = Pressure()
        self._local_path = LocalPath(
            client,
            node=config.node_name,
            hostname=self._hostname,
            folder=Paths(host.state_dir).local_path,
            clock=clock,
            random=random,
        )

    @property
    def kit(self) -> Kit:
        if self._kit is None:
            raise RuntimeError(f"cannot use {self.name}: it is not started")
        return self._kit

    @property
    def pods(self) -> Pods:
        if self._pods is None:
            raise RuntimeError(f"cannot use {self.name}: it is not started")
        return self._pods

    @property
    def node(self) -> core_v1.Node | None:
        """The node's object as last written."""
        return self._node.node if self._node is not None else None

    async def listen(
        self,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
        *,
        authorize: Authorize = administrators_only,
    ) -> None:
        """Serve the kubelet's endpoints on a bound socket; the agent must be started and owns the socket from now on.

        ``tls`` must ask for and verify client certificates: ``authorize`` only looks at their subject.
        """
        from .server.server import (
            KubeletServer,  # aiohttp takes its time, and a simulated node has no use for it
        )

        if self._server is None:
            self._server = KubeletServer(self.kit, self.pods, authorize=authorize)
        self.port = sock.getsockname()[1]
        await self._server.listen(sock, tls)
        if self._node is not None:
            self._node.changed()

    async def stop(self, *, drain_seconds: float = STOP_SECONDS, keep_pods: bool = True) -> None:
        """Stop; unless ``keep_pods``, first end every Pod's containers within its grace.  The objects stay either way."""
        if not keep_pods and self._pods is not None:
            await self._pods.shut_down()
        await super().stop(drain_seconds=drain_seconds)

    async def _start(self) -> None:
        # before the runtime looks at what is mounted; simulated containers see no mounts
        paths = Paths(self.host.state_dir)
        places.prepare(paths, mounting=self.runtime.info().name != SIMULATED)
        paths.seccomp.mkdir(parents=True, exist_ok=True)
        await self.runtime.start()
        self._runtime_started = True
        await self._recorder.start()
        kit = self._kit = self._assemble()
        await kit.images.open()
        await kit.observed.start()
        node = self._node
        assert node is not None
        await node.register()
        mine = self._informers.get(core_v1.Pod, field_selector=f"spec.nodeName={self.config.node_name}")
        itself = self._informers.get(core_v1.Node, field_selector=f"metadata.name={self.config.node_name}")
        itself.add_handler(Handler(on_update=lambda _, seen: node.learn(seen)))
        itself.add_handler(nodeevents.handler(kit))
        learn = self._csi.attachments.learn
        itself.add_handler(Handler(on_add=learn, on_update=lambda _, seen: learn(seen)))
        await self._informers.start()
        await self._informers.wait_synced()
        self._pods = Pods(
            kit, mine, node_labels=node.labels, node=lambda: node.node, manifests=self._manifests
        )
        await self._pods.start()
        kit.tell_node(node.node, "Normal", "Starting", "Starting kubelet.")
        if not kit.config.cluster_dns:
            kit.tell_node(node.node, "Warning", "MissingClusterDNS", NO_CLUSTER_DNS)
        if kit.info.not_isolated:
            shared = "; ".join(kit.info.not_isolated)
            kit.tell_node(node.node, "Warning", "NotIsolated", f"Containers share with the machine: {shared}")
        await node.write()
        await self._local_path.start()
        self.tasks.start(node.run(self.tasks), name="node")
        free_disk: Callable[[], Awaitable[int]] | None = None
        if kit.info.name != SIMULATED:  # its images take no room on the disk, and no driver mounts for it
            self._csi.start()
            garbage = housekeeping.image_garbage(kit, self._images, self.pods, node)
            free_disk = garbage.remove_unused
            self.tasks.start(garbage.run(), name="image garbage")
        self.tasks.start(housekeeping.log_rotation(kit).run(), name="log rotation")
        evictions = housekeeping.evictions(kit, self.pods, node, self._pressure, free_disk)
        self.tasks.start(evictions.run(), name="evictions")

    async def _drain(self) -> None:
        if self._node is not None:
            with suppress(ApiError, ClientError):
                await self._node.write(trouble="node is shutting down")

    async def _close(self) -> None:
        if self._server is not None:
            await self._server.close()
        if self._pods is not None:
            await self._pods.close()
        await self._local_path.stop()
        if self._kit is not None:
            await self._csi.close()
            await self._kit.probes.close()
            await self._kit.references.close()
            await self._kit.observed.close()
        await self._http.close()
        await self._informers.stop()
        await self._recorder.stop()
        if self._runtime_started:
            await self.runtime.close()

    def _assemble(self) -> Kit:
        config, clock, random = self.config, self._clock, self._random
        info = self.runtime.info()
        paths = Paths(self.host.state_dir)
        found = machine.read(paths.root)
        facts = self._facts(found, info)
        references = References(self._client, random=random, on_change=self._references_changed)
        tokens = Tokens(self._client, clock=clock)
        services = self._informers.get(core_v1.Service)
        node = self._node = self._node_object(found, facts, info)
        self._csi = self._csi_of(paths, node)
        claims = Claims(self._client, node=config.node_name, node_labels=self._labels, pods=paths.pods)
        kit = Kit(
            config=config,
            paths=paths,
            node=facts,
            permits=Permits(
                unsafe_sysctls=config.allowed_unsafe_sysctls,
                apparmor=found.apparmor,
                strict_groups=info.strict_groups,
            ),
            client=self._client,
            runtime=self.runtime,
            info=info,
            observed=Observed(self.runtime, resync_seconds=config.resync_seconds, on_change=self._changed),
            images=self._puller(paths, node),
            volumes=VolumeManager(
                paths,
                references=references,
                tokens=tokens,
                certificates=PodCertificates(
                    self._client, references=references, node=lambda: node.node, clock=clock
                ),
                claims=claims,
                drivers=self._csi.drivers,
                attachments=self._csi.attachments,
                facts=facts.of_pod,
            ),
            references=references,
            tokens=tokens,
            probes=ProbeManager(
                probers.of(self.runtime, info, self.host, self._http),
                tell=self._tell,
                clock=clock,
                random=random,
                on_change=self._changed,
            ),
            hooks=Hooks(self.runtime, self._http),
            recorder=self._recorder,
            services=services.list,
            clock=clock,
            random=random,
            tasks=self.tasks,
            pressure=self._pressure,
        )
        return kit

    def _csi_of(self, paths: Paths, node: NodeObject) -> Csi:
        return Csi(
            paths,
            self._client,
            name=self.config.node_name,
            node=lambda: node.node,
            labels=self._labels,
            on_change=self._drivers_changed,
            clock=self._clock,
            random=self._random,
        )

    def _puller(self, paths: Paths, node: NodeObject) -> ImagePuller:
        return ImagePuller(
            self._images,
            records=PullRecords(self.config.image_records or paths.image_records),
            at_once=self.config.parallel_pulls,
            tasks=self.tasks,
            on_pulled=node.changed,
        )

    def _facts(self, found: machine.Machine, info: RuntimeInfo) -> NodeFacts:
        config = self.config
        return NodeFacts(
            host_ips=(config.address or self.host.address(),),
            allocatable=allocatable.of(
                machine.capacity(found, config), config.reserved, config.eviction.thresholds
            ),
            memory=found.memory if config.memory is None else config.memory,
            resolv_conf=machine.resolv_conf(),
            is_machine=self._is_machine(info),
            group="" if info.name in (SIMULATED, PROCESS) else self.host.cgroup,
        )

    def _labels(self) -> Mapping[str, str]:
        """The node's labels, those of administrators included."""
        if self._node is None:
            return {}
        return self._node.labels | (self._node.node.metadata.labels or {})

    def _hostname(self) -> str:
        return self._labels().get(HOSTNAME, self.config.node_name)

    def _node_object(self, found: machine.Machine, facts: NodeFacts, info: RuntimeInfo) -> NodeObject:
        return NodeObject(
            self.config,
            client=self._client,
            machine=found,
            facts=facts,
            info=info,
            images=self._images,
            pressure=self._pressure,
            port=lambda: self.port,
            clock=self._clock,
        )

    def _is_machine(self, info: RuntimeInfo) -> bool:
        """Neither a node beside others on it, nor one that has a part of it, nor one that only plays."""
        has_all = self.config.cpus is None and self.config.memory is None
        return has_all and not self.host.netns and info.name != SIMULATED

    def _changed(self, uid: str) -> None:
        if self._pods is not None:
            self._pods.wake(uid)

    def _drivers_changed(self) -> None:
        """A CSI driver has come or a volume was attached: what waited for it is tried again."""
        for worker in self._pods.workers() if self._pods is not None else ():
            worker.references_changed()

    def _references_changed(self, uid: str) -> None:
        if self._pods is not None:
            self._pods.references_changed(uid)

    def _tell(self, pod: core_v1.Pod, container: str, type: str, reason: str, message: str) -> None:
        self.kit.tell(pod, type, reason, message, container=container)
