"""Pods: the STATUS column and all the others (printPod in upstream's printers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podling.api import pod as pods
from podling.api import times

from .layout import AGE, NAME, NONE, Cells, Column, Layout, age, name, since, wide

if TYPE_CHECKING:
    from podling.api.types.core_v1 import ContainerState, ContainerStatus, Pod

_NODE_LOST = "NodeLost"


class _Tally:
    """Restarts of some containers, and when the last of them was."""

    __slots__ = ("_last", "_last_text", "count")

    def __init__(self) -> None:
        self.count = 0
        self._last = float("-inf")
        self._last_text = ""

    def add(self, status: ContainerStatus) -> None:
        self.count += status.restart_count
        ended = status.last_state.terminated if status.last_state else None
        if ended is None or not ended.finished_at:
            return
        at = times.parse(ended.finished_at)
        if at > self._last:
            self._last, self._last_text = at, ended.finished_at

    def text(self, now: float) -> str:
        """`3 (5m ago)`."""
        if self.count and self._last_text:
            return f"{self.count} ({since(self._last_text, now)} ago)"
        return str(self.count)


def _cells(pod: Pod, now: float) -> Cells:
    ready, total, status, restarts = _summary(pod)
    spec, state = pod.spec, pod.status
    addresses = (state.pod_ips if state else None) or []
    return [
        name(pod),
        f"{ready}/{total}",
        status,
        restarts.text(now),
        age(pod, now),
        (addresses[0].ip if addresses else "") or NONE,
        (spec.node_name if spec else None) or NONE,
        (state.nominated_node_name if state else None) or NONE,
        _readiness_gates(pod),
    ]


def _summary(pod: Pod) -> tuple[int, int, str, _Tally]:
    """Ready and all containers, the word for the Pod's state, and restarts."""
    spec, state = pod.spec, pod.status
    sidecars = {container.name for container in pods.sidecars(spec)} if spec else set()
    total = (len(spec.containers) if spec else 0) + len(sidecars)
    phase = (state.phase if state else None) or ""
    word = (state.reason if state else None) or phase
    scheduled = pods.get_condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.reason == "SchedulingGated":
        word = "SchedulingGated"
    ready, initializing, restarts, sidecar_restarts = _init_containers(pod, sidecars)
    if initializing:
        word = initializing
    if not initializing or pods.is_true(pod, "Initialized"):
        restarts = sidecar_restarts
        running, word = _containers(pod, word, restarts)
        ready += running
    if pod.metadata.deletion_timestamp:
        if state is not None and state.reason == _NODE_LOST:
            word = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            word = "Terminating"
    return ready, total, word, restarts


def _init_containers(pod: Pod, sidecars: set[str]) -> tuple[int, str, _Tally, _Tally]:
    """Ready sidecars, what initialization is about ("" when it is over), and restarts of all and of sidecars."""
    ready, all_restarts, sidecar_restarts = 0, _Tally(), _Tally()
    statuses = (pod.status.init_container_statuses if pod.status else None) or []
    count = len((pod.spec.init_containers if pod.spec else None) or [])
    for index, status in enumerate(statuses):
        all_restarts.add(status)
        is_sidecar = status.name in sidecars
        if is_sidecar:
            sidecar_restarts.add(status)
        ended = status.state.terminated if status.state else None
        if ended is not None and ended.exit_code == 0:
            continue
        if is_sidecar and status.started:
            ready += bool(status.ready)
            continue
        return ready, _initializing(status.state, index, count), all_restarts, sidecar_restarts
    return ready, "", all_restarts, sidecar_restarts


def _initializing(state: ContainerState | None, index: int, count: int) -> str:
    if state is not None and state.terminated is not None:
        return f"Init:{_ended(state)}"
    if (
        state is not None
        and state.waiting is not None
        and state.waiting.reason not in (None, "", "PodInitializing")
    ):
        return f"Init:{state.waiting.reason}"
    return f"Init:{index}/{count}"


def _containers(pod: Pod, word: str, restarts: _Tally) -> tuple[int, str]:
    """Ready containers, and the word that the first container with something to say gives the Pod."""
    ready, failed = 0, ""
    for status in reversed((pod.status.container_statuses if pod.status else None) or []):
        restarts.add(status)
        state = status.state
        if state is not None and state.waiting is not None and state.waiting.reason:
            word = state.waiting.reason
        elif state is not None and state.terminated is not None:
            word = _ended(state)
            failed = word if state.terminated.exit_code else failed
        elif status.ready and state is not None and state.running is not None:
            ready += 1
    if word != "Completed":
        return ready, word
    if ready and pods.is_ready(pod):
        return ready, "Running"
    return ready, failed or ("NotReady" if ready else word)


def _ended(state: ContainerState) -> str:
    ended = state.terminated
    assert ended is not None
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


def _readiness_gates(pod: Pod) -> str:
    gates = (pod.spec.readiness_gates if pod.spec else None) or []
    if not gates:
        return NONE
    passed = sum(pods.is_true(pod, gate.condition_type) for gate in gates)
    return f"{passed}/{len(gates)}"


def _conditions(pod: Pod) -> list[dict[str, str]]:
    phase = pod.status.phase if pod.status else None
    message = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}.get(
        phase or ""
    )
    if not phase or not message:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


PODS = Layout(
    columns=(
        NAME,
        Column("Ready", "Containers that are ready, of all."),
        Column("Status", "What the Pod's containers are about, in one word."),
        Column("Restarts", "How often containers were started again, and when last."),
        AGE,
        wide("IP", "The Pod's first address."),
        wide("Node", "Where the Pod runs or is to run."),
        wide("Nominated Node", "The node that preemption makes room on."),
        wide("Readiness Gates", "Conditions from outside that are true, of all asked for."),
    ),
    cells=_cells,
    conditions=_conditions,
)
