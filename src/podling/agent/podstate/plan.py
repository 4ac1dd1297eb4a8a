"""The decision: which stage the Pod is in, what is next, what its status says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from podling.agent.resize import summary
from podling.api import times
from podling.api.types import core_v1

from . import bringup, ending, resizing, status
from .actions import Action, Note
from .draft import Draft
from .view import Verdict, View

DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now and what to show.

    actions  in the order in which to begin them; none is under way already save to replace it.
    status   the Pod's status as of this view.
    notes    Events to tell, each key once.
    wake_at  plan again then at the latest, in seconds since the epoch; None: only when something happens.
    ending   the Pod is being taken down.
    ended    its containers, sandbox and volumes are gone from the node.
    gone     nothing is left to do or to know about it.
    """

    actions: tuple[Action, ...]
    status: core_v1.PodStatus
    notes: tuple[Note, ...] = ()
    wake_at: float | None = None
    ending: bool = False
    ended: bool = False
    gone: bool = False


def plan(view: View) -> Plan:
    """Decide about one Pod."""
    verdict = view.verdict
    if verdict is not None and verdict.refused and not view.containers and not view.sandboxes:
        return _refused(view, verdict)
    if is_ending(view):
        return _ending(view)
    overrun = _overrun(view)
    if overrun is not None:
        failed = status.failed(view, reason="DeadlineExceeded", message=DEADLINE_MESSAGE)
        return _ending(replace(view, status=failed), overrun)
    return _living(view)


def is_ending(view: View) -> bool:
    """Whether the Pod ends, whatever its containers do: there is no way back from here."""
    return (
        view.removed
        or view.shutdown
        or view.verdict is not None
        or view.pod.metadata.deletion_timestamp is not None
        or view.status.phase in status.TERMINAL
    )


def _living(view: View) -> Plan:
    draft = Draft(view)
    bringup.bring_up(draft)
    if draft.over:
        return _ending(view)
    if (at := _deadline(view)) is not None:
        draft.wait_until(at)
    shown = status.of(view, waiting=draft.waiting)
    if resizing.IN_PROGRESS in _conditions(view.status) and resizing.IN_PROGRESS not in _conditions(shown):
        draft.notes.append(_resized(view))
    return Plan(actions=tuple(draft.actions), status=shown, notes=tuple(draft.notes), wake_at=draft.wake_at)


def _conditions(of: core_v1.PodStatus) -> set[str]:
    return {condition.type for condition in of.conditions or ()}


def _resized(view: View) -> Note:
    text = summary.message("Pod resize completed", view.pod)
    return Note(f"resize/{view.pod.metadata.generation}", "Normal", "ResizeCompleted", text)


def _ending(view: View, *notes: Note) -> Plan:
    shown = status.of_ending(view, stopped=ending.containers_ended(view))
    return _end(Draft(view, notes=list(notes)), shown)


def _refused(view: View, verdict: Verdict) -> Plan:
    """A Pod that never had anything on this node: its status says why, and its deletion has nothing to wait for."""
    return _end(Draft(view), status.refused(view, verdict))


def _end(draft: Draft, shown: core_v1.PodStatus) -> Plan:
    view = draft.view
    ending.wind_down(draft, told=view.written and shown == view.status)
    return Plan(
        actions=tuple(draft.actions),
        status=shown,
        notes=tuple(draft.notes),
        wake_at=draft.wake_at,
        ending=True,
        ended=ending.is_ended(view),
        gone=ending.is_gone(view),
    )


def _deadline(view: View) -> float | None:
    """When ``activeDeadlineSeconds`` runs out; counted from the start time, so None before the first status."""
    seconds = view.spec.active_deadline_seconds
    if seconds is None or not view.status.start_time:
        return None
    return times.parse(view.status.start_time) + seconds


def _overrun(view: View) -> Note | None:
    at = _deadline(view)
    if at is None or view.now < at:
        return None
    return Note("deadline", "Normal", "DeadlineExceeded", DEADLINE_MESSAGE)
