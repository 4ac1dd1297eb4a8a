"""A Pod's priority is looked up from its PriorityClass; only one class is the default."""

from __future__ import annotations

from podling.api import kinds
from podling.api.types import core_v1, scheduling_v1

from .review import Operation, Review, World

LOWER = "PreemptLowerPriority"


async def admit(review: Review, world: World) -> None:
    if review.kind is kinds.PRIORITY_CLASS:
        _only_default(review, world)
    elif review.kind is kinds.POD and review.operation is Operation.CREATE:
        assert review.obj is not None
        _resolve(review, world, review.obj.body.spec or core_v1.PodSpec())


def _resolve(review: Review, world: World, spec: core_v1.PodSpec) -> None:
    value, policy = 0, LOWER
    if spec.priority_class_name:
        named = world.read(kinds.PRIORITY_CLASS, "", spec.priority_class_name)
        if named is None:
            raise review.forbid(f"no PriorityClass with name {spec.priority_class_name} was found")
        value, policy = named.value or 0, named.preemption_policy or LOWER
    else:
        default = _default(world)
        if default is not None:
            spec.priority_class_name = default.metadata.name
            value, policy = default.value or 0, default.preemption_policy or LOWER
    computed = "priority admission controller computed"
    if spec.priority is not None and spec.priority != value:
        raise review.forbid(
            f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
            f"{computed} {value} from the given PriorityClass name"
        )
    if spec.preemption_policy is not None and spec.preemption_policy != policy:
        raise review.forbid(
            f"the string value of PreemptionPolicy ({spec.preemption_policy}) must not be provided in pod spec; "
            f"{computed} {policy} from the given PriorityClass name"
        )
    spec.priority, spec.preemption_policy = value, policy


def _default(world: World) -> scheduling_v1.PriorityClass | None:
    """The default class; of several (written by an older server) the one that ranks lowest."""
    defaults = [found for found in world.bodies(kinds.PRIORITY_CLASS) if found.global_default]
    return min(defaults, key=lambda found: (found.value or 0, found.metadata.name), default=None)


def _only_default(review: Review, world: World) -> None:
    assert review.obj is not None
    if review.obj.body.global_default:
        default = _default(world)
        if default is not None and default.metadata.name != review.obj.name:
            why = "is already marked as default. Only one default can exist"
            raise review.forbid(f"PriorityClass {default.metadata.name} {why}")
