"""The paths of a group and version: which operations each resource and subresource has, and what they take.

Clients look here for more than types: kubectl finds a kind's resource by `x-kubernetes-group-version-kind`, and asks whether a patch takes
`fieldValidation` and `dryRun` before it relies on them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from podling.api import kinds
from podling.api.kinds import SUBRESOURCES, GroupVersionKind, Kind
from podling.api.types import meta_v1

from . import naming
from .schemas import GVK, Components, Json

PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_JSON_TYPES = ("application/json", "application/yaml")
_METHODS = {"create": "post", "get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_CONNECT = ("attach", "exec", "portforward", "proxy")
_PROXY_METHODS = ("delete", "get", "head", "options", "patch", "post", "put")


def _query(name: str, type: str = "string") -> Json:
    return {"name": name, "in": "query", "schema": {"type": type, "uniqueItems": True}}


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}


_PRETTY = _query("pretty")
_WRITE = (_query("dryRun"), _query("fieldManager"), _query("fieldValidation"))
_LIST = (
    _query("allowWatchBookmarks", "boolean"),
    _query("continue"),
    _query("fieldSelector"),
    _query("labelSelector"),
    _query("limit", "integer"),
    _query("resourceVersion"),
    _query("resourceVersionMatch"),
    _query("sendInitialEvents", "boolean"),
    _query("timeoutSeconds", "integer"),
    _query("watch", "boolean"),
)
_DELETE = (
    _query("dryRun"),
    _query("gracePeriodSeconds", "integer"),
    _query("orphanDependents", "boolean"),
    _query("propagationPolicy"),
)
_PARAMETERS: dict[str, tuple[Json, ...]] = {
    "get": (),
    "list": _LIST,
    "post": _WRITE,
    "put": _WRITE,
    "patch": (*_WRITE, _query("force", "boolean")),
    "delete": _DELETE,
    "deletecollection": (*_DELETE, *_LIST),
}


def build(rows: Iterable[Kind], components: Components) -> dict[str, Json]:
    """The paths of some rows of one group and version; the types they speak of go into `components`."""
    writer = _Writer(components)
    for row in rows:
        writer.resource(row)
    return dict(sorted(writer.paths.items()))


class _Writer:
    def __init__(self, components: Components) -> None:
        self.paths: dict[str, Json] = {}
        self._components = components

    def resource(self, row: Kind) -> None:
        """The collection, everywhere and in a namespace, each object, and its subresources."""
        one, many = self._types(row)
        verbs = set(row.verbs)
        collection = naming.resource_path(row, namespace=row.namespaced)
        if "list" in verbs:
            self._add(collection, "get", row, "list", many)
            if row.namespaced:
                self._add(
                    naming.resource_path(row, namespace=False), "get", row, "list", many, everywhere=True
                )
        if "create" in verbs:
            self._add(collection, "post", row, "post", one, body=one)
        if "deletecollection" in verbs:
            self._add(
                collection, "delete", row, "deletecollection", self._status(), body=self._delete_options(row)
            )
        path = naming.resource_path(row, namespace=row.namespaced, name=True)
        for verb in ("get", "update", "patch"):
            if verb in verbs:
                self._change(path, row, verb, one)
        if "delete" in verbs:
            self._add(path, "delete", row, "delete", self._status(), body=self._delete_options(row))
        for name in self._components.level.subresources(row):
            self._subresource(row, name)

    def _types(self, row: Kind) -> tuple[Json, Json]:
        one = self._components.reference(row.struct, row.gvk)
        if "list" not in row.verbs:
            return one, one
        module = importlib.import_module(row.struct.__module__)
        listing = GroupVersionKind(row.group, row.version, row.list_kind)
        return one, self._components.reference(getattr(module, row.list_kind), listing)

    def _subresource(self, row: Kind, name: str) -> None:
        path = naming.resource_path(row, namespace=row.namespaced, name=True, subresource=name)
        what = SUBRESOURCES[name]
        if name in _CONNECT:
            methods = _PROXY_METHODS if name == "proxy" else tuple(_METHODS[verb] for verb in what.verbs)
            for method in methods:
                self._connect(path, method, row, name)
            return
        if name == "log":
            self._add(path, "get", row, "get", {"type": "string"}, subresource=name)
            return
        body = self._subresource_body(row, name)
        for verb in what.verbs:
            if verb == "create":
                self._add(path, "post", row, "post", body[1], body=body[1], subresource=name, kind=body[0])
            else:
                self._change(path, row, verb, body[1], subresource=name, kind=body[0])

    def _subresource_body(self, row: Kind, name: str) -> tuple[GroupVersionKind, Json]:
        what = SUBRESOURCES[name]
        if not what.kind:
            return row.gvk, self._components.reference(row.struct, row.gvk)
        version = what.version or row.version
        body = kinds.by_gvk(what.group if what.version else row.group, version, what.kind)
        return body.gvk, self._components.reference(body.struct, body.gvk)

    def _change(
        self,
        path: str,
        row: Kind,
        verb: str,
        type: Json,
        *,
        subresource: str = "",
        kind: GroupVersionKind | None = None,
    ) -> None:
        body = {"get": None, "update": type, "patch": self._components.patch()}[verb]
        method = _METHODS[verb]
        self._add(path, method, row, method, type, body=body, subresource=subresource, kind=kind)

    def _add(
        self,
        path: str,
        method: str,
        row: Kind,
        action: str,
        answer: Json,
        *,
        body: Json | None = None,
        subresource: str = "",
        kind: GroupVersionKind | None = None,
        everywhere: bool = False,
    ) -> None:
        operation = {
            "tags": [_tag(row)],
            "operationId": _operation_id(row, action, subresource, everywhere=everywhere),
            "parameters": list(_PARAMETERS[action]),
            "responses": _responses(answer),
            "x-kubernetes-action": action,
            GVK: (kind or row.gvk)._asdict(),
        }
        if body is not None:
            types = PATCH_TYPES if action == "patch" else ("*/*",)
            operation["requestBody"] = {"content": {media: {"schema": body} for media in types}}
        self._item(path)[method] = operation

    def _connect(self, path: str, method: str, row: Kind, name: str) -> None:
        kind = GroupVersionKind(row.group, row.version, SUBRESOURCES[name].kind.format(kind=row.kind))
        self._item(path)[method] = {
            "tags": [_tag(row)],
            "operationId": f"connect{_camel(row)}{method.title()}{_scope(row)}{row.kind}{name.title()}",
            "responses": {"200": {"description": "OK", "content": {"*/*": {"schema": {"type": "string"}}}}},
            "x-kubernetes-action": "connect",
            GVK: kind._asdict(),
        }

    def _item(self, path: str) -> Json:
        if path not in self.paths:
            named = [_in_path(name) for name in ("namespace", "name") if f"{{{name}}}" in path]
            self.paths[path] = {"parameters": [*named, _PRETTY]}
        return self.paths[path]

    def _status(self) -> Json:
        return self._components.reference(meta_v1.Status, GroupVersionKind("", "v1", "Status"))

    def _delete_options(self, row: Kind) -> Json:
        return self._components.reference(
            meta_v1.DeleteOptions, GroupVersionKind(row.group, row.version, "DeleteOptions")
        )


def _responses(answer: Json) -> Json:
    content: dict[str, Any] = {media: {"schema": answer} for media in _JSON_TYPES}
    return {"200": {"description": "OK", "content": content}, "401": {"description": "Unauthorized"}}


def _tag(row: Kind) -> str:
    return f"{_group_word(row)}_{row.version}"


def _group_word(row: Kind) -> str:
    """`rbacAuthorization` for `rbac.authorization.k8s.io`."""
    first, *rest = row.group.removesuffix(".k8s.io").split(".")
    return "".join((first, *(part.title() for part in rest))) or "core"


def _camel(row: Kind) -> str:
    word = _group_word(row)
    return word[0].upper() + word[1:] + row.version[0].upper() + row.version[1:]


def _scope(row: Kind) -> str:
    return "Namespaced" if row.namespaced else ""


_OPERATIONS = {
    "get": "read",
    "list": "list",
    "post": "create",
    "put": "replace",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}


def _operation_id(row: Kind, action: str, subresource: str, *, everywhere: bool) -> str:
    """Upstream's names, which generated clients turn into methods: `readCoreV1NamespacedPodLog`."""
    collection = "Collection" if action == "deletecollection" else ""
    if everywhere:
        return f"list{_camel(row)}{row.kind}ForAllNamespaces"
    return f"{_OPERATIONS[action]}{_camel(row)}{collection}{_scope(row)}{row.kind}{subresource.title()}"
