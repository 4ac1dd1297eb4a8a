"""What the API server reads from and writes through: every object in memory once, as the bytes to be served.

`WatchCache` follows the store's one watch and holds a `Collection` for each prefix (`/registry/pods/`). It knows
prefixes, keys, labels and fields, and no kinds: how to index a value and how to put a revision into it is given.

    cache = WatchCache(store, splice=codec.splice_revision)
    pods = cache.add(CollectionConfig(prefix="/registry/pods/", index=index_pod))
    await cache.start()
    entry = await cache.create(pods, pods.key("default", "web"), data, indexed=(labels, fields))
    pods.get(entry.key).value               # the bytes of a GET
    with pods.subscribe(Selection("default"), since=pods.revision) as changes:
        for batch in await changes.next():
            batch.encoded(json_lines)       # made once for all watchers of that selection
"""

from .cache import WatchCache
from .collection import Collection, CollectionConfig, CollectionStatistics, Listing, unsplice
from .entry import ADDED, DELETED, MODIFIED, NO_FIELDS, Entry, Index, Indexed, View
from .ring import RingLimits
from .selection import Selection, Selects
from .watchers import Batch, Encode, Subscription

__all__ = [
    "ADDED",
    "DELETED",
    "MODIFIED",
    "NO_FIELDS",
    "Batch",
    "Collection",
    "CollectionConfig",
    "CollectionStatistics",
    "Encode",
    "Entry",
    "Index",
    "Indexed",
    "Listing",
    "RingLimits",
    "Selection",
    "Selects",
    "Subscription",
    "View",
    "WatchCache",
    "unsplice",
]
