"""Which form an answer takes and which form a body has: Accept, Content-Type, pretty and Accept-Encoding.

Accept is walked in order of preference to the first form that is served here: JSON and YAML, plain or as a Table or
PartialObjectMetadata.  `protobuf,json` therefore gets JSON and protobuf alone gets 406: protobuf is read, not
written.  Parsed headers are kept, because a client sends the same few on every request.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from podling.api import errors

JSON = "application/json"
YAML = "application/yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
APPLY_PATCH_JSON = "application/apply-patch+json"

SERVED = (JSON, YAML)
TRANSFORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_TRANSFORM_VERSIONS = ("v1", "v1beta1")
_HUMAN_AGENTS = ("curl", "Wget", "Mozilla/5.0")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class Form(msgspec.Struct, frozen=True, gc=False):
    """How to write an answer: media type, indentation, and the kind of meta.k8s.io to turn it into ("" = as it is)."""

    media_type: str = JSON
    pretty: bool = False
    transform: str = ""
    transform_version: str = "v1"


PLAIN = Form()


def form(headers: Mapping[str, str], pretty: str, *, transforms: bool = True) -> Form:
    """The form to answer in; raises NotAcceptable (406) when nothing the client accepts is served.

    `pretty` is the query parameter; without it known human clients (curl, wget, browsers) get indented output.
    `transforms` says whether the resource can be shown as a Table or PartialObjectMetadata.
    """
    chosen = _accepted(headers.get("accept", ""), transforms)
    if chosen is None:
        raise errors.NotAcceptable(SERVED)
    if pretty:
        human = pretty not in _FALSE
    else:
        human = headers.get("user-agent", "").startswith(_HUMAN_AGENTS)
    if human != chosen.pretty:
        return msgspec.structs.replace(chosen, pretty=human or chosen.pretty)
    return chosen


@lru_cache(maxsize=64)
def chosen(header: str, served: tuple[str, ...]) -> str | None:
    """The media type to answer in where there are no Tables and no YAML: the first of `served` that Accept likes best."""
    for media_type, _ in _clauses(header or "*/*"):
        for one in served:
            if media_type in (one, "application/*", "*/*"):
                return one
    return None


@lru_cache(maxsize=256)
def _accepted(header: str, transforms: bool) -> Form | None:
    if not header:
        return PLAIN
    for media_type, parameters in _clauses(header):
        for served in SERVED:
            if media_type in (served, "application/*", "*/*"):
                found = _with_parameters(served, parameters, transforms=transforms)
                if found is not None:
                    return found
    return None


def _with_parameters(media_type: str, parameters: dict[str, str], *, transforms: bool) -> Form | None:
    kind, group, version = parameters.get("as", ""), parameters.get("g", ""), parameters.get("v", "")
    if kind or group or version:
        known = kind in TRANSFORMS and group == "meta.k8s.io" and version in _TRANSFORM_VERSIONS
        if not (known and transforms):
            return None
    if parameters.get("stream", "watch") != "watch" or parameters.get("sv"):
        return None
    return Form(media_type, parameters.get("pretty") == "1", kind, version or "v1")


def _clauses(header: str) -> list[tuple[str, dict[str, str]]]:
    """Media types with their parameters, by quality, then by how specific they are, then in the order given."""
    clauses = []
    for position, text in enumerate(header.split(",")):
        media_type, *rest = (part.strip() for part in text.split(";"))
        parameters = {}
        for part in rest:
            name, _, value = part.partition("=")
            parameters[name.strip()] = value.strip().strip('"')
        wildcards = media_type.count("*")
        clauses.append((-_quality(parameters.pop("q", "1")), wildcards, position, media_type, parameters))
    clauses.sort(key=lambda clause: clause[:3])
    return [(media_type, parameters) for _, _, _, media_type, parameters in clauses]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def body_type(headers: Mapping[str, str], accepted: tuple[str, ...] = SERVED) -> str:
    """The media type of the request's body (the first of `accepted` if none is said); raises 415 for others."""
    header = headers.get("content-type", "")
    if not header:
        return accepted[0]
    media_type = header.partition(";")[0].strip().lower()
    if media_type in accepted:
        return media_type
    raise errors.UnsupportedMediaType(accepted)


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Whether the client permits gzip."""
    return any(
        part.strip().partition(";")[0] == "gzip" for part in headers.get("accept-encoding", "").split(",")
    )
