"""What is, rather than what happened: stored objects, requests under way, the version. Read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from podling.aio.metrics import text
from podling.api.kinds import Kind
from podling.api.types import version
from podling.store.watchcache import Collection

from . import families as named


def stored(collections: Mapping[Kind, Collection]) -> Iterator[str]:
    """Objects and bytes of each stored kind."""
    found = {kind: collection.statistics() for kind, collection in collections.items()}
    yield from text(named.STORED_OBJECTS, [((kind.resource,), one.objects) for kind, one in found.items()])
    yield from text(
        named.RESOURCE_OBJECTS, [((kind.group, kind.plural), one.objects) for kind, one in found.items()]
    )
    yield from text(
        named.RESOURCE_SIZES, [((kind.group, kind.plural), one.bytes) for kind, one in found.items()]
    )


def in_flight(highest: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Requests under way, by kind."""
    yield from text(named.IN_FLIGHT, [((kind,), count) for kind, count in highest])


def build(info: version.Info) -> Iterator[str]:
    """The version as labels."""
    yield from text(named.BUILD, [(tuple(getattr(info, label) for label in named.BUILD.labels), 1)])


def store_size(size: int) -> Iterator[str]:
    """Bytes of the store's files, as its owner finds them."""
    yield from text(named.STORE_SIZE, [(("podling-0",), size)])
