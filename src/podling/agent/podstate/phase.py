"""The phase of a Pod from the statuses of its containers (kubelet `getPhase`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podling.api.pod import is_sidecar
from podling.api.types import core_v1


@dataclass(slots=True)
class _Count:
    """How many containers are in which situation; ``stopped`` includes those that wait to be restarted."""

    pending_init: int = 0
    failed_init: int = 0
    running: int = 0
    waiting: int = 0
    stopped: int = 0
    succeeded: int = 0


def of(
    spec: core_v1.PodSpec,
    inits: Sequence[core_v1.ContainerStatus],
    main: Sequence[core_v1.ContainerStatus],
    *,
    final: bool = False,
) -> str:
    """Pending, Running, Succeeded or Failed; ``final``: nothing will be restarted, whatever the policy says."""
    count = _Count()
    for container, status in zip(spec.init_containers or [], inits, strict=True):
        (_count_sidecar if is_sidecar(container) else _count_init)(count, status)
    initialized = any(_has_run(status) for status in main)
    for status in main:
        _count_main(count, status)
    if count.failed_init and spec.restart_policy == "Never":
        return "Failed"
    if (count.pending_init and not initialized) or count.waiting:
        return "Pending"
    if count.running:
        return "Running"
    if not count.stopped:
        return "Pending"
    return _of_stopped(count, spec.restart_policy or "Always", final=final)


def _of_stopped(count: _Count, policy: str, *, final: bool) -> str:
    all_succeeded = count.stopped == count.succeeded
    if not final and policy == "Always":
        return "Running"
    if all_succeeded:
        return "Succeeded"
    return "Failed" if final or policy == "Never" else "Running"


def _count_init(count: _Count, status: core_v1.ContainerStatus) -> None:
    state, last = _parts(status)
    if state.terminated is not None:
        count.failed_init += state.terminated.exit_code != 0
    elif state.waiting is not None and last.terminated is not None:
        count.failed_init += last.terminated.exit_code != 0
    else:
        count.pending_init += 1


def _count_sidecar(count: _Count, status: core_v1.ContainerStatus) -> None:
    """A sidecar that ended does not bear on the phase."""
    state, last = _parts(status)
    if state.running is not None:
        count.pending_init += not status.started
        count.running += 1
    elif state.terminated is None and last.terminated is None:
        count.pending_init += 1
        count.waiting += 1


def _count_main(count: _Count, status: core_v1.ContainerStatus) -> None:
    state, last = _parts(status)
    if state.running is not None:
        count.running += 1
    elif state.terminated is not None:
        count.stopped += 1
        count.succeeded += state.terminated.exit_code == 0
    elif last.terminated is not None:
        count.stopped += 1
    else:
        count.waiting += 1


def _parts(status: core_v1.ContainerStatus) -> tuple[core_v1.ContainerState, core_v1.ContainerState]:
    return status.state or core_v1.ContainerState(), status.last_state or core_v1.ContainerState()


def _has_run(status: core_v1.ContainerStatus) -> bool:
    state, last = _parts(status)
    return state.running is not None or state.terminated is not None or last.terminated is not None
