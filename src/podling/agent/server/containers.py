"""Finds the container that a request names, and the attempt of it whose log is wanted; refusals are in kubelet's words."""

from __future__ import annotations

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.agent.podworker import PodWorker
from podling.api import pod as pods_api
from podling.api.types import core_v1, meta_v1
from podling.runtime.interface import Container, ContainerState

BAD_REQUEST = 400
_PULL_REASONS = ("ErrImagePull", "ImagePullBackOff")


def worker(pods: Pods, namespace: str, name: str) -> PodWorker:
    found = pods.find(namespace, name)
    if found is None:
        raise NotRunning(f'pod "{name}" not found')
    return found


def running(kit: Kit, pods: Pods, namespace: str, name: str, container: str) -> Container:
    """The running container of that name.  Raises ``NotRunning``."""
    found = worker(pods, namespace, name)
    _known(found, container)
    record = _newest(kit, found, container)
    if record is None or record.state is not ContainerState.RUNNING:
        raise NotRunning(f'container not found ("{container}")')
    return record


def logged(kit: Kit, pods: Pods, namespace: str, name: str, container: str, *, previous: bool) -> Container:
    """The attempt whose log is asked for.  Raises ``NotRunning``."""
    found = worker(pods, namespace, name)
    _known(found, container)
    attempts = [c for c in kit.observed.containers(found.memory.uid) if c.name == container]
    begun = [c for c in attempts if c.state is not ContainerState.CREATED]
    if previous:
        if len(begun) < 2:
            message = f'previous terminated container "{container}" in pod "{name}" not found'
            raise NotRunning(message, code=BAD_REQUEST)
        return begun[1]
    if not begun:
        raise NotRunning(_waiting(found, container), code=BAD_REQUEST)
    return begun[0]


def running_pods(kit: Kit) -> list[core_v1.Pod]:
    """What the runtime says: each Pod with a sandbox, and the containers of it that run."""
    return [
        core_v1.Pod(
            metadata=meta_v1.ObjectMeta(name=sandbox.name, namespace=sandbox.namespace, uid=uid),
            spec=core_v1.PodSpec(
                containers=[
                    core_v1.Container(name=one.name, image=one.image)
                    for one in kit.observed.containers(uid)
                    if one.state is ContainerState.RUNNING
                ]
            ),
            status=core_v1.PodStatus(),
        )
        for uid, sandbox in kit.observed.pods().items()
    ]


def _known(found: PodWorker, container: str) -> core_v1.Container:
    spec = found.memory.container(container)
    if spec is None:
        raise NotRunning(f'container "{container}" not found in pod "{found.memory.name}"')
    return spec


def _newest(kit: Kit, found: PodWorker, container: str) -> Container | None:
    return next((c for c in kit.observed.containers(found.memory.uid) if c.name == container), None)


def _waiting(found: PodWorker, container: str) -> str:
    """Why there is no log yet."""
    pod = core_v1.Pod(status=found.memory.status)
    mine = pods_api.container_status(pod, container)
    waiting = mine.state.waiting if mine is not None and mine.state is not None else None
    prefix = f'container "{container}" in pod "{found.memory.name}" is'
    if waiting is None:
        return f"{prefix} not available"
    if waiting.reason in _PULL_REASONS:
        return f"{prefix} waiting to start: trying and failing to pull image"
    return f"{prefix} waiting to start: {waiting.reason}"
