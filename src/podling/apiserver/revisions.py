"""What a request's resourceVersion asks of the watch cache."""

from __future__ import annotations

from podling.api import errors
from podling.store.interface import FutureRevision

from .call import Call

PATIENCE_SECONDS = 3.0
"""As long as upstream waits for a revision that it has not seen yet."""

MAX_DIGITS = 4000
"""More than that Python does not read as a number."""
MAX_REVISION = 2**64 - 1


def parse(text: str) -> int:
    """A resourceVersion as a number; raises BadRequest for what is none."""
    if not (text.isascii() and text.isdigit()):
        raise errors.BadRequest(
            f'invalid resource version: strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    if len(text) > MAX_DIGITS or int(text) > MAX_REVISION:
        raise errors.BadRequest(
            f'invalid resource version: strconv.ParseUint: parsing "{text}": value out of range'
        )
    return int(text)


async def reached(call: Call, version: str) -> None:
    """Wait until the cache shows what the version asks: "" the newest state, "0" any, a number that or newer."""
    cache = call.services.cache
    if not version:
        await cache.wait_fresh()
    elif version != "0":
        wanted = parse(version)
        try:
            await cache.wait_revision(wanted, seconds=PATIENCE_SECONDS)
        except FutureRevision as error:
            raise errors.TooLargeResourceVersion(wanted, cache.revision) from error
