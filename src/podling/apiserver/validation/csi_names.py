"""The names of CSI drivers wherever an object speaks of one (pkg/apis/core/validation, ValidateCSIDriverName)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path

MAX_NAME = 63


def driver_name(name: str, path: Path) -> Iterator[FieldError]:
    """A subdomain, in upper case too, of the length that CSI gives it."""
    if not name:
        yield field.required(path)
        return
    if len(name.encode()) > MAX_NAME:
        yield field.too_long(path, MAX_NAME)
    for why in names.dns1123_subdomain(name.lower()):
        yield field.invalid(path, name, why)
