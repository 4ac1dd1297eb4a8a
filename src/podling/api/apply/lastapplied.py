"""kubectl's own memory of what it applied, the annotation of client-side apply, and how server-side apply gets along with it.

Both rules hold for the manager `kubectl` only. Conflicts over fields that the annotation says kubectl set, and that still have the
value it set, are none: so an object moves from client-side to server-side apply without force. And an annotation that is there
follows every apply, so that going back to client-side apply finds the truth. (managedfields/internal/lastapplied*.go)
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from podling.api import codec, errors
from podling.api.gotext import json_text
from podling.api.kinds import Kind
from podling.api.levels import Level
from podling.api.managedfields import EMPTY, FieldSet, compare, difference
from podling.api.schema import ANYTHING, Schema

from . import shape
from .owned import owned
from .typed import faults

MANAGER: Final = "kubectl"
ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
_MAX_ANNOTATIONS_BYTES: Final = 256 * 1024


def allowed(live: dict[str, Any], kind: Kind, *, level: Level, node: Schema = ANYTHING) -> FieldSet:
    """The fields that kubectl set and nobody changed since; none where the annotation cannot tell."""
    text = _annotations(live).get(ANNOTATION)
    try:
        config = msgspec.json.decode(text or "null")
    except msgspec.DecodeError:
        return EMPTY
    if not isinstance(config, dict) or config.get("apiVersion") != kind.api_version:
        return EMPTY
    root = shape.root(kind, node)
    if any(faults(config, root, level=level)):
        return EMPTY
    try:
        told = compare(codec.from_dict(kind, config), codec.from_dict(kind, live), node=node)
    except errors.BadRequest:
        return EMPTY
    return difference(difference(owned(config, root), told.changed), told.removed)


def follow(document: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The document with its annotation, if it has one, brought up to date."""
    annotations = _annotations(document)
    if not annotations.get(ANNOTATION):
        return document
    said = {name: text for name, text in _annotations(config).items() if name != ANNOTATION}
    metadata = {**config.get("metadata", {}), "annotations": said}
    if not said:
        del metadata["annotations"]
    new = {**annotations, ANNOTATION: json_text({**config, "metadata": metadata}) + "\n"}
    if (
        sum(len(name.encode()) + len(str(text).encode()) for name, text in new.items())
        > _MAX_ANNOTATIONS_BYTES
    ):
        del new[ANNOTATION]
    return {**document, "metadata": {**document["metadata"], "annotations": new}}


def _annotations(document: dict[str, Any]) -> dict[str, Any]:
    found = (document.get("metadata") or {}).get("annotations")
    return found if isinstance(found, dict) else {}
