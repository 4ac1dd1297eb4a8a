"""The phase of a Pod from the statuses of its containers (kubelet `getPhase`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from podling.api import pod as pods
from podling.api.types import core_v1

from . import restartall


@dataclass(slots=True)
class _Count:
    """How many containers are in which situation.

    ``lost_init`` failed and are not tried again; of the ``stopped``, those ``restarting`` are to run again.
    """

    pending_init: int = 0
    lost_init: int = 0
    running: int = 0
    waiting: int = 0
    stopped: int = 0
    succeeded: int = 0
    restarting: int = 0


def of(
    spec: core_v1.PodSpec,
    inits: Sequence[core_v1.ContainerStatus],
    main: Sequence[core_v1.ContainerStatus],
    *,
    again: Collection[str] = (),
    final: bool = False,
) -> str:
    """Pending, Running, Succeeded or Failed.

    Whatever the policies say: the containers named ``again`` run again, and none does if ``final``.
    """
    count = _Count()
    for container, status in zip(spec.init_containers or [], inits, strict=True):
        if pods.is_sidecar(container):
            _count_sidecar(count, status)
        else:
            _count_init(count, _ended(spec, container, status))
    named = {container.name: container for container in spec.containers}
    initialized = any(_has_run(status) for status in main)
    for status in main:
        end = _ended(spec, named[status.name], status)
        _count_main(count, status, end, again=status.name in again)
    if count.lost_init:
        return "Failed"
    if (count.pending_init and not initialized) or count.waiting:
        return "Pending"
    if count.running:
        return "Running"
    if not count.stopped:
        return "Pending"
    if count.restarting and not final:
        return "Running"
    return "Succeeded" if count.stopped == count.succeeded else "Failed"


@dataclass(frozen=True, slots=True)
class _End:
    """How a container ended the last time, and whether it is to run again; ``settled``: it does not wait for that yet."""

    failed: bool
    settled: bool
    restarted: bool


def _ended(
    spec: core_v1.PodSpec, container: core_v1.Container, status: core_v1.ContainerStatus
) -> _End | None:
    state, last = _parts(status)
    terminated = state.terminated or (last.terminated if state.running is None else None)
    if terminated is None:
        return None
    code, settled = terminated.exit_code, state.terminated is not None
    judged = (
        code if settled else code or 1
    )  # what waits to run again has not succeeded, whatever it said before
    reset = not settled and terminated.reason == restartall.REASON
    restarted = reset or pods.is_restarted(spec, container, judged)
    return _End(failed=code != 0, settled=settled, restarted=restarted)


def _count_init(count: _Count, end: _End | None) -> None:
    if end is None:
        count.pending_init += 1
    else:
        count.lost_init += end.failed and not end.restarted


def _count_sidecar(count: _Count, status: core_v1.ContainerStatus) -> None:
    """A sidecar that ended does not bear on the phase."""
    state, last = _parts(status)
    if state.running is not None:
        count.pending_init += not status.started
        count.running += 1
    elif state.terminated is None and last.terminated is None:
        count.pending_init += 1
        count.waiting += 1


def _count_main(count: _Count, status: core_v1.ContainerStatus, end: _End | None, *, again: bool) -> None:
    if end is not None:
        count.stopped += 1
        count.succeeded += end.settled and not end.failed
        count.restarting += end.restarted or again
    elif _parts(status)[0].running is not None:
        count.running += 1
    else:
        count.waiting += 1


def _parts(status: core_v1.ContainerStatus) -> tuple[core_v1.ContainerState, core_v1.ContainerState]:
    return status.state or core_v1.ContainerState(), status.last_state or core_v1.ContainerState()


def _has_run(status: core_v1.ContainerStatus) -> bool:
    state, last = _parts(status)
    return state.running is not None or state.terminated is not None or last.terminated is not None
