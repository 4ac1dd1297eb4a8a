"""Who may do what: Roles and Bindings as an index that is asked on every request.

Bindings are found by subject, so the cost of a question does not grow with the number of users.  Answers are
remembered until any of the four kinds changes.  A ClusterRole with an aggregation rule has the rules of the
ClusterRoles that its selectors match, at once: no controller is waited for.

Pure: told of changes by ``put`` and ``drop``; asked by ``allows``, ``reason`` and ``rules_for``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from podling.api import selectors
from podling.api.gotext import quote
from podling.api.types import rbac_v1
from podling.apiserver.request import RequestInfo, UserInfo

Role = rbac_v1.Role | rbac_v1.ClusterRole
Binding = rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding
Rule = rbac_v1.PolicyRule
SubjectKey = tuple[str, str]
Question = tuple[str, tuple[str, ...], str, str, str, str, str, str, str]

API_GROUP = "rbac.authorization.k8s.io"
ACCOUNT_PREFIX = "system:serviceaccount:"
ANSWERS_REMEMBERED = 20_000
ALLOWED = "RBAC: allowed by "


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
        for _, _, rules in self._bound(user, namespace):
            yield from rules

    def rules_of(self, reference: rbac_v1.RoleRef, namespace: str) -> Sequence[Rule] | None:
        """The rules of the role that a binding in ``namespace`` refers to; None where there is no such role."""
        if reference.kind == "ClusterRole":
            role = self._roles.get(("", reference.name))
        else:
            role = self._roles.get((namespace, reference.name)) if namespace else None
        return None if role is None else self._own(role)

    def reason(self, user: UserInfo, info: RequestInfo) -> str:
        """Why the answer is what it is, in upstream's words: the binding that allows, or the roles that are missing."""
        missing = []
        for binding, subject, rules in sorted(self._bound(user, info.namespace), key=_by_name):
            if any(covers_request(rule, info) for rule in rules):
                return f"{ALLOWED}{_described(binding, subject)}"
            reference = binding.role_ref
            if self.rules_of(reference, binding.metadata.namespace or "") is None:
                missing.append(f"{reference.kind.lower()}.{API_GROUP} {quote(reference.name)} not found")
        if not missing:
            return ""
        return f"RBAC: {missing[0]}" if len(missing) == 1 else f"RBAC: [{', '.join(missing)}]"

    def aggregated(self, role: rbac_v1.ClusterRole) -> list[Rule]:
        """The rules of all ClusterRoles that the role's selectors match, by name, without repetitions."""
        name = role.metadata.name or ""
        if name not in self._aggregated:
            self._aggregated[name] = self._gather(role, {name})
        return self._aggregated[name]

    def _bound(self, user: UserInfo, namespace: str) -> Iterator[tuple[Binding, SubjectKey, Sequence[Rule]]]:
        """The bindings that reach the user here, through which subject, and the rules of each."""
        for subject in (("User", user.name), *(("Group", group) for group in user.groups)):
            for (where, _), binding in self._by_subject.get(subject, {}).items():
                if where in ("", namespace):
                    yield binding, subject, self.rules_of(binding.role_ref, where) or ()

    def _own(self, role: Role) -> Sequence[Rule]:
        if isinstance(role, rbac_v1.ClusterRole) and role.aggregation_rule is not None:
            return self.aggregated(role)
        return role.rules or ()

    def _gather(self, role: rbac_v1.ClusterRole, seen: set[str]) -> list[Rule]:
        """As ``aggregated``, without the roles in ``seen``: roles may aggregate each other."""
        rule = role.aggregation_rule
        wanted = [selectors.from_struct(one) for one in (rule.cluster_role_selectors if rule else None) or ()]
        rules: list[Rule] = []
        for (where, name), other in sorted(self._roles.items(), key=lambda item: item[0]):
            if where or name in seen or not any(one.matches(other.metadata.labels) for one in wanted):
                continue
            if isinstance(other, rbac_v1.ClusterRole) and other.aggregation_rule is not None:
                seen.add(name)
                found: Sequence[Rule] = self._gather(other, seen)
            else:
                found = other.rules or ()
            rules += [one for one in found if one not in rules]
        return rules

    def _unbind(self, key: tuple[str, str]) -> None:
        known = self._bindings.pop(key, None)
        for subject in subject_keys(known) if known else ():
            self._by_subject[subject].pop(key, None)

    def _forget_answers(self) -> None:
        self._answers.clear()
        self._aggregated.clear()


def _by_name(bound: tuple[Binding, SubjectKey, Sequence[Rule]]) -> tuple[bool, str]:
    """ClusterRoleBindings first."""
    return bool(bound[0].metadata.namespace), bound[0].metadata.name or ""


def _described(binding: Binding, subject: SubjectKey) -> str:
    meta, reference = binding.metadata, binding.role_ref
    name = f"{meta.name}/{meta.namespace}" if meta.namespace else meta.name or ""
    kind, who = subject
    if kind == "User" and who.startswith(ACCOUNT_PREFIX):
        namespace, _, account = who.removeprefix(ACCOUNT_PREFIX).partition(":")
        kind, who = "ServiceAccount", f"{account}/{namespace}"
    which = "RoleBinding" if meta.namespace else "ClusterRoleBinding"
    return f"{which} {quote(name)} of {reference.kind} {quote(reference.name)} to {kind} {quote(who)}"


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
