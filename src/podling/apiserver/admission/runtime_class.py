"""A Pod may name only RuntimeClasses that exist, and takes their overhead and scheduling rules over."""

from __future__ import annotations

from podling.api import kinds
from podling.api.types import core_v1

from .review import Review, World


async def admit(review: Review, world: World) -> None:
    assert review.obj is not None
    spec: core_v1.PodSpec | None = review.obj.body.spec
    if spec is None or not spec.runtime_class_name:
        if spec is not None and spec.overhead:
            raise review.forbid(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            )
        return
    found = world.read(kinds.RUNTIME_CLASS, "", spec.runtime_class_name)
    if found is None:
        raise review.forbid(f'pod rejected: RuntimeClass "{spec.runtime_class_name}" not found')
    overhead = found.overhead.pod_fixed if found.overhead is not None else None
    if spec.overhead and spec.overhead != overhead:
        raise review.forbid("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    spec.overhead = dict(overhead) if overhead else spec.overhead
    if found.scheduling is not None:
        _schedule(review, spec, found.scheduling.node_selector or {}, found.scheduling.tolerations or [])


def _schedule(
    review: Review, spec: core_v1.PodSpec, selector: dict[str, str], tolerations: list[core_v1.Toleration]
) -> None:
    own = spec.node_selector or {}
    for key, value in selector.items():
        if own.get(key, value) != value:
            raise review.forbid(
                f"pod rejected: conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own[key]}"
            )
    if selector:
        spec.node_selector = {**own, **selector}
    given = spec.tolerations or []
    added = [toleration for toleration in tolerations if toleration not in given]
    if added:
        spec.tolerations = [*given, *added]
