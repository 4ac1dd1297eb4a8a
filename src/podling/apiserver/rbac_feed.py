"""Keeps the RBAC index equal to the Role and Binding objects in the watch caches.

The changes of the four kinds are taken in when the next question is asked, not by a task of its own: so a role that
has been granted counts from the very next request, and an idle server does nothing.
"""

from __future__ import annotations

from podling.api import codec, kinds
from podling.api.kinds import Kind
from podling.store.interface import Compacted, Lagging
from podling.store.watchcache import DELETED, Selection, Subscription

from .auth.authorize import Authorizer
from .auth.node import NodeAuthorizer
from .auth.rbac import Rbac
from .request import RequestInfo, UserInfo
from .world import World

_KINDS = (kinds.CLUSTER_ROLE, kinds.ROLE, kinds.CLUSTER_ROLE_BINDING, kinds.ROLE_BINDING)


class FollowingAuthorizer(Authorizer):
    """The authorizers over an index that follows the stored objects."""

    def __init__(self, world: World, nodes: NodeAuthorizer) -> None:
        super().__init__(Rbac(), nodes)
        self._world = world
        self._changes: list[tuple[Kind, Subscription]] = []
        self._seen = 0
        """The revision up to which changes are in the index."""

    def start(self) -> None:
        """Index what is stored and follow it from there."""
        self.close()
        self.rbac = Rbac()
        for kind in _KINDS:
            collection = self._world.collection(kind)
            self._changes.append((kind, collection.subscribe(Selection(), since=collection.revision)))
            for body in self._world.bodies(kind):
                self.rbac.put(body)

    def close(self) -> None:
        for _, changes in self._changes:
            changes.close()
        self._changes.clear()

    def allows(self, user: UserInfo, info: RequestInfo) -> bool:
        self._catch_up()
        return super().allows(user, info)

    def _catch_up(self) -> None:
        newest = self._world.revision
        if newest == self._seen:
            return
        self._seen = newest
        try:
            for kind, changes in self._changes:
                for batch in changes.take_nowait():
                    for view in batch.views:
                        body = codec.decode(kind, view.entry.value).body
                        if view.type == DELETED:
                            self.rbac.drop(body)
                        else:
                            self.rbac.put(body)
        except (Compacted, Lagging):
            self.start()
