"""Requests about a Pod that its node's kubelet answers: which container is meant, where it runs, how to get there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from podling.api import codec, errors
from podling.api import pod as pods
from podling.api.types import core_v1
from podling.apiserver.call import Call


@dataclass(frozen=True, slots=True)
class Node:
    """A Pod's node, and the ways that reach its kubelet."""

    pod: core_v1.Pod
    base_url: str
    session: Any
    tls: ssl.SSLContext | None

    def url(self, verb: str, *more: str) -> str:
        """The kubelet's URL for a verb (`portForward`) on the Pod."""
        meta = self.pod.metadata
        parts = (verb, meta.namespace or "", meta.name or "", *more)
        return f"{self.base_url}/{'/'.join(quote(part, safe='') for part in parts)}"


@dataclass(frozen=True, slots=True)
class Target:
    """A container on a node, and the session that reaches its kubelet."""

    node: Node
    container: str

    @property
    def session(self) -> Any:
        return self.node.session

    def url(self, verb: str, query: list[tuple[str, str]]) -> str:
        """The kubelet's URL for a verb (`containerLogs`, `exec`) on the container."""
        return f"{self.node.url(verb, self.container)}?{urlencode(query)}"


def check_create(call: Call) -> None:
    """Whoever opens a session by GET must be allowed to do so by POST, too; raises Forbidden.

    As upstream since v1.35 (AuthorizePodWebsocketUpgradeCreatePermission): a WebSocket begins with a GET, and who may
    only read must not get a shell by that.
    """
    if call.info.verb != "create":
        call.services.authorizer.check(call.user, msgspec.structs.replace(call.info, verb="create"))


async def target(call: Call, container: str) -> Target:
    """Find the container that a request is about; "" means the only one. Raises NotFound, BadRequest and what dialing raises."""
    pod = _pod(call)
    name = _container(pod, pod.spec or core_v1.PodSpec(), container)
    return Target(await _reached(call, pod), name)


async def node_of(call: Call) -> Node:
    """Find the node of the Pod that a request is about. Raises NotFound, BadRequest and what dialing raises."""
    return await _reached(call, _pod(call))


def _pod(call: Call) -> core_v1.Pod:
    pod: core_v1.Pod = codec.decode(call.resource.storage, call.stored(call.info.name).value).body
    return pod


async def _reached(call: Call, pod: core_v1.Pod) -> Node:
    node_name = pod.spec.node_name if pod.spec else None
    if not node_name:
        raise errors.BadRequest(f"pod {pod.metadata.name} does not have a host assigned")
    connection = await call.services.dial.connect(node_name)
    return Node(pod, connection.base_url.rstrip("/"), connection.session, connection.tls)


def _container(pod: core_v1.Pod, spec: core_v1.PodSpec, container: str) -> str:
    if container:
        if all(known.name != container for known in pods.all_containers(spec)):
            raise errors.BadRequest(f"container {container} is not valid for pod {pod.metadata.name}")
        return container
    if len(spec.containers) == 1:
        return spec.containers[0].name
    names = " ".join(known.name for known in spec.containers)
    words = f"a container name must be specified for pod {pod.metadata.name}, choose one of: [{names}]"
    if spec.init_containers:
        words += f" or one of the init containers: [{' '.join(known.name for known in spec.init_containers)}]"
    raise errors.BadRequest(words)
