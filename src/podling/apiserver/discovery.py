"""Discovery: which groups, versions and resources are served, built from the table of kinds.

Two forms of the same truth: small documents for each group and version, and the two aggregated ones of `/api` and `/apis` (KEP-3352) that today's
clients ask for by Accept. All are made at most once and carry an ETag, so that clients can keep them. When what is served changes, a new
`Discovery` is made.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import msgspec

from podling.api.kinds import SUBRESOURCES, Kind, storage_kind
from podling.api.levels import LATEST, Level

JSON = "application/json"
AGGREGATED_VERSIONS = ("v2", "v2beta1")
_GROUP = "apidiscovery.k8s.io"
_AGGREGATED = "APIGroupDiscoveryList"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Document:
    """A finished answer. `etag` is as it goes into the header, in double quotes."""

    body: bytes
    content_type: str = JSON
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a group and the kinds it serves; versions stand in order of preference."""

    group: str
    version: str
    kinds: tuple[Kind, ...]

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


class Discovery:
    """The documents for some kinds, in the order given (groups by priority, versions by preference)."""

    def __init__(self, served: Iterable[Kind], *, address: str, level: Level = LATEST) -> None:
        """`address` is the server's own, `host:port`, as `/api` tells it."""
        self._address, self._level = address, level
        self._groups = _grouped([row for row in served if row.verbs])
        self._made: dict[tuple[str, str], Document | None] = {}

    def find(self, path: str, accept: str = "") -> Document | None:
        """The document at `/api`, `/apis`, `/api/v1`, `/apis/GROUP` or `/apis/GROUP/VERSION`; None if nothing is served there.

        Only `/api` and `/apis` have an aggregated form. Accept without any of the aggregated forms gets plain JSON; whether that is acceptable
        is for the caller to say.
        """
        path = path.rstrip("/")
        version = aggregated_version(accept) if path in ("/api", "/apis") else ""
        if (path, version) not in self._made:
            self._made[path, version] = self._make(path, version)
        return self._made[path, version]

    def _make(self, path: str, version: str) -> Document | None:
        if version:
            content_type = f"{JSON};g={_GROUP};v={version};as={_AGGREGATED}"
            return _document(self._aggregated(path, version), content_type)
        content = self._plain(path)
        return None if content is None else _document(content)

    def _plain(self, path: str) -> dict[str, Any] | None:
        match path.split("/")[1:]:
            case ["api"]:
                return self._core_versions()
            case ["apis"]:
                groups = [_group(versions) for name, versions in self._groups.items() if name]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["api", version]:
                return self._resources("", version)
            case ["apis", group] if group in self._groups:
                return {"kind": "APIGroup", "apiVersion": "v1", **_group(self._groups[group])}
            case ["apis", group, version]:
                return self._resources(group, version)
            case _:
                return None

    def _core_versions(self) -> dict[str, Any]:
        return {
            "kind": "APIVersions",
            "versions": [version.version for version in self._groups.get("", ())],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}],
        }

    def _resources(self, group: str, version: str) -> dict[str, Any] | None:
        for item in self._groups.get(group, ()):
            if item.version == version:
                head = {"apiVersion": "v1"} if group else {}
                resources = sorted(_rows(item.kinds, self._level), key=lambda row: str(row["name"]))
                return {
                    "kind": "APIResourceList",
                    **head,
                    "groupVersion": item.group_version,
                    "resources": resources,
                }
        return None

    def _aggregated(self, path: str, version: str) -> dict[str, Any]:
        items = []
        for name, versions in self._groups.items():
            if (path == "/api") == (name == ""):
                metadata = {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None}
                told = [_aggregated_version(item, self._level) for item in versions]
                items.append({"metadata": metadata, "versions": told})
        return {"kind": _AGGREGATED, "apiVersion": f"{_GROUP}/{version}", "metadata": {}, "items": items}

    @cached_property
    def group_versions(self) -> tuple[Version, ...]:
        """Every group and version served."""
        return tuple(version for versions in self._groups.values() for version in versions)


@cache
def aggregated_version(accept: str) -> str:
    """The aggregated form that an Accept header asks for before plain JSON: `v2`, `v2beta1`, or "" for none."""
    for clause in accept.split(","):
        media_type, *rest = (part.strip() for part in clause.split(";"))
        if media_type not in (JSON, "application/*", "*/*"):
            continue
        parameters = dict(part.partition("=")[::2] for part in rest)
        if parameters.get("g") == _GROUP and parameters.get("as") == _AGGREGATED:
            if parameters.get("v") in AGGREGATED_VERSIONS:
                return parameters["v"]
        elif not parameters.get("as"):
            return ""
    return ""


def _document(content: dict[str, Any], content_type: str = JSON) -> Document:
    body = _encode(content)
    return Document(body, content_type, f'"{hashlib.sha256(body).hexdigest().upper()}"')


def _grouped(served: Sequence[Kind]) -> dict[str, tuple[Version, ...]]:
    found: dict[str, dict[str, list[Kind]]] = {}
    for row in served:
        found.setdefault(row.group, {}).setdefault(row.version, []).append(row)
    return {
        group: tuple(Version(group, version, tuple(rows)) for version, rows in versions.items())
        for group, versions in found.items()
    }


def _group(versions: tuple[Version, ...]) -> dict[str, Any]:
    named = [{"groupVersion": item.group_version, "version": item.version} for item in versions]
    return {"name": versions[0].group, "versions": named, "preferredVersion": named[0]}


def _rows(rows: Iterable[Kind], level: Level) -> Iterable[dict[str, Any]]:
    """A resource and its subresources as an APIResourceList names them."""
    for row in rows:
        yield _resource(row)
        for name in level.subresources(row):
            yield _subresource(row, name)


def _resource(row: Kind) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": row.plural,
        "singularName": row.singular,
        "namespaced": row.namespaced,
        "kind": row.kind,
        "verbs": row.verbs,
    }
    if row.short_names:
        found["shortNames"] = row.short_names
    if row.categories:
        found["categories"] = row.categories
    if row.is_stored:
        found["storageVersionHash"] = storage_version_hash(row)
    return found


def _subresource(row: Kind, name: str) -> dict[str, Any]:
    what = SUBRESOURCES[name]
    found: dict[str, Any] = {"name": f"{row.plural}/{name}", "singularName": "", "namespaced": row.namespaced}
    if what.group:
        found |= {"group": what.group, "version": what.version}
    return {**found, "kind": _body_kind(row, name), "verbs": what.verbs}


def _body_kind(row: Kind, name: str) -> str:
    return SUBRESOURCES[name].kind.format(kind=row.kind) or row.kind


def storage_version_hash(row: Kind) -> str:
    """Tells clients when the stored version changes."""
    stored = storage_kind(row)
    digest = hashlib.sha256(f"{stored.group}/{stored.version}/{stored.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _aggregated_version(item: Version, level: Level) -> dict[str, Any]:
    resources = [_aggregated_resource(row, level) for row in sorted(item.kinds, key=lambda row: row.plural)]
    return {"version": item.version, "resources": resources, "freshness": "Current"}


def _aggregated_resource(row: Kind, level: Level) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resource": row.plural,
        "responseKind": {"group": "", "version": "", "kind": row.kind},
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular,
        "verbs": row.verbs,
    }
    if row.short_names:
        found["shortNames"] = row.short_names
    if row.categories:
        found["categories"] = row.categories
    names = sorted(level.subresources(row))
    if names:
        found["subresources"] = [_aggregated_subresource(row, name) for name in names]
    return found


def _aggregated_subresource(row: Kind, name: str) -> dict[str, Any]:
    what = SUBRESOURCES[name]
    kind = {"group": what.group, "version": what.version, "kind": _body_kind(row, name)}
    return {"subresource": name, "responseKind": kind, "verbs": what.verbs}
