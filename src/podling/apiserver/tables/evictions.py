"""Evictions that responders work on (lifecycle.k8s.io, KEP-4563)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from podling.api import times

from .layout import AGE, NAME, NONE, UNKNOWN, UNSET, Cells, Column, Layout, age, name, since, some_of, wide

if TYPE_CHECKING:
    from podling.api.types.lifecycle_v1alpha1 import (
        Eviction,
        EvictionRequest,
        ResponderStatus,
        TargetResponder,
    )

_PROCESSED = ("Canceled", "Interrupted", "Completed")


def _target(obj: Eviction | EvictionRequest) -> tuple[str, str]:
    pod = obj.spec.target.pod
    return (UNSET, UNSET) if pod is None else (pod.name, "Pod")


def _state(obj: Eviction | EvictionRequest) -> str:
    status = obj.status
    true = {
        item.type: item for item in (status.conditions if status else None) or () if item.status == "True"
    }
    for type in ("TargetEvicted", "Failed"):
        if type in true:
            return f"{type} ({true[type].reason})"
    return "Progressing" if status is not None and status.observed_generation else "Pending"


def _request(obj: EvictionRequest, now: float) -> Cells:
    return [name(obj), *_target(obj), _state(obj), obj.spec.requester, obj.spec.intent, age(obj, now)]


_TARGET = Column("Target", "What is to go.")
_TYPE = Column("Target Type", "Of which kind that is.")
_STATUS = Column("Status", "How the eviction stands.")

EVICTION_REQUESTS = Layout(
    (
        NAME,
        _TARGET,
        _TYPE,
        _STATUS,
        Column("Requester", "Who asks."),
        Column("Intent", "Whether it is still asked for."),
        AGE,
    ),
    _request,
)


def _eviction(obj: Eviction, now: float) -> Cells:
    status = obj.status
    targets = (status.target_responders if status else None) or []
    chosen = _shown(targets)
    begun = sum(item.state in (*_PROCESSED, "Active") for item in targets)
    progress, finish, heartbeat, message = (UNSET, UNKNOWN, UNSET, UNSET)
    for responder in (status.responders if status else None) or ():
        if chosen is not None and responder.name == chosen.name:
            progress, finish = _progress(chosen.state, responder, now)
            heartbeat = f"{since(responder.heartbeat_time, now)} ago" if responder.heartbeat_time else UNSET
            message = (responder.message or "").strip() or UNSET
            break
    return [
        name(obj),
        *_target(obj),
        _state(obj),
        f"{chosen.name if chosen else UNSET} ({begun}/{len(targets)})",
        progress,
        finish,
        _requesters(obj),
        age(obj, now),
        heartbeat,
        message,
    ]


def _shown(responders: Iterable[TargetResponder]) -> TargetResponder | None:
    """The last one at work, else the last that is done."""
    active = done = None
    for item in responders:
        if item.state == "Active":
            active = item
        elif item.state in _PROCESSED:
            done = item
    return active or done


def _progress(state: str, responder: ResponderStatus, now: float) -> tuple[str, str]:
    """What a responder is about, and when it is expected to be done."""
    if state == "Completed":
        ended = responder.completion_time
        return (f"Completed ({since(ended, now)} ago)" if ended else state), "-"
    if state in _PROCESSED:
        return state, "-"
    if not responder.start_time:
        return state, UNKNOWN
    started = f"Started ({since(responder.start_time, now)} ago)"
    if not responder.expected_completion_time:
        return started, UNKNOWN
    left = times.parse(responder.expected_completion_time) - now
    return started, f"in {times.human_duration(left)}" if left > 0 else f"{times.human_duration(-left)} ago"


def _requesters(obj: Eviction) -> str:
    asked = (obj.status.requesters if obj.status else None) or []
    names = sorted(item.name for item in asked if item.intent != "Withdrawn")
    if names:
        return some_of(names, len(names), 1)
    return "<withdrawn>" if asked else NONE


EVICTIONS = Layout(
    (
        NAME,
        _TARGET,
        _TYPE,
        _STATUS,
        Column("Active Responder", "Who works on it, and how many have."),
        Column("Responder Status", "How far that one is."),
        Column("Responder Expected Finish", "When it means to be done."),
        Column("Requesters", "Who asks."),
        AGE,
        wide("Responder Heartbeat", "When it was last heard of."),
        wide("Responder Status Message", "What it says."),
    ),
    _eviction,
)
