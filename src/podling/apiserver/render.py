"""Answers: stored bytes in the form the client asked for.

The usual form is the stored bytes themselves, so a GET copies and a LIST joins, and nothing is decoded.  Everything
else (indented JSON, YAML, Tables, PartialObjectMetadata, another version) starts from the same bytes.

Large answers are compressed where the client permits it, unless it is on this machine: there zlib costs more than
the loopback it saves.
"""

from __future__ import annotations

import asyncio
import ipaddress
import zlib
from typing import cast

import msgspec

from podling.api import codec, errors, field
from podling.api.kinds import Kind
from podling.api.types import meta_v1

from . import negotiate, tables, versions
from .call import Call
from .request import Request, Response

GZIP_ABOVE = 128 * 1024
GZIP_LEVEL = 1
YIELD_ABOVE = 1024 * 1024
META_GROUP = "meta.k8s.io"


class _Partial(msgspec.Struct):
    """What of an object PartialObjectMetadata keeps, as bytes."""

    metadata: msgspec.Raw


_partial = msgspec.json.Decoder(_Partial)
_encode = msgspec.json.Encoder().encode


def one(call: Call, value: bytes, *, status: int = 200) -> Response:
    """Answer with one object, given as stored."""
    form = call.form()
    if call.resource.is_converted:
        value = versions.shown(value, call.resource.storage, call.resource.kind, call.services.level)
    if form is negotiate.PLAIN:
        return Response(status, value + b"\n")
    if form.transform == "Table":
        value = table(call, [value], form)
    elif form.transform == "PartialObjectMetadata":
        value = partial(value, form)
    elif form.transform:
        raise errors.NotAcceptable(negotiate.SERVED)
    return written(form, value, status=status)


async def many(call: Call, values: list[bytes], meta: meta_v1.ListMeta) -> Response:
    """Answer with a list, given its items as stored."""
    form = call.form()
    kind = call.resource.kind
    if call.resource.is_converted:
        values = [versions.shown(value, call.resource.storage, kind, call.services.level) for value in values]
    head = codec.struct_encode(meta)
    if form.transform == "Table":
        body = table(call, values, form, meta=head)
    elif form.transform == "PartialObjectMetadataList":
        parts = [partial(value, form) for value in values]
        body = joined("PartialObjectMetadataList", f"{META_GROUP}/{form.transform_version}", head, parts)
    elif form.transform:
        raise errors.NotAcceptable(negotiate.SERVED)
    else:
        body = joined(kind.list_kind, kind.api_version, head, values)
    response = written(form, body)
    await compress(call.request, response)
    return response


def joined(kind: str, api_version: str, meta: bytes, items: list[bytes]) -> bytes:
    """The bytes of a list from those of its items, in one copy: lists are megabytes."""
    head = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        kind.encode(),
        api_version.encode(),
        meta,
    )
    tail = b"]}\n"
    if not items:
        return head + tail
    if len(items) == 1:
        return head + items[0] + tail
    return b",".join([head + items[0], *items[1:-1], items[-1] + tail])


def table(
    call: Call,
    values: list[bytes],
    form: negotiate.Form,
    *,
    meta: bytes = b"{}",
    headers: bool = True,
    kind: Kind | None = None,
) -> bytes:
    """Objects in the version asked for as a Table; `includeObject` says what of each object goes along.

    `kind` is theirs where it is not that of the resource (Scale).
    """
    asked = call.request.query.first("includeObject") or "Metadata"
    if asked not in tables.INCLUDES:
        why = "must be 'Metadata', 'Object', 'None', or empty"
        fault = field.invalid(field.Path("includeObject"), asked, why)
        raise errors.BadRequest(f"Unable to convert to Table as requested: {fault}")
    return tables.render(
        kind or call.resource.kind,
        values,
        now=call.services.clock.now(),
        list_meta=meta,
        include=cast("tables.Include", asked),
        version=form.transform_version,
        headers=headers,
    )


def partial(value: bytes, form: negotiate.Form) -> bytes:
    """The metadata of an object as PartialObjectMetadata."""
    version = form.transform_version.encode()
    metadata = _partial.decode(value).metadata
    return b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b","metadata":%b}' % (
        version,
        metadata,
    )


def struct(call: Call, body: msgspec.Struct, *, status: int = 200) -> Response:
    """Answer with a record that is not stored (Status, Scale, reviews, TokenRequest); Tables of it are not to be had."""
    return written(call.form(transforms=False), codec.struct_encode(body), status=status)


def written(form: negotiate.Form, value: bytes, *, status: int = 200) -> Response:
    """JSON bytes in the media type and indentation asked for."""
    if form.media_type == negotiate.YAML:
        return Response(status, codec.yaml_dump(msgspec.json.decode(value)).encode(), negotiate.YAML)
    if form.pretty:
        value = msgspec.json.format(value, indent=2)
    return Response(status, value if value.endswith(b"\n") else value + b"\n")


def failure(request: Request, error: errors.ApiError) -> Response:
    """The Status of a refusal, in the best form the client takes."""
    try:
        form = negotiate.form(request.headers, request.query.first("pretty"), transforms=False)
    except errors.NotAcceptable:
        form = negotiate.PLAIN
    response = written(form, codec.struct_encode(error.status()), status=error.code)
    if error.retry_after_seconds:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def success(kind: Kind, name: str, uid: str) -> meta_v1.Status:
    """The Status of a deletion that leaves no object to show."""
    details = meta_v1.StatusDetails(
        name=name or None, group=kind.group or None, kind=kind.plural, uid=uid or None
    )
    return meta_v1.Status(status="Success", details=details)


async def compress(request: Request, response: Response) -> None:
    """Compress a large body off the loop, when the client permits it and is far enough away to gain by it."""
    body = response.body
    if not isinstance(body, bytes) or len(body) <= GZIP_ABOVE or not negotiate.accepts_gzip(request.headers):
        return
    if _is_near(request.remote):
        return
    response.body = await asyncio.get_running_loop().run_in_executor(None, _gzip, body)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _is_near(remote: str) -> bool:
    """Whether a client is on this machine: on a loopback address, or in this very process (no address)."""
    try:
        return ipaddress.ip_address(remote.partition("%")[0]).is_loopback
    except ValueError:
        return True
