"""The rules of Events that come by events.k8s.io: the newer kind only, and nothing of one changes but its series.

(pkg/apis/core/validation/events.go; paths are those of the stored form, as upstream's are.)
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import event as every
from .metadata import IMMUTABLE

_TYPES = ("Normal", "Warning")
_UNSET = "needs to be unset"
_FIXED = (
    ("involved_object", "involvedObject"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("first_timestamp", "firstTimestamp"),
    ("last_timestamp", "lastTimestamp"),
    ("count", "count"),
    ("reason", "reason"),
    ("type", "type"),
    ("event_time", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reporting_component", "reportingController"),
    ("reporting_instance", "reportingInstance"),
)

Event = core_v1.Event


def create(event: Event) -> Iterator[FieldError]:
    yield from every.faults(event, reporter="reportingController")
    yield from _series(event)
    if event.event_time is None:
        yield field.required(Path("eventTime"))
    if event.type not in _TYPES:
        yield field.invalid(Path("type"), "", f"has invalid value: {event.type or ''}")
    source = event.source or core_v1.EventSource()
    for value, name in (
        (event.first_timestamp, "firstTimestamp"),
        (event.last_timestamp, "lastTimestamp"),
        (event.count, "count"),
        (source.component or source.host, "source"),
    ):
        if value:
            yield field.invalid(Path(name), "", _UNSET)


def update(event: Event, old: Event) -> Iterator[FieldError]:
    yield from every.faults(event, reporter="reportingController")
    if not codec.semantic_equal(event.series, old.series):
        yield from _series(event)
    for attribute, name in _FIXED:
        new, had = getattr(event, attribute), getattr(old, attribute)
        if not codec.semantic_equal(new, had):
            yield field.invalid(Path(name), new, IMMUTABLE)


def _series(event: Event) -> Iterator[FieldError]:
    if event.series is None:
        return
    if (event.series.count or 0) < 2:
        yield field.invalid(Path("series.count"), "", "should be at least 2")
    if not event.series.last_observed_time:
        yield field.required(Path("series.lastObservedTime"))
