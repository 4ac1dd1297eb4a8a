"""Documents of one kind in its several versions, for entries of managers that wrote in another one than the request's."""

from __future__ import annotations

from typing import Any

from podling.api import kinds
from podling.api.convert import convert
from podling.api.kinds import Kind
from podling.api.schema import ANYTHING, Schema

from . import shape


class Versions:
    """The versions of one kind; `node` describes the body of a custom resource."""

    def __init__(self, kind: Kind, node: Schema = ANYTHING) -> None:
        self._kind = kind
        self._node = node

    def row(self, api_version: str) -> Kind | None:
        """The kind in a version; None where it is not, or no longer, of that version."""
        if api_version == self._kind.api_version:
            return self._kind
        try:
            found = kinds.by_api_version(api_version, self._kind.kind)
        except kinds.UnknownKind:
            return None
        return found if kinds.storage_kind(found) is kinds.storage_kind(self._kind) else None

    def shown(self, document: dict[str, Any], source: str, target: str) -> dict[str, Any] | None:
        """The document in another version, None where there is no such version."""
        one, other = self.row(source), self.row(target)
        if one is None or other is None:
            return None
        return document if one is other else convert(document, one, other)

    def node(self, api_version: str) -> Schema:
        """The schema of a version; of an unknown one, that of the request's."""
        return shape.root(self.row(api_version) or self._kind, self._node)
