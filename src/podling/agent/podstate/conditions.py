"""A Pod's conditions in upstream's words: PodReadyToStartContainers, Initialized, Ready, ContainersReady, PodScheduled.

Conditions of others pass through untouched; a transition time changes only with the status it belongs to.
(Source: kubelet `pkg/kubelet/status/generate.go`.)
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import times
from podling.api.pod import is_sidecar
from podling.api.types import core_v1

from . import resizing, restartall
from .bringup import ready_sandbox
from .view import View

OWN = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    restartall.CONDITION,
)
DISRUPTION, BY_AGENT = "DisruptionTarget", "TerminationByKubelet"
PASSING = (resizing.PENDING, resizing.IN_PROGRESS)
"""Conditions of ours that come and go."""
NOT_READY = "ContainersNotReady"
NOT_INITIALIZED = "ContainersNotInitialized"


def is_ours(condition: core_v1.PodCondition) -> bool:
    """Whether the agent answers for it."""
    if condition.type == DISRUPTION:
        return condition.reason == BY_AGENT
    return condition.type in (*OWN, *PASSING)


def of(view: View, status: core_v1.PodStatus) -> list[core_v1.PodCondition]:
    """The conditions that go with ``status`` (its phase and container statuses are set already)."""
    current = (view.pod.status.conditions if view.pod.status else None) or []
    foreign = [condition for condition in current if condition.type not in (*OWN, *PASSING)]
    containers_ready = _containers_ready(view, status)
    own = [
        _condition("PodReadyToStartContainers", holds=_can_start(view, status)),
        _initialized(view, status),
        _ready(view, containers_ready, foreign),
        containers_ready,
        _condition("PodScheduled", holds=True),
        *restartall.conditions(view, status.phase or ""),
        *resizing.resource_conditions(view),
        *_disruption(view, status),
    ]
    foreign = [condition for condition in foreign if all(condition.type != one.type for one in own)]
    before = {c.type: c for c in [*current, *(view.status.conditions or [])]}
    for condition in own:
        _date(view, condition, before.get(condition.type))
    return [*own, *foreign]


def _disruption(view: View, status: core_v1.PodStatus) -> list[core_v1.PodCondition]:
    """Told together with the end of a Pod that is not to blame for it, so that its Job does not count it (KEP-3329)."""
    verdict = view.verdict
    if verdict is None or not verdict.disrupts or status.phase != "Failed":
        return []
    message = verdict.explanation or verdict.message
    return [_condition(DISRUPTION, holds=True, reason=BY_AGENT, message=message)]


def _can_start(view: View, status: core_v1.PodStatus) -> bool:
    """The sandbox is there; that of a Pod that has ended is on its way out."""
    return status.phase not in ("Succeeded", "Failed") and ready_sandbox(view) is not None


def _date(view: View, condition: core_v1.PodCondition, before: core_v1.PodCondition | None) -> None:
    kept = before is not None and before.status == condition.status
    since = before.last_transition_time if before is not None and kept else None
    condition.last_transition_time = since or times.rfc3339(view.now)
    condition.observed_generation = condition.observed_generation or view.pod.metadata.generation


def _condition(type_: str, *, holds: bool, reason: str = "", message: str = "") -> core_v1.PodCondition:
    return core_v1.PodCondition(
        type=type_, status="True" if holds else "False", reason=reason or None, message=message or None
    )


def _initialized(view: View, status: core_v1.PodStatus) -> core_v1.PodCondition:
    if status.phase == "Succeeded":
        return _condition("Initialized", holds=True, reason="PodCompleted")
    main = status.container_statuses or []
    if any(c.started or (c.state and c.state.terminated) or _has_ended(c) for c in main):
        return _condition("Initialized", holds=True)
    incomplete = [
        known.name
        for container, known in zip(view.inits, status.init_container_statuses or [], strict=True)
        if not (known.started if is_sidecar(container) else known.ready)
    ]
    if not incomplete:
        return _condition("Initialized", holds=True)
    message = f"containers with incomplete status: {_names(incomplete)}"
    return _condition("Initialized", holds=False, reason=NOT_INITIALIZED, message=message)


def _containers_ready(view: View, status: core_v1.PodStatus) -> core_v1.PodCondition:
    if status.phase == "Succeeded":
        return _condition("ContainersReady", holds=False, reason="PodCompleted")
    if status.phase == "Failed":
        return _condition("ContainersReady", holds=False, reason="PodFailed")
    sidecars = [container.name for container in view.inits if is_sidecar(container)]
    relevant = [s for s in status.init_container_statuses or [] if s.name in sidecars]
    ready = {s.name: s.ready for s in [*relevant, *(status.container_statuses or [])]}
    order = [*sidecars, *(container.name for container in view.spec.containers)]
    unready = [name for name in order if not ready.get(name)]
    if not unready:
        return _condition("ContainersReady", holds=True)
    message = f"containers with unready status: {_names(unready)}"
    return _condition("ContainersReady", holds=False, reason=NOT_READY, message=message)


def _ready(
    view: View, containers_ready: core_v1.PodCondition, foreign: Iterable[core_v1.PodCondition]
) -> core_v1.PodCondition:
    """As the containers, and every readiness gate of the spec is True."""
    if containers_ready.status != "True":
        reason, message = containers_ready.reason or "", containers_ready.message or ""
        return _condition("Ready", holds=False, reason=reason, message=message)
    known = {condition.type: condition.status for condition in foreign}
    unmet = []
    for gate in view.spec.readiness_gates or []:
        value = known.get(gate.condition_type)
        if value is None:
            unmet.append(
                f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.'
            )
        elif value != "True":
            unmet.append(
                f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {value}'
            )
    if unmet:
        return _condition("Ready", holds=False, reason="ReadinessGatesNotReady", message=", ".join(unmet))
    return _condition("Ready", holds=True)


def _has_ended(status: core_v1.ContainerStatus) -> bool:
    return status.last_state is not None and status.last_state.terminated is not None


def _names(names: Iterable[str]) -> str:
    """A list as Go prints it."""
    return f"[{' '.join(names)}]"
