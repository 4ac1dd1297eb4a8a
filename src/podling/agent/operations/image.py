"""Having the images ready that a container needs: its own, and those that it mounts as volumes."""

from __future__ import annotations

from podling.agent.imagepull import credentials, puller
from podling.agent.imagepull.puller import Want
from podling.agent.kit import Kit
from podling.agent.podmemory import PULL, Memory
from podling.agent.podstate import Failure, PrepareImage
from podling.agent.volumes import image as image_volume
from podling.api.errors import ApiError
from podling.api.types import core_v1
from podling.client.errors import ClientError
from podling.runtime.interface import ImageFault, RuntimeFault


async def prepare(kit: Kit, memory: Memory, action: PrepareImage) -> None:
    pod, name = memory.pod, action.name
    container = memory.container(name)
    if container is None:
        return

    def tell(type: str, reason: str, message: str) -> None:
        kit.tell(pod, type, reason, message, container=name)

    def tell_of_pod(type: str, reason: str, message: str) -> None:
        kit.tell(pod, type, reason, message)

    wanted = ""
    try:
        secrets = await _secrets(kit, memory)
        for volume, source in image_volume.mounted_by(pod, container):
            wanted = source.reference or ""
            want = _want(wanted, source.pull_policy, secrets)
            memory.volume_images[volume] = await kit.images.prepare(want, tell=tell_of_pod)
            memory.succeed(_pull_of(name, wanted))
        wanted = container.image or ""
        want = _want(wanted, container.image_pull_policy, secrets)
        image = await kit.images.prepare(want, tell=tell)
    except RuntimeFault as fault:
        now = kit.clock.now()
        reason = fault.reason if isinstance(fault, ImageFault) else "ImageInspectError"
        retry_at = memory.fail(_pull_of(name, wanted), PULL, now)
        memory.failures[name] = Failure(reason, str(fault), at=now, retry_at=retry_at, image=wanted)
        tell("Warning", "Failed", f"Error: {reason}")
        return
    memory.succeed(_pull_of(name, wanted))
    if memory.failures.get(name) is not None:
        memory.succeed(name)
    memory.images[name] = image


def _pull_of(container: str, image: str) -> str:
    """What a back-off is counted for: another image is tried at once."""
    return f"{container} pulls {image}"


def _want(name: str, policy: str | None, secrets: list[core_v1.Secret]) -> Want:
    known = credentials.matching(secrets, puller.repository(name))
    return Want(name=name, policy=policy or puller.default_policy(name), known=known)


async def _secrets(kit: Kit, memory: Memory) -> list[core_v1.Secret]:
    """The Pod's pull secrets; one that is missing is told and left out, as upstream does."""
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
    return secrets
