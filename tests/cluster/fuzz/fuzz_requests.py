"""Requests made up at random: every verb, subresource, option and media type, on paths that mostly exist."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any
from urllib.parse import quote

import fuzz_patches
import yaml
from fuzz_protobuf import as_protobuf
from fuzz_values import REVIEWS, STORED, an_object, as_bytes, least, name_of, one_in, spoil, value
from fuzz_world import ADMIN, EVE, World, asking

from podling.api import kinds, schema
from podling.api.kinds import Kind
from podling.api.types import meta_v1
from podling.apiserver.request import Request

OPTIONS: dict[str, tuple[str, ...]] = {
    "allowWatchBookmarks": ("true", "false", "x"),
    "command": ("sh", ""),
    "continue": ("x", "", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0", "e30", "\u2603"),
    "container": ("a", "b"),
    "dryRun": ("All", "All", "Some", ""),
    "fieldManager": ("me", "", "x" * 200, "a\nb", "\u2603"),
    "fieldSelector": (
        "metadata.name=x",
        "metadata.namespace!=x",
        "spec.nodeName=",
        "spec.x=1",
        "status.phase=Running,metadata.name=a",
        "a=b,,c",
        "a\\",
        "=",
        "metadata.name=a\\,b",
    ),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x"),
    "follow": ("true",),
    "force": ("true", "false", "1", "x"),
    "gracePeriodSeconds": ("0", "30", "-1", "x", "9" * 30, "\u0663"),
    "labelSelector": (
        "a=b",
        "a in (b,c),!d",
        "a notin (",
        "x>5,y<7",
        "a==b,c!=d",
        "(",
        ",",
        "a in ()",
        "a>b",
        "\u2603=1",
        "a b",
        "!",
        "a=" + "x" * 70,
    ),
    "limit": ("1", "2", "0", "-1", "x", "9" * 25, "1_0", " 1", "\u0661"),
    "limitBytes": ("1", "-1", "x"),
    "orphanDependents": ("true", "false"),
    "path": ("/x", "../x", ""),
    "ports": ("80", "x", "0"),
    "pretty": ("true", "1", "x"),
    "propagationPolicy": ("Foreground", "Background", "Orphan", "x"),
    "resourceVersion": ("0", "1", "5", "999999", "x", "-1", "9" * 25, "1_0", " 1", "\u0661", "+1"),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x"),
    "sendInitialEvents": ("true", "false"),
    "sinceSeconds": ("1", "-1", "x"),
    "stdin": ("true",),
    "stdout": ("true",),
    "tailLines": ("1", "-5", "x"),
    "timeout": ("1s", "5m", "x", "-1s", "1e99s", "99999h"),
    "timeoutSeconds": ("1", "0", "x", "-1", "9" * 20),
    "tty": ("true",),
    "watch": ("true", "false", "1"),
}
ACCEPTS = (
    "",
    "*/*",
    "application/json",
    "application/yaml",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io",
    "application/vnd.kubernetes.protobuf",
    "application/vnd.kubernetes.protobuf,application/json",
    "application/json;stream=watch",
    "text/html;q=x,;;=,*/*;q=nan",
    "application/json;q=inf;as=x",
    "\u2603",
)
CONTENT_TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    fuzz_patches.JSON,
    fuzz_patches.MERGE,
    fuzz_patches.STRATEGIC,
    fuzz_patches.APPLY,
    "application/apply-patch+cbor",
    "text/plain",
    "",
    ";",
)
RAW = (
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b"[" * 2000,
    b'{"a":' * 2000,
    b'{"metadata":{"name":"\xed\xa0\x80"}}',
    b'{"metadata":{"name":"\\ud800"}}',
    b'{"metadata":{"labels":{"a":"1","a":"2"}},"x":1e999}',
    b'{"metadata":{"name":"a"},"x":123456789012345678901234567890}',
    b"a: &a [*a]\n",
    b"a: &b x\nc: *b\n<<: {d: e}\n",
    b"--- \n...\n---\n",
    b"!!python/object:os.system x",
    b"a: !!binary x\nb: 0x1f\nc: .nan\nd: 2020-01-01\n1: 2\n~: 3\n",
    b"k8s\x00",
    b"k8s\x00\x0a\x7f",
    b"\x00",
)
DOCUMENTS = (
    "/",
    "/api",
    "/apis",
    "/apis/apps",
    "/apis/apps/v1",
    "/api/v1",
    "/version",
    "/healthz",
    "/livez/ping",
    "/readyz",
    "/metrics",
    "/metrics/slis",
    "/openapi/v3",
    "/openapi/v3/apis/batch/v1",
    "/openid/v1/jwks",
    "/.well-known/openid-configuration",
    "/apis//v1",
    "/api/v1//pods",
    "//",
    "/api/v1/namespaces",
    "/api/v1/namespaces/default/pods/a/b/c/d",
    "/api/v1/watch/namespaces/default/pods",
    "/api/v1/proxy/x",
    "/apis/x/v9/things",
    "/\u2603",
    "/debug/api_priority_and_fairness/dump_queues",
)
METHODS = ("GET", "GET", "GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
HEADERS: dict[str, tuple[str, ...]] = {
    "accept-encoding": ("gzip", "gzip;q=0", "br"),
    "audit-id": ("mine", "a\nb", "x" * 300),
    "authorization": ("Bearer x", "Bearer ", "Basic x", "Bearer a.b.c"),
    "connection": ("Upgrade",),
    "if-none-match": ('"x"', "*", "W/"),
    "impersonate-user": ("eve", "", "system:serviceaccount:default:default", "a\nb"),
    "impersonate-group": ("system:masters", ""),
    "impersonate-uid": ("7",),
    "impersonate-extra-%zz": ("x",),
    "sec-websocket-protocol": ("v5.channel.k8s.io", "base64url.bearer.authorization.k8s.io.AA", "x"),
    "traceparent": ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x"),
    "upgrade": ("websocket", "SPDY/3.1", "x"),
    "user-agent": ("curl/8", "kubectl/v1.33.0", "", "\u2603"),
    "warning": ("x",),
    "x-stream-protocol-version": ("v4.channel.k8s.io", "x"),
}


def furnish(world: World) -> dict[Kind, list[str]]:
    """Two of every kind for requests to meet; their names by kind."""
    found = {}
    for row in world.rows:
        found[row] = [name_of(row, world.number()) for _ in range(2)]
        for name in found[row]:
            body = least(row, 0)
            body["metadata"]["name"] = name
            world.call("POST", row.url("default"), as_bytes(body))
    return found


def made_up(names: dict[Kind, list[str]], chance: Random) -> Request:
    """One request; one in eight is not the administrator's."""
    row, path = _path(names, chance)
    method = chance.choice(METHODS if one_in(chance, 6) else _fitting(row, path))
    query = {}
    for _ in range(chance.randrange(4)):
        name = chance.choice(list(OPTIONS))
        query[name] = chance.choice(OPTIONS[name])
    headers = {}
    for _ in range(chance.randrange(3) if one_in(chance, 3) else 0):
        name = chance.choice(list(HEADERS))
        headers[name] = chance.choice(HEADERS[name])
    body, content_type = (b"", "") if method in ("GET", "HEAD") else _body(method, row, path, chance)
    user = EVE if one_in(chance, 8) else ADMIN
    return asking(
        method,
        path,
        body,
        content_type=content_type,
        accept=chance.choice(ACCEPTS) if one_in(chance, 2) else "",
        user=user,
        headers=headers,
        **query,
    )


def _fitting(row: Kind, path: str) -> tuple[str, ...]:
    """The methods that such a path takes."""
    last = path.rpartition("/")[2]
    if last in kinds.SUBRESOURCES:
        return tuple(
            {"get": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}[verb]
            for verb in kinds.SUBRESOURCES[last].verbs
        )
    if last == row.plural:
        return ("GET", "GET", "POST", "POST", "POST", "DELETE") if row.is_stored else ("POST",)
    return ("GET", "PUT", "PUT", "PATCH", "PATCH", "PATCH", "DELETE")


def _path(names: dict[Kind, list[str]], chance: Random) -> tuple[Kind, str]:
    row = chance.choice(STORED) if chance.randrange(8) else chance.choice(REVIEWS or STORED)
    if one_in(chance, 12):
        return row, chance.choice(DOCUMENTS)
    namespace = chance.choice(("default", "default", "default", "default", "other", ""))
    name = chance.choice(("", "", *names.get(row, ()), "absent", "A b", quote("\u2603"), "..", "x" * 300))
    subresource = chance.choice(row.subresources) if row.subresources and one_in(chance, 2) else ""
    if one_in(chance, 30):
        subresource = chance.choice((*kinds.SUBRESOURCES, "proxy/a/b", "nonsense"))
    return row, row.url(namespace, name, subresource if name else "")


def _body(method: str, row: Kind, path: str, chance: Random) -> tuple[bytes, str]:
    if one_in(chance, 10):
        return chance.choice(RAW), chance.choice(CONTENT_TYPES)
    document = _document(method, row, path, chance)
    if method == "PATCH":
        media = chance.choice(
            (fuzz_patches.JSON, fuzz_patches.MERGE, fuzz_patches.STRATEGIC, fuzz_patches.APPLY)
        )
        if media == fuzz_patches.JSON:
            return as_bytes([fuzz_patches.operation(document, chance) for _ in range(2)]), media
        if media == fuzz_patches.STRATEGIC:
            direct(document, chance)
        return as_bytes(document), media
    media = chance.choice(("application/json",) * 12 + CONTENT_TYPES)
    if media == "application/yaml":
        return yaml.dump(json.loads(as_bytes(document)), Dumper=yaml.CSafeDumper).encode(), media
    if media == "application/vnd.kubernetes.protobuf":
        return as_protobuf(document, chance), media
    return as_bytes(document), media


def _document(method: str, row: Kind, path: str, chance: Random) -> dict[str, Any]:
    """What such a request would have in its body."""
    if method == "DELETE":
        made = value(schema.of(meta_v1.DeleteOptions), "", chance)
        return {"kind": "DeleteOptions", "apiVersion": "v1", **made}
    asked = kinds.SUBRESOURCES.get(path.rpartition("/")[2])
    if asked is not None and asked.kind and one_in(chance, 2):
        body = next((each for each in kinds.ALL if (each.group, each.kind) == (asked.group, asked.kind)), row)
        made = value(schema.of(body.struct), "", chance)
        return {"kind": body.kind, "apiVersion": body.api_version, **made}
    if not row.is_stored:
        made = value(schema.of(row.struct), "", chance)
        return {"kind": row.kind, "apiVersion": row.api_version, **made}
    made = an_object(row, 0, chance)
    metadata = made.get("metadata")
    if not isinstance(metadata, dict):
        return made
    metadata["name"] = path.rpartition("/")[2] if method != "POST" else "made-" + str(chance.randrange(5))
    if one_in(chance, 6):
        metadata["generateName"] = chance.choice(("g-", "", "A b", "x" * 300))
    if one_in(chance, 4):
        spoil(made, chance)
    return made


DIRECTIVES: tuple[tuple[str, Any], ...] = (
    ("$patch", "replace"),
    ("$patch", "delete"),
    ("$patch", "merge"),
    ("$patch", 5),
    ("$patch", None),
    ("$retainKeys", ["a", "name"]),
    ("$retainKeys", "x"),
    ("$setElementOrder/containers", [{"name": "a"}]),
    ("$setElementOrder/finalizers", ["a", "b"]),
    ("$setElementOrder/x", [1, {}, []]),
    ("$setElementOrder", []),
    ("$deleteFromPrimitiveList/finalizers", ["a", {}]),
    ("$deleteFromPrimitiveList/x", 5),
    ("$deleteFromPrimitiveList/", []),
)


def direct(document: Any, chance: Random) -> None:
    """Put directives of strategic merge patches somewhere into a patch."""
    for _ in range(chance.randrange(3)):
        at = document
        while True:
            inner = [
                item
                for item in (at.values() if isinstance(at, dict) else at)
                if isinstance(item, dict | list) and item
            ]
            if not inner or one_in(chance, 3):
                break
            at = chance.choice(inner)
        name, held = copy.deepcopy(chance.choice(DIRECTIVES))
        if isinstance(at, dict):
            at[name] = held
        else:
            at.append({name: held})
