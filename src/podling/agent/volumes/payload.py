"""Files that a volume is filled with, from the keys of an object (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class File:
    """``uid`` None leaves the owner as it is."""

    data: bytes
    mode: int
    uid: int | None = None


Payload = dict[str, File]
"""By path relative to the volume."""


def of_keys(
    keys: Mapping[str, bytes],
    items: Sequence[core_v1.KeyToPath] | None,
    *,
    mode: int | None,
    optional: bool,
    missing: str,
) -> Payload:
    """All keys, or the chosen ``items`` under their paths.  ``missing`` begins the message about a key that is not there."""
    default = DEFAULT_MODE if mode is None else mode
    if not items:
        return {key: File(data, default) for key, data in keys.items()}
    files: Payload = {}
    for item in items:
        if item.key in keys:
            files[item.path] = File(keys[item.key], default if item.mode is None else item.mode)
        elif not optional:
            raise VolumeFault(f"{missing}: {item.key}")
    return files


def check_paths(files: Payload) -> None:
    """Refuse paths that would leave the volume or get in the way of the writer's own names.  Raises ``VolumeFault``."""
    for path in files:
        parts = path.split("/")
        if not path or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
            raise VolumeFault(f"invalid filename: {path}")
