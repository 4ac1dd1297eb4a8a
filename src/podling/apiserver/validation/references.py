"""What an object says of others by group, kind and name, where the rules are those of path segments."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1, networking_v1

from .metadata import each


def typed_local(
    given: core_v1.TypedLocalObjectReference | networking_v1.IngressClassParametersReference, path: Path
) -> Iterator[FieldError]:
    """An object of any kind."""
    if given.api_group is not None:
        yield from each(names.dns1123_subdomain, given.api_group, path / "apiGroup")
    yield from segment(given.kind, path / "kind")
    yield from segment(given.name, path / "name")


def segment(value: str, path: Path) -> Iterator[FieldError]:
    """What must be there and must fit into a URL's path."""
    if not value:
        yield field.required(path)
    else:
        yield from each(names.path_segment, value, path)
