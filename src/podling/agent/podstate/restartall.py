"""RestartAllContainers: one container's end, by a rule of its own, makes all of the Pod's containers start anew in place.

All but ephemeral ones are ended at once, without grace or preStop, and removed, the one that asked for it last; then the Pod
begins as at first, in the same sandbox, with the same address and volumes.  What is under way is remembered by the condition
AllContainersRestarting of the status, so that the next agent goes on with it.
(Source: KEP-5532; kubelet `ShouldAllContainersRestart`, `GenerateAllContainersRestartingCondition`.)
"""

from __future__ import annotations

from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState

from . import restarts
from .actions import RemoveContainer
from .draft import Draft
from .killing import kill
from .view import View

CONDITION = "AllContainersRestarting"
REASON = "RestartingAllContainers"
MESSAGE = "The container is removed because RestartAllContainers in place"


def is_under_way(view: View) -> bool:
    """Whether a container has asked for it, or another agent has begun it."""
    before = view.status.conditions or []
    begun = any(known.type == CONDITION and known.status == "True" for known in before)
    return begun or any(_asks(view, record) for record in view.containers)


def is_clearing(view: View) -> bool:
    """Whether containers are left that must go before the Pod can begin anew."""
    return is_under_way(view) and bool(_records(view))


def clear(draft: Draft) -> None:
    """Order what is next on the way to a Pod without containers."""
    records = _records(draft.view)
    running = [record for record in records if restarts.is_alive(record)]
    for record in running:
        kill(draft, record, f"Stopping container {record.name}", grace=0)
    ended = [record for record in records if record not in running]
    others = [record for record in ended if not _asks(draft.view, record)]
    for record in others if running else others or ended:
        draft.act(RemoveContainer(record.id))


def conditions(view: View, phase: str) -> list[core_v1.PodCondition]:
    """The condition that tells of it, without its time; only Pods with such a rule have it."""
    if not pods.may_restart_all(view.spec):
        return []
    made = core_v1.PodCondition(type=CONDITION, status="False")
    if phase in ("Succeeded", "Failed"):
        made.reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
    elif is_clearing(view):
        made.status, made.reason = "True", "RestartAllContainersStarted"
        made.message = "container exited with restart policy rule"
    return [made]


def reset(status: core_v1.ContainerStatus, known: core_v1.ContainerStatus) -> core_v1.ContainerStatus:
    """``status`` of a container that has been removed for this, which ``known`` showed to have run."""
    waiting = core_v1.ContainerStateWaiting(reason=REASON, message=MESSAGE)
    ended = core_v1.ContainerStateTerminated(
        exit_code=restarts.KILLED_EXIT_CODE, reason=REASON, message=MESSAGE
    )
    status.state = core_v1.ContainerState(waiting=waiting)
    status.last_state = core_v1.ContainerState(terminated=ended)
    status.restart_count = known.restart_count + 1
    return status


def is_reset(known: core_v1.ContainerStatus) -> bool:
    """Whether the status is one made by `reset`."""
    return (
        known.state is not None and known.state.waiting is not None and known.state.waiting.reason == REASON
    )


def _records(view: View) -> list[Container]:
    names = {container.name for container in (*view.inits, *view.spec.containers)}
    return [record for record in view.containers if record.name in names]


def _asks(view: View, record: Container) -> bool:
    """Whether ``record`` is a container's latest and ended in the way that its rule is for."""
    if record.state is not ContainerState.EXITED or record is not view.newest(record.name):
        return False
    known = next((c for c in (*view.inits, *view.spec.containers) if c.name == record.name), None)
    return known is not None and pods.restarts_all(known, record.exit_code)
