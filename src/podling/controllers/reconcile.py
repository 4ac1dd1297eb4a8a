"""What a controller is: a record of the kinds it watches, how an object maps to keys, and `reconcile(key)`.

The contract of `reconcile`:
- it gets a key and nothing else; it looks up the world in informers, decides in a pure function, acts, and says whether it is done or when
  it wants to be asked again. It never learns which event woke it, so it must bring about the same result from any state, any number of
  times (level-based, idempotent). A key whose object is gone is a normal case;
- one key is never worked on by two workers at once;
- an exception means "again, after a backoff that grows"; `Terminal` means that trying again cannot help until something changes;
- objects from informers are read-only. Informers lag behind writes: what was just created may not be there yet.

`loop` runs these records; this module only says what they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from podling.aio.backoff import Backoff
from podling.aio.clock import Clock
from podling.aio.service import Service
from podling.api.kinds import Kind
from podling.client.cache import IndexFunction
from podling.client.client import Client
from podling.client.informer import Informer
from podling.client.informers import Informers

from .settings import ControllerSettings


class Key(NamedTuple):
    """Whom to reconcile; `namespace` is "" for kinds that have none."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Done:
    """As it should be, until something changes."""


@dataclass(frozen=True, slots=True)
class Again:
    """Ask again after so many seconds, or earlier if something changes."""

    after: float


DONE = Done()
Outcome = Done | Again


class Terminal(Exception):
    """Cannot be brought about as the objects stand; not tried again before one of them changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One kind that a controller looks at. `keys` says what an object concerns; on a change old and new state are both asked."""

    kind: Kind
    keys: Callable[[Any], Iterable[Key]]
    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""
    indexers: Mapping[str, IndexFunction[Any]] = field(default_factory=dict)

    def informer(self, informers: Informers) -> Informer[Any]:
        """The shared informer behind this watch."""
        return informers.get(
            self.kind,
            namespace=self.namespace,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
            indexers=self.indexers,
        )


Enqueue = Callable[[Key], None]

RETRY = Backoff(first=0.005, cap=60.0)
"""client-go's first delay; its cap of 1000 s leaves users waiting long after the trouble is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The record.

    workers   how many keys may be worked on at the same time.
    services  what the controller needs while it works (its EventRecorder); started before it, stopped after it.
    feed      brings up keys that no watch of the record tells of; runs beside the workers until cancelled.
    """

    name: str
    watches: tuple[Watch, ...]
    reconcile: Callable[[Key], Awaitable[Outcome]]
    workers: int = 2
    retry: Backoff = RETRY
    services: tuple[Service, ...] = ()
    feed: Callable[[Enqueue], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What controllers are built from.

    clients    the client to act through, by the controller's name: each acts as an identity of its own.
    informers  shared by all; started and stopped by whoever made them.
    """

    clients: Callable[[str], Client]
    informers: Informers
    clock: Clock
    random: Random
    settings: ControllerSettings


def own_key(obj: Any) -> tuple[Key]:
    """The object itself."""
    return (Key(obj.metadata.namespace or "", obj.metadata.name),)


def namespace_key(obj: Any) -> tuple[Key]:
    """The namespace that the object lies in."""
    return (Key("", obj.metadata.namespace),)
