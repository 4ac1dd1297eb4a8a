"""PATCH of an object: JSON patch, merge patch or strategic merge patch onto what is stored.

The stored object stays plain JSON until the patch is merged in; the result then takes the same way as the body of an
update.  A patch that names a resourceVersion insists on it, any other is tried again when somebody else was faster.
"""

from __future__ import annotations

import msgspec

from podling.api.object import Object
from podling.apiserver import body, patching, render, versions
from podling.apiserver.call import Call
from podling.apiserver.change import MAIN, Make, Scope, change
from podling.apiserver.options import WriteOptions, write_options
from podling.apiserver.request import Response

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


async def serve(call: Call, scope: Scope = MAIN) -> Response:
    options = write_options(call.request.query, "PatchOptions")
    outcome = await change(call, maker(call, options), options=options, scope=scope)
    return render.one(call, outcome.value)


def maker(call: Call, options: WriteOptions) -> Make:
    """The function that patches a stored object as the request's body says; raises 415, 400 and 422."""
    media = patching.media_type(call, options)
    resource = call.resource
    apply = patching.merge(call, media, resource.kind)

    def patched(old: Object, stored: bytes) -> Object:
        if resource.is_converted:
            stored = versions.shown(stored, resource.storage, resource.kind)
        new = body.complete(call, options, _encode(apply(_decode(stored))))
        if new.metadata.resource_version == old.metadata.resource_version:
            new.metadata.resource_version = None
        return new

    return patched
