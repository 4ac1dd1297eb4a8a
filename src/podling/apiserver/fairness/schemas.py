"""Which FlowSchema a request belongs to (pure; k8s.io/apiserver/pkg/util/flowcontrol/rule.go).

Schemas are tried by `matchingPrecedence`, then by name; the first that has a rule for the request takes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api.types import flowcontrol_v1
from podling.apiserver.request import RequestInfo, UserInfo

ALL = "*"
ACCOUNT = "system:serviceaccount:"

Schema = flowcontrol_v1.FlowSchema


def in_order(schemas: Iterable[Schema]) -> list[Schema]:
    """As they are tried."""
    return sorted(schemas, key=lambda one: (one.spec.matching_precedence or 0, one.metadata.name or ""))


def matches(schema: Schema, user: UserInfo, info: RequestInfo) -> bool:
    return any(
        _is_one_of(rules.subjects, user)
        and (_resource_matches(rules, info) if info.is_resource else _path_matches(rules, info))
        for rules in schema.spec.rules or ()
    )


def flow(schema: Schema, user: UserInfo, info: RequestInfo) -> str:
    """What tells one flow of a schema from another: who asks, or about which namespace; "" where all are one."""
    method = schema.spec.distinguisher_method
    if method is None:
        return ""
    return user.name if method.type == "ByUser" else info.namespace


def _is_one_of(subjects: Iterable[flowcontrol_v1.Subject], user: UserInfo) -> bool:
    return any(_is(subject, user) for subject in subjects)


def _is(subject: flowcontrol_v1.Subject, user: UserInfo) -> bool:
    if subject.user is not None:
        return subject.user.name in (ALL, user.name)
    if subject.group is not None:
        return subject.group.name == ALL or subject.group.name in user.groups
    account = subject.service_account
    if account is None:
        return False
    of_namespace = f"{ACCOUNT}{account.namespace}:"
    if account.name == ALL:
        return user.name.startswith(of_namespace)
    return user.name == of_namespace + account.name


def _resource_matches(rules: flowcontrol_v1.PolicyRulesWithSubjects, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return any(
        _has(rule.verbs, info.verb)
        and _has(rule.api_groups, info.group)
        and _has(rule.resources, resource)
        and (_has(rule.namespaces or (), info.namespace) if info.namespace else bool(rule.cluster_scope))
        for rule in rules.resource_rules or ()
    )


def _path_matches(rules: flowcontrol_v1.PolicyRulesWithSubjects, info: RequestInfo) -> bool:
    return any(
        _has(rule.verbs, info.verb) and any(_covers(url, info.path) for url in rule.non_resource_urls)
        for rule in rules.non_resource_rules or ()
    )


def _has(given: Iterable[str], value: str) -> bool:
    return any(one in (ALL, value) for one in given)


def _covers(url: str, path: str) -> bool:
    if url in (ALL, path):
        return True
    return url.endswith("/*") and path.startswith(url.removesuffix("*"))
