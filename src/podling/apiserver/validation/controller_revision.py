"""The rules of ControllerRevisions: what a revision holds never changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import apps_v1

from .metadata import immutable
from .workload import NOT_NEGATIVE

_DATA = Path("data")


def create(revision: apps_v1.ControllerRevision) -> Iterator[FieldError]:
    if _data(revision) is None:
        yield field.required(_DATA, "data is mandatory")
    if (revision.revision or 0) < 0:
        yield field.invalid(Path("revision"), revision.revision, NOT_NEGATIVE)


def update(revision: apps_v1.ControllerRevision, old: apps_v1.ControllerRevision) -> Iterator[FieldError]:
    yield from create(revision)
    yield from immutable(_data(revision), _data(old), _DATA)


def _data(revision: apps_v1.ControllerRevision) -> Any:
    return msgspec.json.decode(revision.data) if revision.data else None
