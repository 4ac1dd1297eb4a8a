"""A Pod stays a while on a node that is not ready or cannot be reached, unless it says how long itself."""

from __future__ import annotations

from podling.api.types import core_v1

from .review import Review, World

NO_EXECUTE = "NoExecute"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"


async def admit(review: Review, world: World) -> None:
    assert review.obj is not None
    spec: core_v1.PodSpec | None = review.obj.body.spec
    if spec is None:
        return
    given = spec.tolerations or []
    seconds_of = {
        NOT_READY: world.not_ready_toleration_seconds,
        UNREACHABLE: world.unreachable_toleration_seconds,
    }
    missing = [
        core_v1.Toleration(key=key, operator="Exists", effect=NO_EXECUTE, toleration_seconds=seconds)
        for key, seconds in seconds_of.items()
        if not any(_covers(toleration, key) for toleration in given)
    ]
    if missing:
        spec.tolerations = [*given, *missing]


def _covers(toleration: core_v1.Toleration, key: str) -> bool:
    return (toleration.key or key) == key and (toleration.effect or NO_EXECUTE) == NO_EXECUTE
