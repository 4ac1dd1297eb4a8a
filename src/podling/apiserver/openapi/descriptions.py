"""What types and fields mean, in prose, where the official schemas are installed (`pip install podling[explain]`).

Podling itself carries no prose: `kubectl explain` then shows names and types only. Reading the schemas takes some 20 ms and 10 MB, so it
happens when the first OpenAPI document is asked for, and off the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import msgspec


class _Described(msgspec.Struct, gc=False):
    description: str = ""


class _Definition(msgspec.Struct, gc=False):
    description: str = ""
    properties: dict[str, _Described] = {}


class _File(msgspec.Struct):
    definitions: dict[str, _Definition] = msgspec.field(name="$defs", default_factory=dict)


class Descriptions:
    """Prose by the long name of a definition and the name of a field; empty text where there is none."""

    def __init__(self, definitions: Mapping[str, _Definition]) -> None:
        self._definitions = definitions

    def of(self, definition: str, field: str = "") -> str:
        found = self._definitions.get(definition)
        if found is None:
            return ""
        if not field:
            return found.description
        described = found.properties.get(field)
        return described.description if described is not None else ""


NO_DESCRIPTIONS = Descriptions({})


def are_installed() -> bool:
    return find_spec("kubernetes_validate") is not None


def load(minor: int) -> Descriptions:
    """The descriptions of Kubernetes 1.`minor`, or none where they are not installed."""
    spec = find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        return NO_DESCRIPTIONS
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"v1.{minor}.0-local"
    try:
        data = (folder / "_definitions.json").read_bytes()
    except FileNotFoundError:
        return NO_DESCRIPTIONS
    return Descriptions(msgspec.json.decode(data, type=_File).definitions)
