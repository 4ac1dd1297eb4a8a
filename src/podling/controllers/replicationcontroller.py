"""ReplicationControllers, the elder siblings of ReplicaSets: see `replication`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from podling.api import kinds, selectors
from podling.api.types import core_v1

from .reconcile import Context, Controller
from .replication import Flavor, controller_of_flavor

NAME = "replicationcontroller-controller"


def selector_of(owner: core_v1.ReplicationController) -> selectors.LabelSelector:
    """The server fills in an empty selector from the template; one that is empty all the same selects nothing."""
    chosen = owner.spec.selector if owner.spec else None
    return selectors.from_set(chosen) if chosen else selectors.NOTHING


def _no_relatives(context: Context) -> Callable[[object], Sequence[core_v1.Pod]]:
    return lambda _owner: ()


FLAVOR = Flavor(
    name=NAME,
    kind=kinds.REPLICATION_CONTROLLER,
    component="replication-controller",
    selector=selector_of,
    condition=core_v1.ReplicationControllerCondition,
    status=core_v1.ReplicationControllerStatus,
    counts_terminating=False,
    relatives=_no_relatives,
)


def controller(context: Context) -> Controller:
    return controller_of_flavor(FLAVOR, context)
