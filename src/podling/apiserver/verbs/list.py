"""GET of a collection, whole or in pages: a join of the bytes in the watch cache.

Which state is shown follows the API's table of resourceVersion and resourceVersionMatch: the newest (no version),
one not older than asked, or exactly the one asked for.  All pages of one list show the state of its first page; while
nothing has changed since, they come from the cache too, otherwise from the store's past.  A page whose past is gone
is 410, with a token to go on from where the client was in the newest state.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from podling.api import errors
from podling.api.types import meta_v1
from podling.apiserver import render, revisions, selection
from podling.apiserver.call import Call
from podling.apiserver.options import EXACT, ListOptions, list_options
from podling.apiserver.request import Response
from podling.store.interface import Compacted, FutureRevision
from podling.store.watchcache import Listing, Selection
from podling.store.watchcache.selection import Matcher

TOKEN_VERSION = "meta.k8s.io/v1"
NEWEST = -1
"""In a token: go on in whatever state is the newest."""
TOO_OLD = "The resourceVersion for the provided list is too old."
_CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the next page starts: the state shown and the first key, without the collection's prefix."""

    v: str = ""
    rv: int = 0
    start: str = ""


class _ContinueExpired(errors.Expired):
    """The state of a continued list is gone; the answer holds a token that goes on without it."""

    def __init__(self, token: str) -> None:
        super().__init__(_CONTINUE_TOO_OLD)
        self._token = token

    def status(self) -> meta_v1.Status:
        status = super().status()
        status.metadata = meta_v1.ListMeta(continue_=self._token)
        return status


async def serve(call: Call) -> Response:
    options = list_options(call.request.query)
    selected = selection.of(call, options)
    if options.continue_token:
        listing = await _continued(call, selected, options)
    else:
        listing = await _begun(call, selected, options)
    return await _answer(call, selected, listing)


async def _begun(call: Call, selected: Selection, options: ListOptions) -> Listing:
    """The first page, in the state that the version asks for."""
    version = options.resource_version
    await revisions.reached(call, version)
    is_exact = options.match == EXACT or (options.limit and not options.match)
    if version in ("", "0") or not is_exact:
        return call.resource.collection.page(selected, limit=options.limit)
    try:
        return await _at(call, selected, revisions.parse(version), limit=options.limit)
    except Compacted as error:
        raise errors.Expired(TOO_OLD) from error


async def _continued(call: Call, selected: Selection, options: ListOptions) -> Listing:
    """A further page, in the state of the first one."""
    token = _decode(options)
    start = _directory(call, selected) + token.start
    if token.rv < 0:
        await revisions.reached(call, "")
        return call.resource.collection.page(selected, start=start, limit=options.limit)
    try:
        return await _at(call, selected, token.rv, start=start, limit=options.limit)
    except Compacted as error:
        raise _ContinueExpired(_encode(Token(TOKEN_VERSION, NEWEST, token.start))) from error


async def _at(call: Call, selected: Selection, revision: int, *, start: str = "", limit: int) -> Listing:
    """A page of the state after a revision: from the cache as far as it reaches back, then from the store."""
    collection = call.resource.collection
    try:
        return collection.page(selected, start=start, limit=limit, revision=revision)
    except FutureRevision as error:
        raise errors.TooLargeResourceVersion(revision, collection.revision) from error
    except Compacted:
        return await _past(call, selected, revision, start=start, limit=limit)


async def _past(call: Call, selected: Selection, revision: int, *, start: str, limit: int) -> Listing:
    """A page of a state that only the store still knows."""
    collection, matcher = call.resource.collection, Matcher(call.resource.collection.prefix, selected)
    wanted = limit if matcher.is_everything else 0
    page = await call.services.cache.store.range(
        matcher.directory, start=start, limit=wanted, revision=revision
    )
    found = [
        collection.stamped(record.key, record.value, record.revision, record.create_revision)
        for record in page.records
    ]
    if matcher.is_everything:
        return Listing(found, page.revision, page.more, page.remaining)
    found = [entry for entry in found if matcher(entry)]
    more = 0 < limit < len(found)
    return Listing(found[:limit] if more else found, page.revision, more, 0)


async def _answer(call: Call, selected: Selection, listing: Listing) -> Response:
    meta = meta_v1.ListMeta(resource_version=str(listing.revision))
    if listing.more:
        start = listing.entries[-1].key.removeprefix(_directory(call, selected)) + "\0"
        meta.continue_ = _encode(Token(TOKEN_VERSION, listing.revision, start))
        meta.remaining_item_count = listing.remaining or None
    return await render.many(call, [entry.value for entry in listing.entries], meta)


def _directory(call: Call, selected: Selection) -> str:
    """What the keys of the collection begin with; tokens leave it out."""
    return call.resource.storage.key_prefix(selected.namespace or None)


def _encode(token: Token) -> str:
    return urlsafe_b64encode(msgspec.json.encode(token)).rstrip(b"=").decode()


def _decode(options: ListOptions) -> Token:
    text = options.continue_token
    if options.resource_version not in ("", "0"):
        raise errors.BadRequest("specifying resource version is not allowed when using continue")
    try:
        token = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Token)
    except (msgspec.MsgspecError, ValueError) as error:
        raise errors.BadRequest(f"invalid continue token: {error}") from error
    if token.v != TOKEN_VERSION or not token.start:
        raise errors.BadRequest(
            "invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)"
        )
    if token.rv == 0 or ".." in token.start.split("/"):
        raise errors.BadRequest(
            "invalid continue token: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        )
    return token
