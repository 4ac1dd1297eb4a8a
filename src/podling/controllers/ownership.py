"""Who owns what, and the rules of adopting and letting go (pure). `client.indexes` has the index that finds an owner's objects.

An object belongs to the one owner reference with `controller: true`. A controller with a selector takes over matching objects that nobody
controls and lets go of its own that match no longer (upstream's ControllerRefManager).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from podling.api.selectors import LabelSelector
from podling.api.types import meta_v1


def controller_of(obj: Any) -> meta_v1.OwnerReference | None:
    """The reference to what controls the object."""
    for reference in obj.metadata.owner_references or ():
        if reference.controller:
            return reference  # type: ignore[no-any-return]
    return None


def controller_reference(owner: Any) -> meta_v1.OwnerReference:
    """What goes into the objects that `owner` makes."""
    return meta_v1.OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner has, and what is to be done about the rest."""

    owned: list[Any]
    adopt: list[Any]
    release: list[Any]


def claim(owner: Any, selector: LabelSelector, candidates: Iterable[Any]) -> Claim:
    """Sort `candidates`, all of the owner's namespace: those it controls and those that nobody does."""
    found = Claim([], [], [])
    going = owner.metadata.deletion_timestamp is not None
    for obj in candidates:
        reference = controller_of(obj)
        matches = selector.matches(obj.metadata.labels)
        leaving = obj.metadata.deletion_timestamp is not None
        if reference is None:
            if matches and not going and not leaving:
                found.adopt.append(obj)
        elif reference.uid == owner.metadata.uid:
            if matches:
                found.owned.append(obj)
            elif not going and not leaving:
                found.release.append(obj)
    return found
