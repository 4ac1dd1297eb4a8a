"""A resource as it is served: its rows in the table of kinds and everything that is looked up by them, once.

`kind` is the version asked for, `storage` the version kept; they differ for the few kinds with several versions, whose
bytes then go through `podling.api.convert` both ways.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from podling.api import kinds
from podling.api.kinds import Kind
from podling.api.levels import Level
from podling.store.watchcache import Collection

from . import defaults, strategies, validation
from .strategies import Addresses, Strategy


class Resource:
    """One row of the API: a plural in a group and version."""

    def __init__(
        self,
        kind: Kind,
        storage: Kind,
        collection: Collection | None,
        addresses: Addresses,
        subresources: tuple[str, ...],
    ) -> None:
        self.kind = kind
        self.subresources = subresources
        """Those that the level served has."""
        self.storage = storage
        self._collection = collection
        self._addresses = addresses

    @property
    def collection(self) -> Collection:
        """Where its objects are; only kinds that are stored have one."""
        assert self._collection is not None, f"{self.kind} is not stored"
        return self._collection

    @property
    def is_converted(self) -> bool:
        """Whether stored bytes must be rewritten before this version can be shown."""
        return self.kind is not self.storage

    @cached_property
    def default(self) -> defaults.Default:
        return defaults.of(self.kind)

    @cached_property
    def strategy(self) -> Strategy:
        return strategies.of(self.storage, self._addresses)

    @cached_property
    def rules(self) -> validation.Rules:
        return validation.of(self.storage, served=self.kind)

    def __repr__(self) -> str:
        return f"<Resource {self.kind.api_version} {self.kind.plural}>"


class Resources:
    """Every resource this server serves, by group, version and plural; by kind also those that it only reads for itself."""

    def __init__(
        self,
        served: Iterable[Kind],
        collections: dict[str, Collection],
        addresses: Addresses,
        level: Level,
    ) -> None:
        self._rows: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[Kind, Resource] = {}
        served = dict.fromkeys(served)
        for kind in {**served, **dict.fromkeys(kind for kind in kinds.ALL if kind.served_by_default)}:
            collection, subresources = collections.get(kind.prefix), level.subresources(kind)
            made = Resource(kind, kinds.storage_kind(kind), collection, addresses, subresources)
            self._by_kind[kind] = made
            if kind.verbs and kind in served:
                self._rows[kind.group, kind.version, kind.plural] = made

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._rows.get((group, version, plural))

    def of(self, kind: Kind) -> Resource:
        return self._by_kind[kind]
