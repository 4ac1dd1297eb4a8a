"""Patches applied to documents: which kind of patch, read from the body, merged into plain JSON.

What a patch may do to a field is said by the schema of the kind; custom resources have no strategic merge.  Applies are
patches, too, but of another kind: `applying` reads and merges them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podling.api import errors, field, schema
from podling.api.kinds import Kind
from podling.api.patch import jsonpatch, mergepatch, strategic

from . import negotiate
from .call import Call
from .options import WriteOptions

CUSTOM = (negotiate.JSON_PATCH, negotiate.MERGE_PATCH, negotiate.APPLY_PATCH)
BUILT_IN = (negotiate.JSON_PATCH, negotiate.MERGE_PATCH, negotiate.STRATEGIC_PATCH, negotiate.APPLY_PATCH)

Document = dict[str, Any]
Merge = Callable[[Document], Document]


def media_type(call: Call, options: WriteOptions) -> str:
    """Which kind of patch the body is; raises 415, and 422 for options that only an apply may have."""
    media = negotiate.body_type(call.request.headers, BUILT_IN if call.resource.kind.type else CUSTOM)
    if options.force or "force" in call.request.query:
        fault = field.forbidden(field.Path("force"), "may not be specified for non-apply patch")
        raise errors.Invalid("PatchOptions.meta.k8s.io", "", [fault])
    return media


def merge(call: Call, media: str, kind: Kind) -> Merge:
    """The function that applies the request's patch to a document of that kind."""
    found = _decoded(call.request.body)
    if media == negotiate.JSON_PATCH:
        return lambda document: jsonpatch.apply(document, found)
    if media == negotiate.MERGE_PATCH:
        return lambda document: mergepatch.apply(document, found)
    shape = schema.of(kind.struct)
    return lambda document: strategic.apply(document, found, shape)


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.BadRequest(f"error decoding patch: {error}") from error
