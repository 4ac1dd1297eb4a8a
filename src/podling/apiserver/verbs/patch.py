"""PATCH of an object: JSON patch, merge patch or strategic merge patch onto what is stored; an apply is for `apply`.

The stored object stays plain JSON until the patch is merged in; the result then takes the same way as the body of an
update.  A patch that names a resourceVersion insists on it, any other is tried again when somebody else was faster.
"""

from __future__ import annotations

import dataclasses

import msgspec

from podling.api import errors
from podling.api.object import Object
from podling.apiserver import applying, body, patching, render, versions
from podling.apiserver.call import Call
from podling.apiserver.change import MAIN, NO_REVISION, Make, Scope, change, refuse_last_word
from podling.apiserver.options import WriteOptions, write_options
from podling.apiserver.request import Response

from . import apply

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


async def serve(call: Call, scope: Scope = MAIN) -> Response:
    options = write_options(call.request.query, "PatchOptions")
    if scope is MAIN and applying.is_apply(call):
        return await apply.serve(call, options)
    make, scope = maker(call, options, scope)
    outcome = await change(call, make, options=options, scope=scope)
    return render.one(call, outcome.value)


def maker(call: Call, options: WriteOptions, scope: Scope) -> tuple[Make, Scope]:
    """The function that patches a stored object as the request's body says, and the scope of its change.

    Raises 415, 400 and 422.
    """
    if applying.is_apply(call):
        return applying.maker(call, options, scope)
    media = patching.media_type(call, options)
    resource = call.resource
    merged = patching.merge(call, media, resource.kind)

    def patched(old: Object, stored: bytes) -> Object:
        if resource.is_converted:
            stored = versions.shown(stored, resource.storage, resource.kind, call.services.level)
        try:
            data = _encode(merged(_decode(stored)))
        except RecursionError as error:
            raise errors.BadRequest("error applying patch: exceeded max depth") from error
        new = body.complete(call, options, data)
        if new.metadata.resource_version == old.metadata.resource_version:
            new.metadata.resource_version = None
        elif new.metadata.resource_version in NO_REVISION:
            refuse_last_word(call, new.metadata)
        return new

    return patched, dataclasses.replace(scope, is_patch=True)
