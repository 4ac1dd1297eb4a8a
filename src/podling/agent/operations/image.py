"""Having a container's image ready."""

from __future__ import annotations

from podling.agent.imagepull import credentials, puller
from podling.agent.kit import Kit
from podling.agent.podmemory import PULL, Memory
from podling.agent.podstate import Failure, PrepareImage
from podling.api.errors import ApiError
from podling.api.types import core_v1
from podling.client.errors import ClientError
from podling.runtime.interface import Credentials, ImageFault, RuntimeFault


async def prepare(kit: Kit, memory: Memory, action: PrepareImage) -> None:
    pod, name = memory.pod, action.name
    container = memory.container(name)
    if container is None:
        return

    def tell(type: str, reason: str, message: str) -> None:
        kit.tell(pod, type, reason, message, container=name)

    try:
        known = await _credentials(kit, memory, container)
        image = await kit.images.prepare(container, credentials=known, tell=tell)
    except RuntimeFault as fault:
        now = kit.clock.now()
        reason = fault.reason if isinstance(fault, ImageFault) else "ImageInspectError"
        retry_at = memory.fail(name, PULL, now)
        memory.failures[name] = Failure(reason, str(fault), at=now, retry_at=retry_at)
        tell("Warning", "Failed", f"Error: {reason}")
        return
    if memory.failures.get(name) is not None:
        memory.succeed(name)
    memory.images[name] = image


async def _credentials(kit: Kit, memory: Memory, container: core_v1.Container) -> list[Credentials]:
    """What the Pod's pull secrets hold for the image; a secret that is missing is told and left out, as upstream does."""
    wanted = (memory.pod.spec.image_pull_secrets if memory.pod.spec else None) or []
    secrets = []
    for reference in wanted:
        try:
            secrets.append(
                await kit.client.resource(core_v1.Secret).get(
                    reference.name or "", namespace=memory.namespace
                )
            )
        except (ApiError, ClientError):
            message = f"Unable to retrieve some image pull secrets ({reference.name}); attempting to pull the image may not succeed."
            kit.tell(memory.pod, "Warning", "FailedToRetrieveImagePullSecret", message)
    return credentials.matching(secrets, puller.repository(container.image or ""))
