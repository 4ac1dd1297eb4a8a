"""A Pod that ends: containers first (sidecars last, in reverse order), then sandbox and volumes, then the object.

The time for all of it counts from ``View.ending_at``.  A second deletion with a shorter grace, or the object's disappearance,
moves the deadline of the kills under way.  The object is deleted only when nothing of the Pod is left on the node and its
final status has been written.  (Source: concepts/workloads/pods/pod-lifecycle, "Termination of Pods".)
"""

from __future__ import annotations

from podling.api.pod import is_sidecar
from podling.runtime.interface import Container, SandboxState

from . import restarts
from .actions import DeleteObject, RemoveSandbox, StopSandbox, UnmountVolumes
from .draft import Draft
from .killing import ending_grace, kill_by
from .view import View


def wind_down(draft: Draft, *, told: bool) -> None:
    """Order what is next on the way to a Pod that is gone from this node; ``told``: the API has its last status."""
    view = draft.view
    if containers_ended(view):
        _take_down(draft, told=told)
        return
    end = (view.now if view.ending_at is None else view.ending_at) + ending_grace(view)
    for container in _whose_turn(view):
        kill_by(draft, container, f"Stopping container {container.name}", deadline=max(end, view.now))
    if end > view.now:
        draft.wait_until(end)


def containers_ended(view: View) -> bool:
    """Whether nothing of the Pod runs, or is about to."""
    starting = any(key == "sandbox" or key.startswith("start/") for key in view.busy)
    return not starting and not any(restarts.is_alive(container) for container in view.containers)


def is_ended(view: View) -> bool:
    """Whether the Pod has left the node but for what its logs and last states are read from."""
    return (
        containers_ended(view)
        and not view.volumes.present
        and "volumes" not in view.busy
        and all(sandbox.state is not SandboxState.READY for sandbox in view.sandboxes)
    )


def is_leaving(view: View) -> bool:
    """Whether the object goes too, so that no trace may stay."""
    return view.removed or view.pod.metadata.deletion_timestamp is not None


def is_gone(view: View) -> bool:
    """Whether no trace of the Pod is left, neither here nor in the API."""
    return view.removed and is_ended(view) and not view.sandboxes and not view.containers and not view.busy


def _whose_turn(view: View) -> list[Container]:
    """The containers to end now: everything but sidecars at first, then the sidecars one by one from the last."""
    alive = [container for container in view.containers if restarts.is_alive(container)]
    sidecars = [container.name for container in view.inits if is_sidecar(container)]
    others = [container for container in alive if container.name not in sidecars]
    if others or not alive:
        return others
    if view.ending_at is not None and view.now >= view.ending_at + ending_grace(view):
        return alive
    last = max(alive, key=lambda container: sidecars.index(container.name))
    return [last]


def _take_down(draft: Draft, *, told: bool) -> None:
    view = draft.view
    for sandbox in view.sandboxes:
        if sandbox.state is SandboxState.READY:
            draft.act(StopSandbox(sandbox.id))
    if view.shutdown and not is_leaving(view):
        return
    if view.volumes.present:
        draft.act(UnmountVolumes())
    if not is_leaving(view):
        return
    for sandbox in view.sandboxes:
        draft.act(RemoveSandbox(sandbox.id))
    if is_ended(view) and not view.sandboxes and told and not view.removed and not view.deleted:
        draft.act(DeleteObject())
