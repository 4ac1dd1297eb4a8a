"""`Object`: what every stage of the API server hands on, whatever the kind.

Authorization, admission, finalizers, managed fields and the store need an object's kind and metadata and nothing else; only
strategies and validation look into the body. A built-in kind's body is its Struct, whose `metadata` is the object's. A custom
resource's body is a dict of everything but `metadata`: there is one truth about metadata in both cases.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from .kinds import Kind
from .types import meta_v1

Body: TypeAlias = "msgspec.Struct | dict[str, Any]"


class Object:
    """One API object: its row in the table of kinds, its metadata and its body. Mutable, like the body itself."""

    __slots__ = ("_metadata", "body", "kind")

    kind: Kind
    body: Any
    _metadata: meta_v1.ObjectMeta | None

    def __init__(self, kind: Kind, body: Body, *, metadata: meta_v1.ObjectMeta | None = None) -> None:
        """`metadata` goes with a dict body, which holds none of its own; a Struct brings its own."""
        self.kind = kind
        self.body = body
        self._metadata = (metadata or meta_v1.ObjectMeta()) if isinstance(body, dict) else None

    @property
    def metadata(self) -> meta_v1.ObjectMeta:
        own = self._metadata
        found: meta_v1.ObjectMeta = self.body.metadata if own is None else own
        return found

    @metadata.setter
    def metadata(self, value: meta_v1.ObjectMeta) -> None:
        if self._metadata is None:
            self.body.metadata = value
        else:
            self._metadata = value

    @property
    def name(self) -> str:
        return self.metadata.name or ""

    @property
    def namespace(self) -> str:
        """Empty for a cluster-wide kind."""
        return self.metadata.namespace or ""

    @property
    def key(self) -> str:
        """Where the store keeps it."""
        return self.kind.key(self.namespace or None, self.name)

    def __repr__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"<{self.kind.api_version} {self.kind.kind} {where}{self.name}>"
