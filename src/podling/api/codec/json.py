"""The JSON codec: bytes to typed objects and back, with one cached decoder per type.

Objects are written with kind, apiVersion and metadata first, so that the first `"metadata":{` in an encoded object is its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from podling.api import kinds
from podling.api.errors import BadRequest
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.api.types import meta_v1

from .coerce import coerce_json
from .malformed import Malformed, NotJson

T = TypeVar("T", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()
_METADATA = b'"metadata":{'


class _Identity(msgspec.Struct, kw_only=True, rename="camel"):
    """What a document says it is."""

    api_version: str | None = None
    kind: str | None = None


class _Custom(msgspec.Struct, kw_only=True):
    """What is typed of a custom resource."""

    metadata: meta_v1.ObjectMeta = msgspec.field(default_factory=meta_v1.ObjectMeta)


@cache
def _decoder(struct: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(struct)


def decode(kind: Kind, data: bytes) -> Object:
    """The object of that kind in `data`. Raises BadRequest when it is another kind or version, or no object at all."""
    return decode_telling(kind, data)[0]


def decode_telling(kind: Kind, data: bytes) -> tuple[Object, bool]:
    """As `decode`, and whether the text was taken as it stands: nothing unknown in it, nothing put right."""
    try:
        if kind.type:
            body, exact = struct_decode_telling(kind.struct, data)
            found = Object(kind, body)
        else:
            found, exact = _decode_custom(kind, data)
    except Malformed as error:
        raise _refusal(kind, data, error) from error
    _check_identity(kind, found.body)
    return found, exact


def encode(obj: Object) -> bytes:
    """The object as JSON, kind, apiVersion and metadata first."""
    if isinstance(obj.body, dict):
        return _encoder.encode(_whole(obj))
    return _encoder.encode(obj.body)


def to_dict(value: Object | msgspec.Struct) -> dict[str, Any]:
    """The object or record as plain JSON values; nothing in it is shared with the original."""
    data = encode(value) if isinstance(value, Object) else _encoder.encode(value)
    return cast("dict[str, Any]", msgspec.json.decode(data))


def from_dict(kind: Kind, value: dict[str, Any]) -> Object:
    """As `decode`, from plain JSON values."""
    return decode(kind, _encoder.encode(value))


def clone(obj: Object) -> Object:
    """A deep copy, by way of JSON: ten times as fast as copy.deepcopy."""
    if isinstance(obj.body, dict):
        body = msgspec.json.decode(_encoder.encode(obj.body))
        return Object(obj.kind, body, metadata=struct_clone(obj.metadata))
    return Object(obj.kind, struct_clone(obj.body))


def splice_revision(data: bytes, revision: int) -> bytes:
    """`data` with the store's revision as `metadata.resourceVersion`; `data` has none yet."""
    at = data.index(_METADATA) + len(_METADATA)
    comma = b"" if data[at] == 0x7D else b","
    return b'%b"resourceVersion":"%d"%b%b' % (data[:at], revision, comma, data[at:])


def struct_decode(struct: type[T], data: bytes) -> T:
    """A record of that type. Raises Malformed."""
    return struct_decode_telling(struct, data)[0]


def struct_decode_telling(struct: type[T], data: bytes) -> tuple[T, bool]:
    """As `struct_decode`, and whether the text was taken as it stands: nothing unknown in it, nothing put right."""
    found: T
    try:
        found = _decoder(struct).decode(data)
    except msgspec.ValidationError as refused:
        found = _repaired(struct, data, refused)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(_go_words(str(error))) from error
    except RecursionError as error:
        raise NotJson("exceeded max depth") from error
    else:
        return found, True
    return found, False


def _repaired(struct: type[T], data: bytes, refused: msgspec.ValidationError) -> T:
    try:
        found: T = _decoder(struct).decode(coerce_json(struct, data))
    except msgspec.ValidationError:
        raise Malformed(str(refused)) from refused
    except RecursionError as error:
        raise NotJson("exceeded max depth") from error
    return found


def struct_encode(struct: msgspec.Struct) -> bytes:
    """The record as JSON."""
    return _encoder.encode(struct)


def struct_clone(struct: T) -> T:
    """A deep copy of a record."""
    copy: T = _decoder(type(struct)).decode(_encoder.encode(struct))
    return copy


def _go_words(why: str) -> str:
    return "unexpected end of JSON input" if why == "Input data was truncated" else why


def _whole(obj: Object) -> dict[str, Any]:
    body = obj.body
    whole: dict[str, Any] = {"kind": body["kind"], "apiVersion": body["apiVersion"], "metadata": obj.metadata}
    whole.update((key, value) for key, value in body.items() if key not in whole)
    return whole


def _decode_custom(kind: Kind, data: bytes) -> tuple[Object, bool]:
    typed, exact = struct_decode_telling(_Custom, data)
    body = msgspec.json.decode(data)
    body.pop("metadata", None)
    return Object(kind, body, metadata=typed.metadata), exact


def _check_identity(kind: Kind, body: Any) -> None:
    """Fills in what the body leaves out and refuses what is not of this kind."""
    if isinstance(body, dict):
        api_version = body["apiVersion"] = body.get("apiVersion") or kind.api_version
        name = body["kind"] = body.get("kind") or kind.kind
    else:
        api_version = body.api_version = body.api_version or kind.api_version
        name = body.kind = body.kind or kind.kind
    if api_version != kind.api_version or name != kind.kind:
        raise BadRequest(_of_another_kind(kind, api_version, name))


def _of_another_kind(kind: Kind, api_version: str, name: str) -> str:
    group, _, version = api_version.rpartition("/")
    refusal = f'{name} in version "{version}" cannot be handled as a {kind.kind}'
    try:
        kinds.by_gvk(group, version, name)
    except kinds.UnknownKind:
        return f'{refusal}: no kind "{name}" is registered for version "{api_version}"'
    if name == kind.kind and group == kind.group:
        return f"the API version in the data ({api_version}) does not match the expected API version ({kind.api_version})"
    source, target = f"{version}.{name}", f"{_package(kind)}.{kind.kind}"
    return f"{refusal}: converting ({source}) to ({target}): unknown conversion"


def _package(kind: Kind) -> str:
    return kind.type.partition("_")[0] or kind.group.partition(".")[0]


def _refusal(kind: Kind, data: bytes, why: Malformed) -> BadRequest:
    """What to answer to data that is not of the kind's type; that it is of another kind goes first."""
    if isinstance(why, NotJson):
        return BadRequest(
            f"{_unrecognized(kind)}: couldn't get version/kind; json parse error: {why} ({_summary(data)})"
        )
    try:
        claimed = _decoder(_Identity).decode(data)
    except msgspec.DecodeError:
        claimed = _Identity()
    api_version, name = claimed.api_version or kind.api_version, claimed.kind or kind.kind
    if api_version != kind.api_version or name != kind.kind:
        return BadRequest(_of_another_kind(kind, api_version, name))
    return BadRequest(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def _unrecognized(kind: Kind) -> str:
    return f"the object provided is unrecognized (must be of type {kind.kind})"


def _summary(data: bytes) -> str:
    if not data:
        return "<empty>"
    start = data[:30]
    text = start.decode(errors="replace") if start.startswith(b"{") else start.hex()
    return text if len(data) <= 30 else f"{text} ..."
