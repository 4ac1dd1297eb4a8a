"""DELETE of a collection: every object that the selectors match, as if each had been asked for by name."""

from __future__ import annotations

import asyncio

from podling.api import codec, errors
from podling.api.types import meta_v1
from podling.apiserver import body, removal, render, selection
from podling.apiserver.call import Call
from podling.apiserver.options import delete_options, list_options
from podling.apiserver.request import Query, Response

AT_ONCE = 64
"""Deletions under way together, so that they share commits."""
_DELETE_ONLY = {"dryRun", "gracePeriodSeconds", "propagationPolicy", "orphanDependents"}


async def serve(call: Call) -> Response:
    query = call.request.query
    chosen = list_options(Query((name, value) for name, value in query.items() if name not in _DELETE_ONLY))
    options = delete_options(query, body.read_delete_options(call))
    listing = call.resource.collection.page(selection.of(call, chosen), limit=chosen.limit)
    names = [entry.key.rpartition("/")[2] for entry in listing.entries]
    for at in range(0, len(names), AT_ONCE):
        async with asyncio.TaskGroup() as group:
            deletions = [
                group.create_task(_delete(call, name, options), name=f"delete {name}")
                for name in names[at : at + AT_ONCE]
            ]
        for deletion in deletions:
            if (refusal := deletion.result()) is not None:
                raise refusal
    meta = meta_v1.ListMeta(resource_version=str(listing.revision))
    return await render.many(call, [entry.value for entry in listing.entries], meta)


async def _delete(call: Call, name: str, options: meta_v1.DeleteOptions) -> errors.ApiError | None:
    """Why it may not be deleted; None when it is gone."""
    try:
        await removal.delete(call, name, codec.struct_clone(options))
    except errors.NotFound:
        return None
    except errors.ApiError as refusal:
        return refusal
    return None
