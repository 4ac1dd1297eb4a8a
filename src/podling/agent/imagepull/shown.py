"""What a container's status calls its image (pure).

As containerd tells it: the full name of the image, and its content by the digest that a registry knows it by; the image's own id
where no registry does.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.runtime.images import reference
from podling.runtime.interface import Image


def name_of(image: Image, wanted: str) -> str:
    """``status.image`` for a container that asked for ``wanted``."""
    return _like(wanted, image.repo_tags) or _like(wanted, image.repo_digests) or wanted


def content_of(image: Image, wanted: str) -> str:
    """``status.imageID``."""
    return _like(wanted, image.repo_digests) or image.id


def _like(wanted: str, names: Iterable[str]) -> str:
    """The wanted name itself, else one of the same repository, else the first."""
    listed = list(names)
    try:
        full = reference.parse(wanted)
    except reference.InvalidReference:
        return next(iter(listed), "")
    same = [name for name in listed if reference.parse(name).name == full.name]
    return str(full) if str(full) in listed else next(iter([*same, *listed]), "")
