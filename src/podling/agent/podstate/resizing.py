"""A Pod that has been granted other resources: its containers are changed in place or started anew, its group follows.

The Pod's own group must hold its containers at every moment: it is widened before a container grows (by the operations
`resize` and `start`) and takes its final limits last, when no container has its old resources any more.
(Source: kubelet `computePodResizeAction`, `doPodResizeAction`.)
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.agent.podspec import resources
from podling.agent.resize.allocation import NOTHING, Requirements
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState, Sandbox

from .actions import ResizePod
from .draft import Draft
from .killing import grace_of, kill
from .view import View

IN_PROGRESS, PENDING = "PodResizeInProgress", "PodResizePending"
_RESOURCES = ("cpu", "memory")


def carry_on(draft: Draft, sandbox: Sandbox) -> None:
    """Order what is next on the way from the resources that are in force to those that are granted."""
    view = draft.view
    in_place: list[str] = []
    restarting = draft.is_under_way("start/")
    for container, record in _changed(view):
        if record.sandbox_id != sandbox.id:
            continue
        if _needs_restart(container, view.resizing.actuated[record.id]):
            why = f"Container {container.name} resize requires restart"
            kill(draft, record, why, grace=grace_of(view), again=True)
            restarting = True
        else:
            in_place.append(record.id)
    if in_place or (_whole_differs(view) and not restarting):
        draft.act(ResizePod(sandbox.id, tuple(in_place), final=not restarting))


def in_progress(view: View) -> bool:
    """Whether something of the Pod has not got yet what it has been granted."""
    return bool(ResizePod.KEY in view.busy or _whole_differs(view) or next(_changed(view), None))


def resource_conditions(view: View) -> list[core_v1.PodCondition]:
    """The conditions that tell of a resize, without their times."""
    told = []
    resizing = view.resizing
    if resizing.pending is not None:
        reason, message = resizing.pending
        told.append(core_v1.PodCondition(type=PENDING, status="True", reason=reason, message=message))
    if in_progress(view):
        error = resizing.error
        told.append(
            core_v1.PodCondition(
                type=IN_PROGRESS,
                status="True",
                reason="Error" if error else None,
                message=error or None,
                observed_generation=resizing.granted,
            )
        )
    return told


def _changed(view: View) -> Iterator[tuple[core_v1.Container, Container]]:
    """Containers that run with other resources than they have been granted."""
    for container in (*view.inits, *view.spec.containers):
        record = view.newest(container.name)
        if record is None or record.state is not ContainerState.RUNNING:
            continue
        given = view.resizing.actuated.get(record.id)
        if given is None:
            continue
        if any(_differences(given, container.resources or NOTHING)) or _is_bound_anew(
            view, container, record
        ):
            yield container, record


def _is_bound_anew(view: View, container: core_v1.Container, record: Container) -> bool:
    """Whether limits of the whole Pod have changed that bound a container without limits of its own."""
    before, now = view.resizing.bounds.get(record.id), view.spec.resources
    own = (container.resources.limits if container.resources else None) or {}
    had, has = (before.limits if before else None) or {}, (now.limits if now else None) or {}
    return any(name not in own and _amount(had, name) != _amount(has, name) for name in _RESOURCES)


def _needs_restart(container: core_v1.Container, given: Requirements) -> bool:
    changed = set(_differences(given, container.resources or NOTHING))
    return any(
        rule.restart_policy == "RestartContainer" and rule.resource_name in changed
        for rule in container.resize_policy or ()
    )


def _whole_differs(view: View) -> bool:
    before = view.resizing.whole
    if before is None:
        return False
    return before.spec is not view.pod.spec and resources.of_pod(before) != resources.of_pod(view.pod)


def _differences(one: Requirements, other: Requirements) -> Iterator[str]:
    for name in _RESOURCES:
        if any(
            _amount(had, name) != _amount(has, name)
            for had, has in ((one.requests, other.requests), (one.limits, other.limits))
        ):
            yield name


def _amount(given: dict[str, str] | None, name: str) -> quantity.Quantity | None:
    text = (given or {}).get(name)
    return None if text is None else quantity.parse(text)
