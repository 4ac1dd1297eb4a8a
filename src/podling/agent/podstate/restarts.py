"""Whether and when a container that is not running runs again: restart policies and CrashLoopBackOff.

The first restart comes at once, the next ones 10 s, 20 s ... 300 s after the container ended; a container that ran for more
than 10 minutes starts anew, and so does one in a new sandbox.  The count of restarts in a row is written on the container itself (`labels.CRASHES`), so the
delays outlive the agent.  (Source: concepts/workloads/pods/pod-lifecycle, "How Pods handle problems with containers".)
"""

from __future__ import annotations

from podling.agent import labels
from podling.aio.backoff import Backoff
from podling.runtime.interface import Container, ContainerState

from .view import View

CRASH_LOOP = Backoff(first=10, cap=300)
QUIET_SECONDS = 600
"""A container that lived this long since it was made has not crashed in a row with the one before."""
SHOW_SECONDS = 3
"""How long a status shows what happened (Terminated, ErrImagePull) before it shows the wait (CrashLoopBackOff)."""

DEAD = (ContainerState.EXITED, ContainerState.UNKNOWN)
LOST_EXIT_CODE = 137
"""Of a container whose end nobody saw: upstream's code for ContainerStatusUnknown."""


def is_dead(container: Container) -> bool:
    return container.state in DEAD


def exit_code(container: Container) -> int:
    return LOST_EXIT_CODE if container.state is ContainerState.UNKNOWN else container.exit_code


def succeeded(container: Container) -> bool:
    return is_dead(container) and exit_code(container) == 0


def is_wanted(view: View, name: str) -> bool:
    """Whether the container ``name`` of the Pod's main list is to be started (again)."""
    container = view.newest(name)
    if view.pod.metadata.deletion_timestamp is not None:
        return False
    if container is None:
        code = _forgotten_exit_code(view, name)
        return code is None or restart_wanted(view, failed=code != 0)
    if container.state is ContainerState.RUNNING:
        return False
    if container.state is ContainerState.CREATED:
        return True
    return restart_wanted(view, failed=exit_code(container) != 0)


def restart_wanted(view: View, *, failed: bool) -> bool:
    """What the restart policy says of a container that ended."""
    policy = view.spec.restart_policy or "Always"
    return policy == "Always" or (policy == "OnFailure" and failed)


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
    """The count for the attempt after ``container``, in that sandbox."""
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
