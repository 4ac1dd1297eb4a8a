"""The body of a write: bytes of JSON, YAML or protobuf to one typed, completed object.

The one decode of a write happens here.  Unknown and duplicate fields are refused, warned about or passed over as
`fieldValidation` asks; then the defaults of the version asked for are filled in and the object is turned into the
version that is stored.
"""

from __future__ import annotations

import msgspec

from podling.api import codec, errors, intake
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.api.types import meta_v1

from . import negotiate, protobuf, versions
from .call import Call
from .options import WriteOptions

BODIES = (negotiate.JSON, negotiate.YAML, protobuf.MEDIA_TYPE)
"""What an object may be written in."""
_encode = msgspec.json.Encoder().encode


def read_object(call: Call, options: WriteOptions, *, kind: Kind | None = None) -> Object:
    """The object in the request's body, ready to be stored; `kind` for subresources with a body of another kind."""
    data = as_json(call.request.body, negotiate.body_type(call.request.headers, BODIES))
    if not data.strip():
        raise errors.BadRequest("the request body is empty: an object is required")
    return complete(call, options, data, kind=kind)


def complete(call: Call, options: WriteOptions, data: bytes, *, kind: Kind | None = None) -> Object:
    """Decode JSON, judge its fields, fill in the defaults and convert to the stored version."""
    row = kind or call.resource.kind
    taken = intake.take(row, data, level=call.services.level, inspect=options.field_validation != "Ignore")
    if taken.problems:
        if options.field_validation == "Strict":
            found = ", ".join(taken.problems)
            raise errors.BadRequest(
                f'{row.kind} in version "{row.version}" cannot be handled as a {row.kind}: '
                f"strict decoding error: {found}"
            )
        call.request.warnings.extend(taken.problems)
    obj = taken.object
    if kind is not None:
        return obj
    call.resource.default(obj.body)
    call.fit(obj)
    return versions.to_storage(obj, call.resource.storage) if call.resource.is_converted else obj


def as_json(data: bytes, media_type: str) -> bytes:
    """The same document as JSON; raises BadRequest for YAML or protobuf that is none."""
    if media_type == negotiate.JSON:
        return data
    if media_type == protobuf.MEDIA_TYPE:
        return _encode(protobuf.to_document(data))
    try:
        documents = codec.yaml_load_all(data.decode(), name="request body")
    except (ValueError, UnicodeDecodeError) as error:
        raise errors.BadRequest(f"error converting YAML to JSON: {error}") from error
    if len(documents) != 1:
        raise errors.BadRequest(f"the request body must hold one document, not {len(documents)}")
    return _encode(documents[0])


def read_delete_options(call: Call) -> meta_v1.DeleteOptions | None:
    """The DeleteOptions in the body, None when there is no body."""
    if not call.request.body:
        return None
    data = as_json(call.request.body, negotiate.body_type(call.request.headers, BODIES))
    try:
        return codec.struct_decode(meta_v1.DeleteOptions, data)
    except codec.Malformed as error:
        raise errors.BadRequest(f"couldn't get version/kind; json parse error: {error}") from error
