"""A Pod's containers: walking over them, and telling them apart."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api.types.core_v1 import Container, ContainerStatus, EphemeralContainer, Pod, PodSpec


def is_sidecar(container: Container) -> bool:
    """An init container that goes on running beside the others (KEP-753)."""
    return container.restart_policy == "Always"


def sidecars(spec: PodSpec) -> list[Container]:
    return [container for container in spec.init_containers or () if is_sidecar(container)]


def all_containers(spec: PodSpec) -> Iterator[Container | EphemeralContainer]:
    """Init containers, containers and ephemeral containers, in this order."""
    yield from spec.init_containers or ()
    yield from spec.containers
    yield from spec.ephemeral_containers or ()


def as_container(ephemeral: EphemeralContainer) -> Container:
    """An ephemeral container as an ordinary one: all its fields but the target's name (EphemeralContainerCommon)."""
    fields = {name: getattr(ephemeral, name) for name in Container.__struct_fields__}
    return Container(**fields)


def target_of(spec: PodSpec, name: str) -> str:
    """The container whose processes the ephemeral container ``name`` sees; "" if it sees its own alone."""
    found = next((one for one in spec.ephemeral_containers or () if one.name == name), None)
    return (found.target_container_name or "") if found is not None else ""


def container_status(pod: Pod, name: str) -> ContainerStatus | None:
    """The status of a container of any sort."""
    if pod.status is None:
        return None
    for statuses in (
        pod.status.container_statuses,
        pod.status.init_container_statuses,
        pod.status.ephemeral_container_statuses,
    ):
        for status in statuses or ():
            if status.name == name:
                return status
    return None


def is_terminal(pod: Pod) -> bool:
    """All containers have ended and none will be started again."""
    return pod.status is not None and pod.status.phase in ("Succeeded", "Failed")


def is_bound(pod: Pod) -> bool:
    """The Pod has a node."""
    return pod.spec is not None and bool(pod.spec.node_name)


def is_mirror(pod: Pod) -> bool:
    """The Pod only mirrors a static one of its node."""
    return "kubernetes.io/config.mirror" in (pod.metadata.annotations or {})
