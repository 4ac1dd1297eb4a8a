"""GET of a collection with `watch`: its changes, as they happen, one JSON line each.

Without a resourceVersion (or with "0") the present objects come first, as ADDED; with one, what changed since; with
`sendInitialEvents`, the present objects and then a bookmark that says so.  An object that starts or stops matching the
selectors is ADDED or DELETED to this watcher whatever happened to it.

What is pending for a watcher goes out in one piece: the loop turn that commits ten changes causes one write to each
watcher, not ten.  Watchers that ask for the same in the same form share the bytes.

A watch from a revision that is still to come begins at once and is silent until then, as upstream's; only the present
objects of such a state (`sendInitialEvents`) are refused when it does not come soon.

A watch that cannot go on says why in a last event of type ERROR: 410 when the past it needs is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence

from podling.api import errors
from podling.apiserver import negotiate, revisions, selection
from podling.apiserver.call import Call
from podling.apiserver.options import ListOptions, list_options
from podling.apiserver.request import Response
from podling.store.interface import Closed, Compacted, FutureRevision, Lagging, StoreError
from podling.store.watchcache import Batch, Entry, Selection

from . import frames

PIECE = 256 * 1024
"""Bytes of events that are put together for one write."""
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
    return Response(200, await _Begun.of(_events(call, selected, options, framer)))


class _Begun:
    """A stream whose first piece is there already: whoever has the response misses nothing from then on."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    @classmethod
    async def of(cls, stream: AsyncGenerator[bytes, None]) -> _Begun:
        return cls(await anext(stream, b""), stream)

    def __aiter__(self) -> _Begun:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        if self._first is not None:
            return self._take()
        return self._rest.__anext__()

    async def _take(self) -> bytes:
        first, self._first = self._first, None
        return first or b""

    async def aclose(self) -> None:
        await self._rest.aclose()


async def _events(
    call: Call, selected: Selection, options: ListOptions, framer: frames.Framer
) -> AsyncGenerator[bytes, None]:
    """The whole life of a watch; one generator, because every layer would be paid for every event."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _lifetime(call, options)
    patience = call.services.config.bookmark_seconds
    told = call.services.metrics.watched(call.resource.kind)
    try:
        since, is_initial = await _beginning(call, options)
        if since > call.services.cache.revision:
            yield b""
            await call.services.cache.wait_revision(since, seconds=max(0, deadline - loop.time()))
        with call.resource.collection.subscribe(selected, since=since) as subscription:
            present = call.resource.collection.select(selected) if is_initial else []
            for portion in _portions(present):
                told.count += len(portion)
                yield framer.present(portion)
            if is_initial and options.initial_events and options.bookmarks:
                yield framer.bookmark(since, INITIAL_EVENTS_END)
            del present
            while (left := deadline - loop.time()) > 0:
                batches = await subscription.next(min(left, patience))
                if len(batches) == 1:
                    told.count += len(batches[0].views)
                    yield framer.changes(batches[0])
                elif batches:
                    for several in _gathered(batches):
                        told.count += sum(len(batch.views) for batch in several)
                        yield b"".join(map(framer.changes, several))
                elif options.bookmarks:
                    yield framer.bookmark(subscription.revision)
    except errors.ApiError as error:
        yield frames.error(error)
    except (Compacted, Lagging) as error:
        yield frames.error(errors.Expired(str(error)))
    except (Closed, FutureRevision):
        return
    except StoreError as error:
        yield frames.error(errors.InternalError(str(error)))


def _lifetime(call: Call, options: ListOptions) -> float:
    """Seconds; watches that set no end get different ones, so that they do not all come back together."""
    if options.timeout_seconds:
        return options.timeout_seconds
    return call.services.config.watch_seconds * (1 + call.services.chance.random())


async def _beginning(call: Call, options: ListOptions) -> tuple[int, bool]:
    """The revision to follow from, and whether what is there comes first."""
    version = options.resource_version
    fresh = version in ("", "0")
    is_initial = fresh if options.initial_events is None else options.initial_events
    if not (is_initial or fresh):
        return revisions.parse(version), False
    await revisions.reached(call, version)
    return call.resource.collection.revision, is_initial


def _portions(present: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """What is there, in parts of about `PIECE` bytes and at least one, perhaps empty.

    They are made one by one as the client takes them: a thousand watchers of a large collection that do not read
    hold one part each, and share the objects.
    """
    begin = size = 0
    for at, entry in enumerate(present):
        size += len(entry.value)
        if size >= PIECE:
            yield present[begin : at + 1]
            begin, size = at + 1, 0
    yield present[begin:]


def _gathered(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """What a watcher has not taken yet, in parts of about `PIECE` bytes."""
    begin = size = 0
    for at, batch in enumerate(batches):
        size += batch.weight
        if size >= PIECE:
            yield batches[begin : at + 1]
            begin, size = at + 1, 0
    if begin < len(batches):
        yield batches[begin:]
