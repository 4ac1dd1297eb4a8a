"""PATCH with a configuration to apply (server-side apply): changes the object, or creates it where there is none.

A configuration that names a resourceVersion or a uid insists on it.  Who creates by applying must be allowed to create.
"""

from __future__ import annotations

import msgspec

from podling.api import errors
from podling.apiserver import applying, creation, render
from podling.apiserver.call import Call
from podling.apiserver.change import MAIN, Outcome, change, check_name
from podling.apiserver.options import WriteOptions
from podling.apiserver.request import Response
from podling.store.interface import KeyExists

ATTEMPTS = 8
"""How often an object may come or go under the hands of one apply."""


async def serve(call: Call, options: WriteOptions) -> Response:
    """Apply to the resource itself; below it (`/status`), where nothing is created, an apply is a patch as any other."""
    outcome = await _settled(call, options)
    return render.one(call, outcome.value, status=201 if outcome.created else 200)


async def _settled(call: Call, options: WriteOptions) -> Outcome:
    make, scope = applying.maker(call, options, MAIN)
    for _ in range(ATTEMPTS):
        if call.find(call.info.name) is not None:
            try:
                return await change(call, make, options=options, scope=scope)
            except errors.NotFound:
                continue
        try:
            return await _create(call, options)
        except errors.AlreadyExists as error:
            winner = error.__context__
            if not isinstance(winner, KeyExists):
                raise
            await call.services.cache.wait_revision(winner.revision)
    raise errors.Conflict(call.resource.kind, call.info.name)


async def _create(call: Call, options: WriteOptions) -> Outcome:
    kind, name = call.resource.kind, call.info.name
    obj = applying.created(call, options)
    meta = obj.metadata
    if not meta.name:
        raise errors.BadRequest(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    check_name(meta.name, name)
    if meta.uid:
        why = f"uid mismatch: the provided object specified uid {meta.uid}, and no existing object was found"
        raise errors.Conflict(kind, name, why)
    if meta.resource_version not in (None, "", "0"):
        raise errors.Conflict(kind, name)
    call.services.authorizer.check(call.user, msgspec.structs.replace(call.info, verb="create"))
    return await creation.create(call, obj, options=options, is_applied=True)
