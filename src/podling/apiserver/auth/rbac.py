"""Who may do what: Roles and Bindings as an index that is asked on every request.

Bindings are found by subject, so the cost of a question does not grow with the number of users.  Answers are
remembered until any of the four kinds changes.  A ClusterRole with an aggregation rule has the rules of the
ClusterRoles that its selectors match, at once: no controller is waited for.

Pure: told of changes by ``put`` and ``drop``; asked by ``allows`` and ``rules_for``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from podling.api import selectors
from podling.api.types import rbac_v1
from podling.apiserver.request import RequestInfo, UserInfo

Role = rbac_v1.Role | rbac_v1.ClusterRole
Binding = rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding
Rule = rbac_v1.PolicyRule
SubjectKey = tuple[str, str]
Question = tuple[str, tuple[str, ...], str, str, str, str, str, str, str]

ACCOUNT_PREFIX = "system:serviceaccount:"
ANSWERS_REMEMBERED = 20_000


class Rbac:
    """The index.  Namespace "" holds ClusterRoles and ClusterRoleBindings."""

    def __init__(self) -> None:
        self._roles: dict[tuple[str, str], Role] = {}
        self._bindings: dict[tuple[str, str], Binding] = {}
        self._by_subject: dict[SubjectKey, dict[tuple[str, str], Binding]] = {}
        self._answers: dict[Question, bool] = {}
        self._aggregated: dict[str, list[Rule]] = {}

    def put(self, obj: Role | Binding) -> None:
        """A role or binding was created or changed."""
        key = (obj.metadata.namespace or "", obj.metadata.name or "")
        self._forget_answers()
        if isinstance(obj, (rbac_v1.Role, rbac_v1.ClusterRole)):
            self._roles[key] = obj
            return
        self._unbind(key)
        self._bindings[key] = obj
        for subject in subject_keys(obj):
            self._by_subject.setdefault(subject, {})[key] = obj

    def drop(self, obj: Role | Binding) -> None:
        """A role or binding was deleted."""
        key = (obj.metadata.namespace or "", obj.metadata.name or "")
        self._forget_answers()
        if isinstance(obj, (rbac_v1.Role, rbac_v1.ClusterRole)):
            self._roles.pop(key, None)
        else:
            self._unbind(key)

    def allows(self, user: UserInfo, info: RequestInfo) -> bool:
        """Whether any rule of any role bound to the user covers the request."""
        question = (
            user.name,
            user.groups,
            info.verb,
            info.group,
            info.resource,
            info.subresource,
            info.namespace,
            info.name,
            "" if info.is_resource else info.path,
        )
        answer = self._answers.get(question)
        if answer is None:
            answer = any(covers_request(rule, info) for rule in self.rules_for(user, info.namespace))
            if len(self._answers) >= ANSWERS_REMEMBERED:
                self._answers.clear()
            self._answers[question] = answer
        return answer

    def rules_for(self, user: UserInfo, namespace: str) -> Iterator[Rule]:
        """Every rule that the user has cluster-wide and, with a namespace, in it."""
        for subject in (("User", user.name), *(("Group", group) for group in user.groups)):
            for (where, _), binding in self._by_subject.get(subject, {}).items():
                if where in ("", namespace):
                    yield from self.rules_of(binding.role_ref, where)

    def rules_of(self, reference: rbac_v1.RoleRef, namespace: str) -> Sequence[Rule]:
        """The rules of the role that a binding in ``namespace`` refers to; none where it does not exist."""
        where = "" if reference.kind == "ClusterRole" else namespace
        role = self._roles.get((where, reference.name))
        return () if role is None else self._own(role)

    def aggregated(self, role: rbac_v1.ClusterRole) -> list[Rule]:
        """The rules of all ClusterRoles that the role's selectors match, by name, without repetitions."""
        name = role.metadata.name or ""
        if name not in self._aggregated:
            self._aggregated[name] = []  # what a role that aggregates itself, by whatever way, finds
            self._aggregated[name] = self._gather(role)
        return self._aggregated[name]

    def _own(self, role: Role) -> Sequence[Rule]:
        if isinstance(role, rbac_v1.ClusterRole) and role.aggregation_rule is not None:
            return self.aggregated(role)
        return role.rules or ()

    def _gather(self, role: rbac_v1.ClusterRole) -> list[Rule]:
        rule = role.aggregation_rule
        wanted = [selectors.from_struct(one) for one in (rule.cluster_role_selectors if rule else None) or ()]
        rules: list[Rule] = []
        for (where, _), other in sorted(self._roles.items(), key=lambda item: item[0]):
            matched = any(selector.matches(other.metadata.labels) for selector in wanted)
            if where == "" and other is not role and matched:
                rules += [one for one in self._own(other) if one not in rules]
        return rules

    def _unbind(self, key: tuple[str, str]) -> None:
        known = self._bindings.pop(key, None)
        for subject in subject_keys(known) if known else ():
            self._by_subject[subject].pop(key, None)

    def _forget_answers(self) -> None:
        self._answers.clear()
        self._aggregated.clear()


def subject_keys(binding: Binding) -> set[SubjectKey]:
    """The users and groups that a binding names; a ServiceAccount is the user that it authenticates as."""
    keys = set()
    for subject in binding.subjects or ():
        if subject.kind == "ServiceAccount":
            namespace = subject.namespace or binding.metadata.namespace or ""
            keys.add(("User", f"{ACCOUNT_PREFIX}{namespace}:{subject.name}"))
        else:
            keys.add((subject.kind, subject.name))
    return keys


def covers_request(rule: Rule, info: RequestInfo) -> bool:
    """Whether one rule allows one request (API reference: PolicyRule)."""
    if not _has(rule.verbs, info.verb):
        return False
    if not info.is_resource:
        return any(_url_matches(pattern, info.path) for pattern in rule.non_resource_urls or ())
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return (
        _has(rule.api_groups, info.group)
        and _resource_matches(rule.resources, resource, info.subresource)
        and (not rule.resource_names or info.name in rule.resource_names)
    )


def uncovered(owned: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """The parts of ``wanted`` that ``owned`` does not cover, each a rule of one verb, group and resource.

    Whoever writes a role must hold all of its rules (escalation check, pkg/registry/rbac/validation/rule.go).
    """
    have = list(owned)
    return [
        one for rule in wanted for one in _broken_down(rule) if not any(_covers(rule, one) for rule in have)
    ]


def _broken_down(rule: Rule) -> Iterator[Rule]:
    for verb in rule.verbs:
        for url in rule.non_resource_urls or ():
            yield Rule(verbs=[verb], non_resource_urls=[url])
        for group in rule.api_groups or ():
            for resource in rule.resources or ():
                for name in rule.resource_names or (None,):
                    names = None if name is None else [name]
                    yield Rule(verbs=[verb], api_groups=[group], resources=[resource], resource_names=names)


def _covers(owned: Rule, wanted: Rule) -> bool:
    if not _has(owned.verbs, wanted.verbs[0]):
        return False
    if wanted.non_resource_urls:
        return any(
            _url_matches(pattern, wanted.non_resource_urls[0]) for pattern in owned.non_resource_urls or ()
        )
    resource = (wanted.resources or [""])[0]
    return (
        _has(owned.api_groups, (wanted.api_groups or [""])[0])
        and _resource_matches(owned.resources, resource, resource.partition("/")[2])
        and (
            not owned.resource_names
            or bool(wanted.resource_names and wanted.resource_names[0] in owned.resource_names)
        )
    )


def _has(values: Sequence[str] | None, wanted: str) -> bool:
    return bool(values) and ("*" in (values or ()) or wanted in (values or ()))


def _resource_matches(values: Sequence[str] | None, resource: str, subresource: str) -> bool:
    if not values:
        return False
    return "*" in values or resource in values or (bool(subresource) and f"*/{subresource}" in values)


def _url_matches(pattern: str, path: str) -> bool:
    if pattern == path or pattern == "*":
        return True
    return pattern.endswith("*") and path.startswith(pattern[:-1])
