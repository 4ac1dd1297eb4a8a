"""Events: core/v1 is stored, events.k8s.io/v1 is the same with other names (k8s.io/kubernetes/pkg/apis/events/v1)."""

from __future__ import annotations

from typing import Any

_STORED_NAMES = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_NAMES = {stored: name for name, stored in _STORED_NAMES.items()}


def to_stored(document: dict[str, Any]) -> dict[str, Any]:
    stored = {_STORED_NAMES.get(name, name): value for name, value in document.items()}
    stored.setdefault("involvedObject", {})
    return stored


def from_stored(document: dict[str, Any]) -> dict[str, Any]:
    event = {_NAMES.get(name, name): value for name, value in document.items()}
    event.setdefault("eventTime", None)
    return event
