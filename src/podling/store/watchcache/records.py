"""The entries of one collection in the order of their keys, by namespace.

A dict finds one entry; for each directory a sorted list of keys gives the order. Inserting into such a list costs
microseconds even with a hundred thousand keys, and listing one namespace never looks at another.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from .entry import Entry


class Records:
    """See the module. All keys begin with the collection's prefix and lie in it or exactly one directory deeper."""

    def __init__(self) -> None:
        self.by_key: dict[str, Entry] = {}
        self._keys: dict[str, list[str]] = {}  # directory -> keys in it, sorted
        self._directories: list[str] = []  # sorted

    def put(self, entry: Entry) -> None:
        key = entry.key
        if key not in self.by_key:
            directory = key[: key.rfind("/") + 1]
            keys = self._keys.get(directory)
            if keys is None:
                keys = self._keys[directory] = []
                insort(self._directories, directory)
            if keys and keys[-1] < key:
                keys.append(key)
            else:
                insort(keys, key)
        self.by_key[key] = entry

    def remove(self, key: str) -> None:
        del self.by_key[key]
        directory = key[: key.rfind("/") + 1]
        keys = self._keys[directory]
        del keys[bisect_left(keys, key)]
        if not keys:
            del self._keys[directory]
            del self._directories[bisect_left(self._directories, directory)]

    def walk(self, directory: str, start: str = "") -> Iterator[Entry]:
        """Entries whose key begins with `directory` (which ends in a slash) and is not below `start`, in order.

        The records must not change during the walk.
        """
        by_key = self.by_key
        first = bisect_left(self._directories, directory)
        for place in self._directories[first:]:
            if not place.startswith(directory):
                return
            keys = self._keys[place]
            low = bisect_left(keys, start) if start > place else 0
            for position in range(low, len(keys)):
                yield by_key[keys[position]]

    def count(self, directory: str) -> int:
        """How many keys begin with `directory`."""
        first = bisect_left(self._directories, directory)
        total = 0
        for place in self._directories[first:]:
            if not place.startswith(directory):
                break
            total += len(self._keys[place])
        return total

    def __len__(self) -> int:
        return len(self.by_key)
