"""The records of an audit log: audit.k8s.io/v1 Events, as documents (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from podling.api import times
from podling.apiserver.accesslog import uri
from podling.apiserver.request import Request, UserInfo

API_VERSION = "audit.k8s.io/v1"

Document = dict[str, Any]


def begun(request: Request, level: str, *, received: float) -> Document:
    """What is known once it is clear who asks; `received` is wall time."""
    info, user = request.info, request.user
    document: Document = {
        "kind": "Event",
        "apiVersion": API_VERSION,
        "level": level,
        "auditID": request.audit_id,
        "stage": "",
        "requestURI": uri(request),
        "verb": info.verb,
        "user": user_of(user) if user is not None else {},
    }
    if request.remote:
        document["sourceIPs"] = [request.remote]
    agent = request.headers.get("user-agent")
    if agent:
        document["userAgent"] = agent
    if info.is_resource:
        reference = {
            "resource": info.resource,
            "namespace": info.namespace,
            "name": info.name,
            "apiGroup": info.group,
            "apiVersion": info.version,
            "subresource": info.subresource,
        }
        document["objectRef"] = {name: value for name, value in reference.items() if value}
    document["requestReceivedTimestamp"] = times.rfc3339_micro(received)
    return document


def named(reference: Document, made: Document) -> Document:
    """A reference to what a request makes, with the name that its body gives."""
    metadata = made.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return {**reference, "name": name} if name and isinstance(name, str) else reference


def user_of(user: UserInfo) -> Document:
    found: Document = {"username": user.name}
    if user.uid:
        found["uid"] = user.uid
    if user.groups:
        found["groups"] = list(user.groups)
    if user.extra:
        found["extra"] = {name: list(values) for name, values in user.extra.items()}
    return found


def object_of(data: bytes, *, without_managed_fields: bool) -> Any | None:
    """A JSON body as a document; None for what is none."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if without_managed_fields and isinstance(document, dict):
        for each in (document, *_items(document)):
            metadata = each.get("metadata")
            if isinstance(metadata, dict):
                metadata.pop("managedFields", None)
    return document


def _items(document: Mapping[str, Any]) -> list[Document]:
    items = document.get("items")
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def status_of(code: int, answer: Any) -> Document:
    """How it ended; a Status that was answered tells the reason."""
    found: Document = {"metadata": {}, "code": code}
    if isinstance(answer, dict) and answer.get("kind") == "Status" and code >= 400:
        for name in ("status", "message", "reason", "details"):
            if answer.get(name):
                found[name] = answer[name]
    return found
