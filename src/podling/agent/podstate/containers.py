"""The status of one container: what the runtime says of its latest attempt, what it waits for, and how the one before ended.

Where the runtime has forgotten, the status told last stands in.  (Source: kubelet `convertToAPIContainerStatuses`.)
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from podling.agent import labels
from podling.agent.resize import inforce
from podling.api import pod as pods
from podling.api import times
from podling.api.pod import is_sidecar
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState

from . import restartall, restarts
from .draft import Waiting
from .view import View, probed

MESSAGES_BYTES = 12 << 10
"""What the last words of all of a Pod's containers may take together in its status."""
LOST = "ContainerStatusUnknown"
LOST_MESSAGE = "The container could not be located when the pod was terminated"


def of(
    view: View, container: core_v1.Container, waiting: Waiting | None, *, init: bool
) -> core_v1.ContainerStatus:
    """The status of ``container``; ``waiting`` says what holds it back from starting."""
    status = _told(view, container, waiting)
    _judge(view, container, status, view.newest(container.name), init=init)
    return status


def of_ephemeral(
    view: View, container: core_v1.Container, waiting: Waiting | None
) -> core_v1.ContainerStatus:
    """The status of an ephemeral container, which is never ready and has no ``started``."""
    status = _told(view, container, waiting)
    status.started = None
    return status


def _told(view: View, container: core_v1.Container, waiting: Waiting | None) -> core_v1.ContainerStatus:
    records = view.attempts(container.name)
    status = _of_record(view, container, records) if records else _without_record(view, container)
    if waiting is not None and status.state is not None:
        if status.state.terminated is not None:
            status.last_state = status.state
        told = core_v1.ContainerStateWaiting(reason=waiting.reason, message=waiting.message or None)
        status.state = core_v1.ContainerState(waiting=told)
    return status


def close(
    view: View, inits: Sequence[core_v1.ContainerStatus], main: Sequence[core_v1.ContainerStatus]
) -> None:
    """Give every container of a finished Pod an end, so that nothing seems to run (kubelet `TerminatePod`)."""
    if _has_initialized(view, inits, main):
        for status in main:
            _end(status)
    for status in _begun(inits):
        _end(status)


def ended(status: core_v1.ContainerStatus) -> core_v1.ContainerStateTerminated | None:
    """How the container ended the last time, if it ever did."""
    for state in (status.state, status.last_state):
        if state is not None and state.terminated is not None:
            return state.terminated
    return None


def _of_record(
    view: View, container: core_v1.Container, records: Sequence[Container]
) -> core_v1.ContainerStatus:
    newest = records[0]
    status = _blank(view, container)
    status.restart_count = newest.attempt
    status.container_id = f"{view.runtime}://{newest.id}"
    status.image = newest.annotations.get(labels.IMAGE) or newest.image or container.image or ""
    status.image_id = newest.annotations.get(labels.IMAGE_REF) or newest.image_id
    if not _hook_pending(view, container):
        status.state = _state(view, newest, default=status.state)
    status.last_state = _last_state(view, newest, records[1:])
    if newest.user is not None:
        status.user = core_v1.ContainerUser(
            linux=core_v1.LinuxContainerUser(
                uid=newest.user.uid, gid=newest.user.gid, supplemental_groups=[*newest.user.groups]
            )
        )
    if container.resources is not None:
        status.allocated_resources = container.resources.requests
        status.resources = _resources(view, container.resources, newest)
    return status


def _resources(
    view: View, granted: core_v1.ResourceRequirements, record: Container
) -> core_v1.ResourceRequirements:
    """Those in force while it runs, those granted before and after."""
    if record.state is not ContainerState.RUNNING:
        return core_v1.ResourceRequirements(limits=granted.limits, requests=granted.requests)
    return inforce.shown(view.resizing.actuated.get(record.id, granted), record.resources)


def _hook_pending(view: View, container: core_v1.Container) -> bool:
    """A container does not count as running before its ``postStart`` hook is through."""
    lifecycle = container.lifecycle
    return (
        lifecycle is not None and lifecycle.post_start is not None and f"start/{container.name}" in view.busy
    )


def _last_state(view: View, newest: Container, older: Sequence[Container]) -> core_v1.ContainerState:
    if older:
        return _state(view, older[0], default=None)
    known = view.known_status(newest.name)
    if known is None:
        return core_v1.ContainerState()
    if not known.container_id:
        return known.last_state or core_v1.ContainerState()
    if known.restart_count == newest.attempt:
        return known.last_state or core_v1.ContainerState()
    terminated = ended(known)
    return core_v1.ContainerState(terminated=terminated) if terminated else core_v1.ContainerState()


def _without_record(view: View, container: core_v1.Container) -> core_v1.ContainerStatus:
    """A container that the runtime does not know: not made yet, or forgotten."""
    known = view.known_status(container.name)
    if known is None:
        return _blank(view, container)
    if restartall.is_under_way(view) and known.state is not None:
        if known.state.waiting is None:
            return restartall.reset(_blank(view, container), known)
        if restartall.is_reset(known) and restartall.is_clearing(view):
            return structs.replace(known)
    if known.state is not None and known.state.terminated is not None:
        return structs.replace(known)
    status = _blank(view, container)
    status.restart_count = known.restart_count
    status.container_id, status.image_id = (
        known.container_id,
        known.image_id,
    )  # so that the next attempt counts on
    status.last_state = known.last_state or core_v1.ContainerState()
    if known.state is not None and known.state.running is not None:
        status.last_state = core_v1.ContainerState(terminated=_lost(known.container_id))
        if not restarts.is_wanted(view, container):
            status.state, status.last_state = status.last_state, known.last_state or core_v1.ContainerState()
    return status


def _blank(view: View, container: core_v1.Container) -> core_v1.ContainerStatus:
    reason = "PodInitializing" if view.inits else "ContainerCreating"
    return core_v1.ContainerStatus(
        name=container.name,
        image=container.image or "",
        state=core_v1.ContainerState(waiting=core_v1.ContainerStateWaiting(reason=reason)),
        last_state=core_v1.ContainerState(),
        started=False,
        volume_mounts=[_mount(view, mount) for mount in container.volume_mounts or []] or None,
    )


def _mount(view: View, mount: core_v1.VolumeMount) -> core_v1.VolumeMountStatus:
    mode = (mount.recursive_read_only or "Disabled") if mount.read_only else None
    if mode == "IfPossible":
        mode = "Enabled" if view.volumes.recursive_readonly else "Disabled"
    return core_v1.VolumeMountStatus(
        name=mount.name,
        mount_path=mount.mount_path,
        read_only=mount.read_only or None,
        recursive_read_only=mode,
    )


def _state(
    view: View, record: Container, *, default: core_v1.ContainerState | None
) -> core_v1.ContainerState:
    if record.state is ContainerState.RUNNING:
        running = core_v1.ContainerStateRunning(started_at=times.rfc3339(record.started_at / 1e9))
        return core_v1.ContainerState(running=running)
    if record.state is ContainerState.CREATED:
        return default or core_v1.ContainerState()
    container_id = f"{view.runtime}://{record.id}"
    if record.state is ContainerState.UNKNOWN:
        return core_v1.ContainerState(terminated=_lost(container_id))
    terminated = core_v1.ContainerStateTerminated(
        container_id=container_id,
        exit_code=record.exit_code,
        reason=record.reason or ("Completed" if record.exit_code == 0 else "Error"),
        message=_cut(view, view.messages.get(record.id) or record.message) or None,
        started_at=times.rfc3339(record.started_at / 1e9),
        finished_at=times.rfc3339(record.finished_at / 1e9),
    )
    return core_v1.ContainerState(terminated=terminated)


def _cut(view: View, message: str) -> str:
    """As much of a container's last words as is its share (kubelet `normalizeStatus`)."""
    share = MESSAGES_BYTES // max(1, len([*pods.all_containers(view.spec)]))
    return message.encode()[:share].decode(errors="ignore")


def _judge(
    view: View,
    container: core_v1.Container,
    status: core_v1.ContainerStatus,
    record: Container | None,
    *,
    init: bool,
) -> None:
    """Set ``started`` and ``ready`` from state and probes."""
    state = status.state or core_v1.ContainerState()
    status.started = status.ready = False
    if init and not is_sidecar(container):
        status.ready = state.terminated is not None and state.terminated.exit_code == 0
        status.started = state.running is not None
    elif state.running is not None and record is not None:
        results = probed(view, container, record.id)
        status.started = results.started
        status.ready = results.started and results.ready


def _lost(container_id: str | None) -> core_v1.ContainerStateTerminated:
    return core_v1.ContainerStateTerminated(
        container_id=container_id, exit_code=restarts.LOST_EXIT_CODE, reason=LOST, message=LOST_MESSAGE
    )


def _end(status: core_v1.ContainerStatus) -> None:
    if status.state is None or status.state.terminated is None:
        status.state = core_v1.ContainerState(terminated=_lost(status.container_id))
        status.started = status.ready = False


def _has_initialized(
    view: View, inits: Sequence[core_v1.ContainerStatus], main: Sequence[core_v1.ContainerStatus]
) -> bool:
    if not inits or any(_was_started(status) for status in main):
        return True
    if is_sidecar(view.inits[-1]):
        return bool(inits[-1].started)
    last = ended(inits[-1])
    return last is not None and last.exit_code == 0


def _was_started(status: core_v1.ContainerStatus) -> bool:
    return ended(status) is not None or (status.state is not None and status.state.running is not None)


def _begun(inits: Sequence[core_v1.ContainerStatus]) -> Sequence[core_v1.ContainerStatus]:
    """The init containers up to the last that ended once; at least the first."""
    for index in range(len(inits) - 1, -1, -1):
        if ended(inits[index]) is not None:
            return inits[: index + 1]
    return inits[:1]
