"""ReplicaSets have as many Pods as they ask for. What they share with ReplicationControllers is in `replication`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from podling.api import kinds, selectors
from podling.api.types import apps_v1, core_v1
from podling.client.indexes import CONTROLLER_UID, by_controller_uid

from .ownership import controller_of
from .reconcile import Context, Controller
from .replication import Flavor, controller_of_flavor

NAME = "replicaset-controller"


def selector_of(replica_set: apps_v1.ReplicaSet) -> selectors.LabelSelector:
    return selectors.from_struct(replica_set.spec.selector if replica_set.spec else None)


def _relatives(context: Context) -> Callable[[apps_v1.ReplicaSet], Sequence[core_v1.Pod]]:
    """The Pods of all ReplicaSets that the same Deployment controls."""
    indexers = {CONTROLLER_UID: by_controller_uid}
    replica_sets = context.informers.get(apps_v1.ReplicaSet, indexers=indexers)
    pods = context.informers.get(core_v1.Pod, indexers=indexers)

    def find(replica_set: apps_v1.ReplicaSet) -> Sequence[core_v1.Pod]:
        reference = controller_of(replica_set)
        if reference is None:
            return ()
        family = replica_sets.by_index(CONTROLLER_UID, reference.uid)
        return [pod for one in family for pod in pods.by_index(CONTROLLER_UID, one.metadata.uid or "")]

    return find


FLAVOR = Flavor(
    name=NAME,
    kind=kinds.REPLICA_SET,
    component=NAME,
    selector=selector_of,
    condition=apps_v1.ReplicaSetCondition,
    status=apps_v1.ReplicaSetStatus,
    counts_terminating=True,
    relatives=_relatives,
)


def controller(context: Context) -> Controller:
    return controller_of_flavor(FLAVOR, context)
