"""Nobody gives others more than they have themselves: the check on every write of a role or a binding.

Whoever writes a role must hold all of its rules, or the verb ``escalate`` on it; whoever writes a binding must hold
all rules of the role that it refers to, or the verb ``bind`` on that role; an aggregation rule, which can gather
anything, takes everything.  Otherwise the right to write bindings in one namespace would be the right to everything.

Source: pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased of Kubernetes, where it stands
before the store; here it is the last admission plugin.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

from podling.api import errors, kinds
from podling.api.gotext import quote
from podling.api.types import rbac_v1
from podling.apiserver.admission import Operation, Plugin, Review, World
from podling.apiserver.request import RequestInfo, UserInfo

from .authorize import MASTERS, Authorizer
from .rbac import API_GROUP, Binding, Role, Rule, uncovered

_ROLES = frozenset({f"roles.{API_GROUP}", f"clusterroles.{API_GROUP}"})
_BINDINGS = frozenset({f"rolebindings.{API_GROUP}", f"clusterrolebindings.{API_GROUP}"})
_EVERYTHING = (
    Rule(verbs=["*"], api_groups=["*"], resources=["*"]),
    Rule(verbs=["*"], non_resource_urls=["*"]),
)


def plugin(authorizer: Authorizer) -> Plugin:
    """The row for the admission table; it comes last, when the object is as it would be stored."""
    operations = frozenset({Operation.CREATE, Operation.UPDATE})
    return Plugin("RBACEscalation", Escalation(authorizer).admit, operations, _ROLES | _BINDINGS)


class Escalation:
    """See the module."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def admit(self, review: Review, world: World) -> None:
        """Raises Forbidden, or NotFound for a binding to a role that is not there."""
        if review.obj is None or MASTERS in review.user.groups:
            return
        new = review.obj.body
        old = review.old.body if review.old is not None else None
        if old is not None and _differ_in_bookkeeping_only(new, old):
            return
        if review.resource in _ROLES:
            self._check_role(review, new, old)
        else:
            self._check_binding(review, new)

    def _check_role(self, review: Review, new: Role, old: Role | None) -> None:
        aggregates = _aggregates(new) or _aggregates(old)
        if not aggregates and old is not None and (old.rules or []) == (new.rules or []):
            return
        resource = review.resource.partition(".")[0]
        if self._may(review, "escalate", resource, review.name):
            return
        if aggregates and self._lacks(review, _EVERYTHING):
            raise review.forbid("must have cluster-admin privileges to use aggregationRule")
        self._confirm(review, new.rules or ())

    def _check_binding(self, review: Review, binding: Binding) -> None:
        reference = binding.role_ref
        is_cluster = reference.kind == "ClusterRole"
        if self._may(review, "bind", "clusterroles" if is_cluster else "roles", reference.name):
            return
        rules = self._authorizer.rbac.rules_of(reference, review.namespace)
        if rules is None:
            raise errors.NotFound(kinds.CLUSTER_ROLE if is_cluster else kinds.ROLE, reference.name)
        self._confirm(review, rules)

    def _may(self, review: Review, verb: str, resource: str, name: str) -> bool:
        asked = RequestInfo(
            verb=verb,
            path="",
            is_resource=True,
            group=API_GROUP,
            version="*",
            namespace=review.namespace,
            resource=resource,
            name=name,
        )
        return self._authorizer.allows(review.user, asked)

    def _lacks(self, review: Review, wanted: Iterable[Rule]) -> list[Rule]:
        return uncovered(self._authorizer.rbac.rules_for(review.user, review.namespace), wanted)

    def _confirm(self, review: Review, wanted: Sequence[Rule]) -> None:
        lacking = self._lacks(review, wanted)
        if lacking:
            raise review.forbid(_words(review.user, lacking))


def _aggregates(role: Role | None) -> bool:
    return isinstance(role, rbac_v1.ClusterRole) and role.aggregation_rule is not None


def _differ_in_bookkeeping_only(new: Role | Binding, old: Role | Binding) -> bool:
    """Whether an update only touches what the garbage collector writes: owners and finalizers."""
    as_old = copy.copy(new)
    as_old.metadata = copy.copy(new.metadata)
    as_old.metadata.owner_references = old.metadata.owner_references
    as_old.metadata.finalizers = old.metadata.finalizers
    as_old.metadata.managed_fields = old.metadata.managed_fields
    as_old.metadata.resource_version = old.metadata.resource_version
    return as_old == old


def _words(user: UserInfo, lacking: Iterable[Rule]) -> str:
    descriptions = sorted({_compact(rule) for rule in _merged(lacking)})
    return (
        f"user {quote(user.name)} (groups={_list(user.groups)}) is attempting to grant RBAC permissions "
        f"not currently held:\n" + "\n".join(descriptions)
    )


def _merged(rules: Iterable[Rule]) -> Iterable[Rule]:
    """Rules of one verb each, those that differ in nothing else made one."""
    merged: dict[tuple[object, ...], Rule] = {}
    for rule in rules:
        urls = tuple(rule.non_resource_urls or ())
        key = (
            tuple(rule.api_groups or ()),
            tuple(rule.resources or ()),
            tuple(rule.resource_names or ()),
            # rules on paths stay apart, as upstream leaves them
            (urls, rule.verbs[0]) if urls else (),
        )
        if key in merged:
            merged[key].verbs.append(rule.verbs[0])
        else:
            merged[key] = Rule(
                verbs=list(rule.verbs),
                api_groups=rule.api_groups,
                resources=rule.resources,
                resource_names=rule.resource_names,
                non_resource_urls=rule.non_resource_urls,
            )
    return merged.values()


def _compact(rule: Rule) -> str:
    parts = (
        ("APIGroups", rule.api_groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.non_resource_urls),
        ("ResourceNames", rule.resource_names),
        ("Verbs", rule.verbs),
    )
    return "{" + ", ".join(f"{name}:{_list(values)}" for name, values in parts if values) + "}"


def _list(values: Sequence[str]) -> str:
    return "[" + " ".join(map(quote, values)) + "]"
