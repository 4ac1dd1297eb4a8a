"""OpenAPI documents: what every kind looks like and which operations there are.

`/openapi/v3` names one document for each group and version, with a hash that changes when the document would. A document is built when
it is first asked for, which takes some 10-100 ms: call `document` in an executor, not on the event loop. `/openapi/v2` is one document
of everything for old clients; it is kept compressed, a tenth of its megabyte, because few ever ask for it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from collections.abc import Iterable
from functools import cached_property
from threading import Lock

import msgspec

from podling.api.kinds import Kind
from podling.api.levels import Level

from . import descriptions, gnostic, naming, paths, swagger
from .descriptions import Descriptions
from .schemas import Components

PROTOBUF_V2 = gnostic.MEDIA_TYPES
"""The names, present and former, of the protobuf form of `/openapi/v2`."""

__all__ = ["PROTOBUF_V2", "OpenApi"]

_encode = msgspec.json.Encoder().encode


class OpenApi:
    """The documents for what one server serves. Its methods may be called from any thread."""

    def __init__(self, served: Iterable[Kind], *, level: Level, version: str) -> None:
        """`version` is the server's own (`v1.37.0`), as `/version` tells it."""
        self._level = level
        self._version = version
        self._lock = Lock()
        self._made: dict[str, bytes] = {}
        self._packed: dict[bool, bytes] = {}
        self._rows: dict[str, list[Kind]] = {}
        for row in served:
            if row.verbs:
                self._rows.setdefault(naming.group_path(row.group, row.version), []).append(row)

    @cached_property
    def index(self) -> bytes:
        """The answer to `/openapi/v3`: every document's path, with a hash so that it may be kept for good."""
        named = {
            name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={self.digest(name)}"} for name in self._rows
        }
        return _encode({"paths": named})

    def digest(self, name: str) -> str:
        """Changes when the document of that name (`apis/apps/v1`) would. Raises KeyError."""
        rows = [repr(dataclasses.astuple(row)) for row in self._rows[name]]
        source = "\n".join([self._version, str(self._level.minor), str(self._has_descriptions), *rows])
        return hashlib.sha256(source.encode()).hexdigest()[:32].upper()

    def document(self, name: str) -> bytes | None:
        """The answer to `/openapi/v3/NAME`; None if nothing of that name is served. Slow the first time."""
        if name not in self._rows:
            return None
        with self._lock:
            if name not in self._made:
                self._made[name] = self._build(name)
            return self._made[name]

    @cached_property
    def v2_etag(self) -> str:
        """The ETag of both forms of the v2 document; cheap."""
        source = "\n".join(self.digest(name) for name in self._rows)
        return f'"{hashlib.sha256(source.encode()).hexdigest().upper()}"'

    def v2(self, *, protobuf: bool) -> bytes:
        """The answer to `/openapi/v2` as a protobuf message or as JSON. Slow the first time, then a millisecond."""
        with self._lock:
            if protobuf not in self._packed:
                rows = [row for named in self._rows.values() for row in named if row.type]
                document = swagger.build(rows, level=self._level, version=self._version)
                encoded = gnostic.encode(document) if protobuf else _encode(document)
                self._packed[protobuf] = zlib.compress(encoded, 1)
            return zlib.decompress(self._packed[protobuf])

    def _build(self, name: str) -> bytes:
        components = Components(self._level, self._descriptions)
        found = paths.build([row for row in self._rows[name] if row.type], components)
        return _encode(
            {
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": self._version},
                "paths": found,
                "components": {"schemas": dict(sorted(components.definitions.items()))},
            }
        )

    @cached_property
    def _has_descriptions(self) -> bool:
        return descriptions.are_installed()

    @cached_property
    def _descriptions(self) -> Descriptions:
        return descriptions.load(self._level.minor)
