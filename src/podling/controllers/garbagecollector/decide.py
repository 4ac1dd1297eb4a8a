"""What becomes of an object, given what is known of its owners and dependents (pure).

The rules are upstream's (`attemptToDeleteItem` and its kin): an object goes when none of its owners is left; references to owners that are
gone, or that wait for it, are dropped while another owner is there; an owner deleted in the foreground waits for the dependents that block it.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from .graph import FOREGROUND, ORPHAN, Node, Owner


class Standing(enum.Enum):
    """How it is with one owner of an object."""

    THERE = "there"
    GONE = "gone"
    WAITING = "waits for its dependents"


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class DropOwners:
    """Take the references to these owners out of the object."""

    uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object with that propagation policy; `unblock` first if a circle of owners would wait for each other."""

    policy: str
    unblock: bool = False


@dataclass(frozen=True, slots=True)
class FreeDependents:
    """Take the reference to this owner out of its dependents, then let the owner go."""

    dependents: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class LetGo:
    """Take the collector's finalizer off: nobody is waited for any more."""


@dataclass(frozen=True, slots=True)
class AskDependents:
    """Look at these dependents: they keep their owner from going."""

    uids: tuple[str, ...]


Deleting = Leave | FreeDependents | LetGo | AskDependents
Dependent = Leave | DropOwners | Delete


def of_deleting(node: Node, dependents: Sequence[Node]) -> Deleting:
    """What to do about an object that is being deleted."""
    if node.leaves_orphans:
        return FreeDependents(tuple(dependents))
    if not node.waits_for_dependents:
        return Leave()
    blocking = [each for each in dependents if any(o.uid == node.uid and o.blocks for o in each.owners)]
    if not blocking:
        return LetGo()
    return AskDependents(tuple(each.uid for each in blocking if not each.waits_for_dependents))


def of_dependent(
    node: Node, standings: Sequence[tuple[Owner, Standing]], dependents: Sequence[Node]
) -> Dependent:
    """What to do about an object that has owners and is not being deleted."""
    by = {wanted: [owner for owner, found in standings if found is wanted] for wanted in Standing}
    leaving = by[Standing.GONE] + by[Standing.WAITING]
    if not leaving:
        return Leave()
    if by[Standing.THERE]:
        return DropOwners(frozenset(owner.uid for owner in leaving))
    if by[Standing.WAITING] and dependents:
        return Delete("Foreground", unblock=any(each.waits_for_dependents for each in dependents))
    return Delete({ORPHAN: "Orphan", FOREGROUND: "Foreground"}.get(node.finalizer, "Background"))
