"""Whether and when a container that is not running runs again: CrashLoopBackOff, and the restart policies of `api/pod/restarts`.

The first restart comes at once, the next ones 10 s, 20 s ... 300 s after the container ended; a container that ran for more
than 10 minutes starts anew, and so does one in a new sandbox.  The count of restarts in a row is written on the container itself (`labels.CRASHES`), so the
delays outlive the agent.  (Source: concepts/workloads/pods/pod-lifecycle, "How Pods handle problems with containers".)
"""

from __future__ import annotations

from podling.agent import labels
from podling.aio.backoff import Backoff
from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState

from .view import View

CRASH_LOOP = Backoff(first=10, cap=300)
QUIET_SECONDS = 600
"""A container that lived this long since it was made has not crashed in a row with the one before."""
SHOW_SECONDS = 3
"""How long a status shows what happened (Terminated, ErrImagePull) before it shows the wait (CrashLoopBackOff)."""

DEAD = (ContainerState.EXITED, ContainerState.UNKNOWN)
KILLED_EXIT_CODE = 137
LOST_EXIT_CODE = KILLED_EXIT_CODE
"""Of a container whose end nobody saw: upstream's code for ContainerStatusUnknown."""


def is_dead(container: Container) -> bool:
    return container.state in DEAD


def is_alive(container: Container) -> bool:
    """Whether there is a process to end; what was made and never started has none and goes with its sandbox."""
    return container.state is ContainerState.RUNNING


def exit_code(container: Container) -> int:
    return LOST_EXIT_CODE if container.state is ContainerState.UNKNOWN else container.exit_code


def succeeded(container: Container) -> bool:
    return is_dead(container) and exit_code(container) == 0


def is_changed(record: Container, container: core_v1.Container) -> bool:
    """Whether ``record`` was made from another definition of ``container``: its name or its image has changed since."""
    now = labels.container_hash(container)
    return record.annotations.get(labels.HASH, now) != now


def replaced(view: View) -> set[str]:
    """The names of containers that have been ended so that they start again."""
    ended = view.resizing.restarting
    return {
        record.name for record in view.containers if record.id in ended and record is view.newest(record.name)
    }


def is_wanted(view: View, container: core_v1.Container) -> bool:
    """Whether ``container``, of the Pod's main list, is to be started (again)."""
    record = view.newest(container.name)
    if view.pod.metadata.deletion_timestamp is not None:
        return False
    if record is None:
        code = _forgotten_exit_code(view, container.name)
        return code is None or pods.is_restarted(view.spec, container, code)
    if record.state is ContainerState.RUNNING:
        return False
    if record.state is ContainerState.CREATED or record.id in view.resizing.restarting:
        return True
    return pods.is_restarted(view.spec, container, exit_code(record))


def _forgotten_exit_code(view: View, name: str) -> int | None:
    """How a container ended that the API knows and the runtime does not: what ran once is not run twice by mistake."""
    old = view.known_status(name)
    if old is None or not old.container_id:
        return None
    terminated = old.state.terminated if old.state else None
    return terminated.exit_code if terminated else LOST_EXIT_CODE


def crashes(container: Container) -> int:
    """How many restarts in a row led to this attempt; 0 for the first."""
    return labels.number(container.annotations, labels.CRASHES)


def next_crashes(container: Container | None, sandbox_id: str) -> int:
    """The count for the attempt after ``container``, in that sandbox and of the same definition."""
    if container is None or container.state is ContainerState.CREATED or container.sandbox_id != sandbox_id:
        return 0
    return 1 if _was_quiet(container) else crashes(container) + 1


def hold_seconds(container: Container, sandbox_id: str) -> float:
    """How long after its end the next attempt, in that sandbox, waits.  What went down with its sandbox did not crash."""
    if container.sandbox_id != sandbox_id:
        return 0.0
    return 0.0 if _was_quiet(container) else CRASH_LOOP.delay(crashes(container))


def ended_at(container: Container) -> float:
    """When a dead container ended, in seconds since the epoch."""
    return (container.finished_at or container.started_at or container.created_at) / 1e9


def _was_quiet(container: Container) -> bool:
    return ended_at(container) - container.created_at / 1e9 > QUIET_SECONDS
