"""GET of a collection with `watch`: its changes, as they happen, one JSON line each.

Without a resourceVersion (or with "0") the present objects come first, as ADDED; with one, what changed since; with
`sendInitialEvents`, the present objects and then a bookmark that says so.  An object that starts or stops matching the
selectors is ADDED or DELETED to this watcher whatever happened to it.

What is pending for a watcher goes out in one piece: the loop turn that commits ten changes causes one write to each
watcher, not ten.  Watchers that ask for the same in the same form share the bytes.

A watch that cannot go on says why in a last event of type ERROR: 410 when the past it needs is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from podling.api import errors
from podling.apiserver import negotiate, revisions, selection
from podling.apiserver.call import Call
from podling.apiserver.options import ListOptions, list_options
from podling.apiserver.request import Response
from podling.store.interface import Closed, Compacted, FutureRevision, Lagging, StoreError
from podling.store.watchcache import Selection, Subscription

from . import frames

INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


async def serve(call: Call) -> Response:
    options = list_options(call.request.query, watch=True)
    selected = selection.of(call, options)
    form = call.form()
    if form.media_type != negotiate.JSON:
        raise errors.NotAcceptable((f"{negotiate.JSON};stream=watch",))
    framer = frames.of(call, form)
    if options.resource_version not in ("", "0"):
        revisions.parse(options.resource_version)
    return Response(200, _events(call, selected, options, framer))


async def _events(
    call: Call, selected: Selection, options: ListOptions, framer: frames.Framer
) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in _unguarded(call, selected, options, framer):
            yield chunk
    except errors.ApiError as error:
        yield frames.error(error)
    except (Compacted, Lagging) as error:
        yield frames.error(errors.Expired(str(error)))
    except Closed:
        return
    except StoreError as error:
        yield frames.error(errors.InternalError(str(error)))


async def _unguarded(
    call: Call, selected: Selection, options: ListOptions, framer: frames.Framer
) -> AsyncGenerator[bytes, None]:
    collection, version = call.resource.collection, options.resource_version
    fresh = version in ("", "0")
    initial = fresh if options.initial_events is None else options.initial_events
    await revisions.reached(call, version)
    since = collection.revision if initial or fresh else revisions.parse(version)
    try:
        subscription = collection.subscribe(selected, since=since)
    except FutureRevision as error:
        raise errors.TooLargeResourceVersion(since, collection.revision) from error
    with subscription:
        if initial:
            yield framer.present(collection.select(selected))
            if options.initial_events and options.bookmarks:
                yield framer.bookmark(since, INITIAL_EVENTS_END)
        else:
            yield b""
        async for chunk in _live(call, subscription, options, framer):
            yield chunk


async def _live(
    call: Call, subscription: Subscription, options: ListOptions, framer: frames.Framer
) -> AsyncGenerator[bytes, None]:
    """Changes until the watch's time is up; an idle watch that asked for bookmarks gets one now and then."""
    loop = asyncio.get_running_loop()
    config = call.services.config
    lifetime = options.timeout_seconds or config.watch_seconds * (1 + call.services.chance.random())
    deadline = loop.time() + lifetime
    while (left := deadline - loop.time()) > 0:
        batches = await subscription.next(min(left, config.bookmark_seconds))
        if batches:
            yield b"".join(map(framer.changes, batches))
        elif options.bookmarks:
            yield framer.bookmark(subscription.revision)
