"""Paths to meaning: method, path and query -> `RequestInfo`, the way upstream's RequestInfo resolver reads them.

The answer depends on the URL alone, never on which resources exist: authorization judges what was *asked*, so a
request for an unknown resource is refused before it is found missing.  What upstream does in odd corners is kept:
`/api/v1/watch/pods` is the verb `watch`, a `proxy` root verb takes no subresource, `namespaces/x/status` is a
subresource of the namespace while `namespaces/x/pods` is a resource in it, `watch=` counts as true unless it is
`0` or `false`, and a `fieldSelector=metadata.name=x` on a list names the object for authorization.
"""

from __future__ import annotations

from podling.api import errors

from .request import Query, RequestInfo

_SPECIAL_VERBS = {"proxy", "watch"}
_NAMESPACE_SUBRESOURCES = {"status", "finalize"}
_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


def resolve(method: str, path: str, query: Query) -> RequestInfo:
    """Read what a request asks for; raises BadRequest where the path breaks off after a special verb."""
    parts = path.strip("/").split("/")
    prefix = parts[0]
    if (prefix == "api" and len(parts) >= 3) or (prefix == "apis" and len(parts) >= 4):
        return _resource(method, path, query, parts=parts)
    return RequestInfo(verb=method.lower(), path=path)


def _resource(method: str, path: str, query: Query, *, parts: list[str]) -> RequestInfo:
    prefix = parts[0]
    if prefix == "api":
        group, version, parts = "", parts[1], parts[2:]
    else:
        group, version, parts = parts[1], parts[2], parts[3:]
    if parts[0] in _SPECIAL_VERBS:
        if len(parts) < 2:
            raise errors.BadRequest(f"unable to determine kind and namespace from url, {path}")
        verb, parts = parts[0], parts[1:]
    else:
        verb = _VERBS.get(method, "")
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    count = len(parts)
    name = parts[1] if count > 1 else ""
    if not name:
        verb = _collection_verb(verb, query)
    return RequestInfo(
        verb=verb,
        path=path,
        is_resource=True,
        prefix=prefix,
        group=group,
        version=version,
        namespace=namespace,
        resource=parts[0],
        subresource=parts[2] if count > 2 and verb != "proxy" else "",
        name=name or _name_in_selector(verb, query),
        rest=tuple(parts[3:]),
    )


def _collection_verb(verb: str, query: Query) -> str:
    if verb == "get":
        watch = query.get("watch")
        return "watch" if watch and watch[0].lower() not in ("false", "0") else "list"
    return "deletecollection" if verb == "delete" else verb


def _name_in_selector(verb: str, query: Query) -> str:
    """The object that `fieldSelector=metadata.name=x` names, for list, watch and deletecollection."""
    if verb not in ("list", "watch", "deletecollection"):
        return ""
    for term in query.first("fieldSelector").split(","):
        field, equals, value = term.partition("=")
        if equals and field.strip() == "metadata.name":
            return value.removeprefix("=").strip()
    return ""
