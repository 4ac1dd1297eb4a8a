"""What a node has granted to one Pod: the resources of its containers, and of the Pod as a whole (pure).

Nothing of it is kept on disk: the status in the API tells what was granted and what is in force, and a change that was
under way when the agent went is judged and carried out again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec import structs

from podling.api import codec
from podling.api import pod as pods
from podling.api.types import core_v1

Requirements = core_v1.ResourceRequirements
NOTHING = Requirements()
_MANY = 20


@dataclass(frozen=True, slots=True)
class Allocation:
    """Resources by container name; ``whole`` is what is given for the Pod."""

    containers: Mapping[str, Requirements] = field(default_factory=dict)
    whole: Requirements | None = None

    def of(self, container: core_v1.Container) -> Requirements:
        return self.containers.get(container.name) or container.resources or NOTHING


@dataclass(slots=True)
class Resizing:
    """What is known of one Pod's change of resources.

    pending     why the node does not grant what is wanted now: reason and message; None when it has.
    granted     the generation of the object that the allocation is of.
    error       why the latest try to carry it out failed.
    actuated    what running containers have been given, by container id; absent: what is allocated.
    bounds      what was given for the whole Pod when a running container got its own, by container id.
    whole       what the Pod's control group was last made for: the Pod as it was then.
    restarting  containers that were ended so that they start again with other resources, or another image.
    forgiven    ended containers for which the next attempt need not wait: their Pod has got other resources or images since.
    """

    pending: tuple[str, str] | None = None
    granted: int | None = None
    error: str = ""
    actuated: dict[str, Requirements] = field(default_factory=dict)
    bounds: dict[str, Requirements | None] = field(default_factory=dict)
    whole: core_v1.Pod | None = None
    restarting: set[str] = field(default_factory=set)
    forgiven: set[str] = field(default_factory=set)

    def carried_out(self, container_id: str, container: core_v1.Container, pod: core_v1.Pod) -> None:
        """The container runs with its own resources and within those of the Pod."""
        self.actuated[container_id] = container.resources or NOTHING
        self.bounds[container_id] = pod.spec.resources if pod.spec else None

    def forget_all_but(self, known: Collection[str]) -> None:
        """Let go of containers that are no more, once there are many: a Pod may crash for weeks."""
        if len(self.actuated) <= _MANY + len(known):
            return
        for held in (self.actuated, self.bounds):
            for container_id in held.keys() - set(known):
                del held[container_id]
        self.restarting &= set(known)
        self.forgiven &= set(known)

    def restart(self, container_id: str) -> None:
        """The container is being ended and starts again at once."""
        self.restarting.add(container_id)
        self.forgiven.add(container_id)


def of(pod: core_v1.Pod) -> Allocation:
    """The allocation that grants everything the Pod wants."""
    spec = pod.spec or core_v1.PodSpec()
    return Allocation({c.name: c.resources or NOTHING for c in _containers(spec)}, spec.resources)


def applied(pod: core_v1.Pod, allocation: Allocation) -> core_v1.Pod:
    """The Pod with the resources that it has been granted; itself if that is what it wants."""
    if is_same(pod, allocation):
        return pod
    spec = pod.spec or core_v1.PodSpec()

    def granted(container: core_v1.Container) -> core_v1.Container:
        return structs.replace(container, resources=allocation.of(container))

    spec = structs.replace(
        spec,
        resources=allocation.whole,
        containers=[granted(container) for container in spec.containers],
        init_containers=[granted(container) for container in spec.init_containers or ()] or None,
    )
    return structs.replace(pod, spec=spec)


def is_same(pod: core_v1.Pod, allocation: Allocation) -> bool:
    """Whether the Pod wants just what it has been granted."""
    spec = pod.spec or core_v1.PodSpec()
    return codec.semantic_equal(spec.resources, allocation.whole) and all(
        codec.semantic_equal(c.resources or NOTHING, allocation.of(c)) for c in _containers(spec)
    )


def recovered(pod: core_v1.Pod) -> Allocation:
    """What an earlier agent had granted, as the Pod's status tells."""
    wanted, status = of(pod), pod.status or core_v1.PodStatus()
    containers = {
        name: _told(pods.container_status(pod, name), given) for name, given in wanted.containers.items()
    }
    whole = wanted.whole
    if whole is not None and status.allocated_resources and status.resources is not None:
        whole = structs.replace(
            whole, requests=status.allocated_resources, limits=status.resources.limits or None
        )
    return Allocation(containers, whole)


def actuated(pod: core_v1.Pod) -> dict[str, Requirements]:
    """What running containers had been given according to the Pod's status, by container id."""
    status = pod.status or core_v1.PodStatus()
    known = (*(status.container_statuses or ()), *(status.init_container_statuses or ()))
    return {
        one.container_id.partition("://")[2]: one.resources
        for one in known
        if one.container_id and one.resources is not None and one.state and one.state.running
    }


def in_force(pod: core_v1.Pod) -> core_v1.Pod:
    """The Pod with the resources that were in force according to its status."""
    status, wanted = pod.status or core_v1.PodStatus(), of(pod)

    def told(name: str, given: Requirements) -> Requirements:
        known = pods.container_status(pod, name)
        return known.resources if known is not None and known.resources is not None else given

    containers = {name: told(name, given) for name, given in wanted.containers.items()}
    return applied(pod, Allocation(containers, wanted.whole and (status.resources or wanted.whole)))


def _told(status: core_v1.ContainerStatus | None, wanted: Requirements) -> Requirements:
    if status is None or status.resources is None:
        return wanted
    return structs.replace(
        wanted, requests=status.allocated_resources or None, limits=status.resources.limits or None
    )


def _containers(spec: core_v1.PodSpec) -> Iterator[core_v1.Container]:
    yield from spec.containers
    yield from spec.init_containers or ()
