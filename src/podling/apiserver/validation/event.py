"""The rules that hold for every Event, whichever API it came by (pkg/apis/core/validation/events.go).

Who writes `eventTime` writes the newer kind of Event, which says who reports it, and which action led to what.
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each

MAX_WORD, MAX_NOTE = 128, 1024
_NAMESPACE = Path("involvedObject", "namespace")
_MISMATCH = "does not match event.namespace"


def create(event: core_v1.Event) -> Iterator[FieldError]:
    yield from faults(event, reporter="reportingComponent")


def update(event: core_v1.Event, old: core_v1.Event) -> Iterator[FieldError]:
    yield from create(event)


def faults(event: core_v1.Event, *, reporter: str) -> Iterator[FieldError]:
    """`reporter`: how the API that was asked calls the field that says who reports."""
    own, about = event.metadata.namespace or "", event.involved_object.namespace or ""
    if event.event_time is None:
        if own != about and not (not about and own == "default"):
            yield field.invalid(_NAMESPACE, about, _MISMATCH)
    else:
        if not about and own not in ("default", "kube-system"):
            yield field.invalid(_NAMESPACE, about, _MISMATCH)
        yield from _reported(event, reporter)
    yield from each(names.dns1123_subdomain, own, Path("namespace"))


def _reported(event: core_v1.Event, reporter: str) -> Iterator[FieldError]:
    who = event.reporting_component or ""
    if not who:
        yield field.required(Path(reporter))
    yield from each(names.label_key, who, Path(reporter))
    for value, name in (
        (event.reporting_instance, "reportingInstance"),
        (event.action, "action"),
        (event.reason, "reason"),
    ):
        if not value:
            yield field.required(Path(name))
        elif len(value.encode()) > MAX_WORD:
            yield field.invalid(Path(name), "", f"can have at most {MAX_WORD} characters")
    if len((event.message or "").encode()) > MAX_NOTE:
        yield field.invalid(Path("message"), "", f"can have at most {MAX_NOTE} characters")
