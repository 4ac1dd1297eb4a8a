"""A ClusterRole with an `aggregationRule` has the rules of all ClusterRoles that its selectors choose.

So `admin`, `edit` and `view` grow with every role that is labelled for them. The rules come in the order of the roles' names, each rule once
(upstream's clusterroleaggregation controller).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podling.api import codec, kinds, selectors
from podling.api.types import rbac_v1

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch

NAME = "clusterrole-aggregation-controller"
AGGREGATING = "aggregating"
"""Index of the roles that have an aggregation rule."""
_YES = "yes"


def aggregate(
    role: rbac_v1.ClusterRole, roles: Iterable[rbac_v1.ClusterRole]
) -> list[rbac_v1.PolicyRule] | None:
    """The rules that the role ought to have; None when those it has are right."""
    rule = role.aggregation_rule
    if rule is None:
        return None
    chosen = [selectors.from_struct(each) for each in rule.cluster_role_selectors or ()]
    rules: list[rbac_v1.PolicyRule] = []
    for other in sorted(roles, key=lambda each: each.metadata.name or ""):
        if other.metadata.name == role.metadata.name:
            continue
        if any(selector.matches(other.metadata.labels) for selector in chosen):
            rules.extend(each for each in other.rules or () if each not in rules)
    return None if rules == (role.rules or []) else rules


def _is_aggregating(role: rbac_v1.ClusterRole) -> Sequence[str]:
    return (_YES,) if role.aggregation_rule is not None else ()


def controller(context: Context) -> Controller:
    cluster_roles = context.clients(NAME).resource(rbac_v1.ClusterRole)

    def keys(_changed: rbac_v1.ClusterRole) -> Iterable[Key]:
        return [Key("", role.metadata.name or "") for role in known.by_index(AGGREGATING, _YES)]

    watch = Watch(kind=kinds.CLUSTER_ROLE, keys=keys, indexers={AGGREGATING: _is_aggregating})
    known = watch.informer(context.informers)

    async def reconcile(key: Key) -> Outcome:
        role = known.get("", key.name)
        rules = None if role is None else aggregate(role, known.list())
        if rules is not None:
            patch = {"rules": [codec.to_dict(rule) for rule in rules]}
            await cluster_roles.patch(key.name, patch)
        return DONE

    return Controller(name=NAME, watches=(watch,), reconcile=reconcile)
