"""The rules of RuntimeClasses."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1, node_v1

from . import resources, scheduling
from .metadata import each, immutable, labels

HANDLER = Path("handler")


def create(given: node_v1.RuntimeClass) -> Iterator[FieldError]:
    yield from each(names.dns1123_label, given.handler, HANDLER)
    if given.overhead is not None:
        asked = core_v1.ResourceRequirements(limits=given.overhead.pod_fixed)
        yield from resources.requirements(asked, Path("overhead"))
    if given.scheduling is not None:
        path = Path("scheduling")
        yield from labels(given.scheduling.node_selector or {}, path / "nodeSelector")
        yield from scheduling.tolerations(given.scheduling.tolerations or [], path / "tolerations")


def update(given: node_v1.RuntimeClass, old: node_v1.RuntimeClass) -> Iterator[FieldError]:
    """What Pods run on may not change under them."""
    yield from immutable(given.handler, old.handler, HANDLER)
