"""Making and starting one attempt of a container."""

from __future__ import annotations

from podling.agent import mounts
from podling.agent.errors import AgentFault, ConfigFault
from podling.agent.hooks import HookFailed
from podling.agent.imagepull import shown
from podling.agent.kit import Kit
from podling.agent.podmemory import CONFIG_SECONDS, Memory
from podling.agent.podspec import container as container_spec
from podling.agent.podspec import environment, names, resources, security, servicelinks
from podling.agent.podspec import sandbox as sandbox_spec
from podling.agent.podstate import Failure, KillContainer, StartContainer
from podling.agent.references import Unknown
from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import (
    ContainerConfig,
    ContainerState,
    Image,
    NotFound,
    RuntimeFault,
    StartFault,
)

from . import addresses, resize
from .kill import kill


async def start(kit: Kit, memory: Memory, action: StartContainer) -> None:
    container = memory.container(action.name)
    image = memory.images.pop(action.name, None)
    if container is None:
        return
    if action.existing:
        container_id = action.existing
    else:
        made = None if image is None else await _create(kit, memory, container, action, image)
        if made is None:
            return
        container_id = made
        kit.tell(memory.pod, "Normal", "Created", "Container created", container=container.name)
    if await _run(kit, memory, container, container_id):
        memory.succeed(container.name)
        kit.tell(memory.pod, "Normal", "Started", "Container started", container=container.name)
        await _post_start(kit, memory, container, container_id)


async def _create(
    kit: Kit, memory: Memory, container: core_v1.Container, action: StartContainer, image: Image
) -> str | None:
    """The new container's id; None if it could not be made, which is remembered and told."""
    try:
        config = await _config(kit, memory, container, action, image)
    except AgentFault as fault:
        _failed(kit, memory, container, "CreateContainerConfigError", str(fault))
        return None
    try:
        await resize.widen(kit, memory, action.sandbox_id)
        container_id = await kit.runtime.create_container(action.sandbox_id, config)
    except RuntimeFault as fault:
        _failed(kit, memory, container, "CreateContainerError", str(fault))
        return None
    memory.resizing.carried_out(container_id, container, memory.pod)
    return container_id


async def _run(kit: Kit, memory: Memory, container: core_v1.Container, container_id: str) -> bool:
    """Start what was made.  One that cannot be started has ended: the back-off of its restarts bounds the tries."""
    fault: RuntimeFault | None = None
    try:
        await kit.runtime.start_container(container_id)
    except RuntimeFault as error:
        fault = error
    try:
        kit.observed.put_container(await kit.runtime.container(container_id))
    except NotFound:
        kit.observed.drop_container(container_id)
    if fault is not None:
        seconds = 0.0 if isinstance(fault, StartFault) else CONFIG_SECONDS
        _failed(kit, memory, container, "RunContainerError", str(fault), again=seconds)
    return fault is None


async def _post_start(kit: Kit, memory: Memory, container: core_v1.Container, container_id: str) -> None:
    hook = container.lifecycle.post_start if container.lifecycle else None
    if hook is None:
        return
    address = next(iter(addresses.of_pod(kit, memory)), "")
    try:
        warning = await kit.hooks.run(hook, container, container_id, address)
    except HookFailed as error:
        now, message = kit.clock.now(), f"PostStartHook failed: {error}"
        memory.failures[container.name] = Failure("PostStartHookError", str(error), at=now, retry_at=now)
        kit.tell(memory.pod, "Warning", "FailedPostStartHook", message, container=container.name)
        known = kit.observed.container(container_id)
        if known is not None and known.state is ContainerState.RUNNING:
            grace = sandbox_spec.grace(memory.pod.spec or core_v1.PodSpec())
            order = KillContainer(container_id, container.name, now + grace, "FailedPostStartHook")
            await kill(kit, memory, order)
    else:
        if warning:
            kit.tell(memory.pod, "Warning", "LifecycleHTTPFallback", warning, container=container.name)


async def _config(
    kit: Kit, memory: Memory, container: core_v1.Container, action: StartContainer, image: Image
) -> ContainerConfig:
    """Everything about the attempt.  Raises ``AgentFault``."""
    pod, config = memory.pod, kit.config
    security.verify_non_root(pod, container, image.user)
    variables = await _environment(kit, memory, container)
    volume_mounts = mounts.of_container(
        pod,
        container,
        volumes=kit.volumes.of(memory.uid),
        images=memory.volume_images,
        environment=variables,
        paths=kit.paths,
        recursive_readonly=kit.info.recursive_readonly,
    )
    hosts = mounts.hosts_file(
        pod,
        container,
        pod_ips=addresses.of_pod(kit, memory),
        cluster_domain=config.cluster_domain,
        paths=kit.paths,
    )
    words, message_file = mounts.message_file(pod, container, attempt=action.attempt, paths=kit.paths)
    parts = container_spec.Parts(
        image_id=image.id,
        image=shown.name_of(image, container.image or ""),
        image_ref=shown.content_of(image, container.image or ""),
        attempt=action.attempt,
        crashes=action.crashes,
        environment=variables,
        mounts=(*volume_mounts, *hosts, words),
        devices=mounts.devices(pod, container, volumes=kit.volumes.of(memory.uid)),
        resources=resources.of_container(pod, container, memory_capacity=kit.node.memory),
        security=security.of_container(pod, container, seccomp_root=str(kit.paths.seccomp)),
        message_file=str(message_file),
        pid_target=_target(kit, memory, container.name),
    )
    (kit.paths.logs(pod) / container.name).mkdir(mode=0o755, parents=True, exist_ok=True)
    return container_spec.config(pod, container, parts)


def _target(kit: Kit, memory: Memory, name: str) -> str:
    """The id of the container whose processes the ephemeral container ``name`` is to see.  Raises ``ConfigFault``."""
    target = pods.target_of(memory.pod.spec or core_v1.PodSpec(), name)
    if not target:
        return ""
    known = kit.observed.containers(memory.uid)
    found = next((c for c in known if c.name == target and c.state is ContainerState.RUNNING), None)
    if found is None:
        raise ConfigFault(f"unable to find target container {target}")
    return found.id


async def _environment(kit: Kit, memory: Memory, container: core_v1.Container) -> dict[str, str]:
    pod, uid, namespace = memory.pod, memory.uid, memory.namespace
    wanted_maps, wanted_secrets = environment.references(container)
    try:
        maps = {name: await kit.references.config_map(uid, namespace, name) for name in wanted_maps}
        secrets = {name: await kit.references.secret(uid, namespace, name) for name in wanted_secrets}
    except Unknown as fault:
        raise ConfigFault(str(fault)) from fault
    links = not pod.spec or pod.spec.enable_service_links is not False
    made = environment.build(
        pod,
        container,
        environment.Sources(
            facts=kit.node.of_pod(addresses.of_pod(kit, memory)),
            links=servicelinks.variables(kit.services(), namespace, links=links),
            config_map=maps.get,
            secret=secrets.get,
        ),
    )
    for source, keys in made.skipped.items():
        message = (
            f"Keys [{', '.join(sorted(keys))}] from the EnvFrom {source} were skipped since they are "
            "considered invalid environment variable names."
        )
        kit.tell(pod, "Warning", "InvalidEnvironmentVariableNames", message, container=container.name)
    host_name = (
        "" if pod.spec and pod.spec.host_network else names.host_name(pod, kit.config.cluster_domain)[0]
    )
    return {"HOSTNAME": host_name, **made.variables} if host_name else made.variables


def _failed(
    kit: Kit,
    memory: Memory,
    container: core_v1.Container,
    reason: str,
    message: str,
    *,
    again: float = CONFIG_SECONDS,
) -> None:
    now = kit.clock.now()
    memory.failures[container.name] = Failure(reason, message, at=now, retry_at=now + again)
    kit.tell(memory.pod, "Warning", "Failed", f"Error: {message}", container=container.name)
