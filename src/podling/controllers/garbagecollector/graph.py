"""Who owns whom, by UID (pure).

Only what matters to the collector is kept of an object, so that most changes of most objects change nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from podling.api.kinds import Kind

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Owner:
    """One owner reference."""

    api_version: str
    kind: str
    name: str
    uid: str
    blocks: bool
    """Whether the owner's deletion in the foreground waits for the dependent."""


@dataclass(frozen=True, slots=True)
class Node:
    kind: Kind
    namespace: str
    name: str
    uid: str
    owners: tuple[Owner, ...] = ()
    is_deleting: bool = False
    finalizer: str = ""
    """`FOREGROUND`, `ORPHAN` or "": how its dependents are to be treated."""

    @property
    def waits_for_dependents(self) -> bool:
        return self.is_deleting and self.finalizer == FOREGROUND

    @property
    def leaves_orphans(self) -> bool:
        return self.is_deleting and self.finalizer == ORPHAN

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind.resource} {where}{self.name}"


def node_of(kind: Kind, obj: Any) -> Node:
    """What the graph keeps of an object of which at least the metadata is known."""
    meta = obj.metadata if hasattr(obj, "metadata") else None
    if meta is None:  # a custom resource, as it is in JSON
        return _node_of_dict(kind, obj["metadata"])
    owners = tuple(
        Owner(ref.api_version, ref.kind, ref.name, ref.uid, bool(ref.block_owner_deletion))
        for ref in meta.owner_references or ()
    )
    return Node(
        kind,
        meta.namespace or "",
        meta.name or "",
        meta.uid or "",
        owners,
        meta.deletion_timestamp is not None,
        _finalizer(meta.finalizers or ()),
    )


def _node_of_dict(kind: Kind, meta: dict[str, Any]) -> Node:
    owners = tuple(
        Owner(ref["apiVersion"], ref["kind"], ref["name"], ref["uid"], bool(ref.get("blockOwnerDeletion")))
        for ref in meta.get("ownerReferences") or ()
    )
    return Node(
        kind,
        meta.get("namespace") or "",
        meta["name"],
        meta["uid"],
        owners,
        "deletionTimestamp" in meta,
        _finalizer(meta.get("finalizers") or ()),
    )


def _finalizer(names: Sequence[str]) -> str:
    """Of both, orphaning wins, as upstream looks for it first."""
    return ORPHAN if ORPHAN in names else FOREGROUND if FOREGROUND in names else ""


class Graph:
    """All objects that were seen, and for every UID that is named as an owner, seen or not, who names it."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def get(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        """The objects that name this one as an owner."""
        return [self._nodes[each] for each in self._dependents.get(uid, ())]

    def put(self, node: Node) -> list[str]:
        """Take in the object; the UIDs that are to be looked at because of it."""
        old = self._nodes.get(node.uid)
        if old == node:
            return []
        self._nodes[node.uid] = node
        before = {owner.uid for owner in old.owners} if old else set()
        after = {owner.uid for owner in node.owners}
        for uid in before - after:
            self._let_go(uid, node.uid)
        for owner in node.owners:
            self._dependents.setdefault(owner.uid, {})[node.uid] = None
        return [*self._of_interest(node), *self._waiting((*(old.owners if old else ()), *node.owners))]

    def drop(self, uid: str) -> list[str]:
        """Forget the object; the UIDs that are to be looked at because of it."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return []
        for owner in node.owners:
            self._let_go(owner.uid, uid)
        return [*self._dependents.get(uid, ()), *self._waiting(node.owners)]

    def all_of_interest(self) -> list[str]:
        """The UIDs of everything that might have to be acted upon."""
        return [uid for node in self._nodes.values() for uid in self._of_interest(node)]

    def __len__(self) -> int:
        return len(self._nodes)

    def _of_interest(self, node: Node) -> list[str]:
        return [node.uid] if node.owners or (node.is_deleting and node.finalizer) else []

    def _waiting(self, owners: Iterable[Owner]) -> list[str]:
        """Those of the owners that wait for their dependents, each once."""
        found = dict.fromkeys(owner.uid for owner in owners)
        return [uid for uid in found if (node := self._nodes.get(uid)) and node.waits_for_dependents]

    def _let_go(self, owner: str, dependent: str) -> None:
        held = self._dependents.get(owner)
        if held is not None:
            held.pop(dependent, None)
            if not held:
                del self._dependents[owner]
