"""Audit policies: the first rule that matches a request says how much of it is told (pure; k8s.io/apiserver/pkg/audit/policy).

Levels in rising order: None, Metadata (who, what, when, how it ended), Request (the request's object, too), RequestResponse (and the answer's).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from podling.api import codec, field
from podling.api.field import FieldError, Path
from podling.apiserver.request import RequestInfo, UserInfo

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
RECEIVED, STARTED, COMPLETE, PANIC = "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"
STAGES = (COMPLETE, STARTED, PANIC, RECEIVED)
API_VERSION, KIND = "audit.k8s.io/v1", "Policy"


class BadPolicy(ValueError):
    """A policy file that cannot be followed; the text says what is wrong with it."""


class GroupResources(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class Rule(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={
        "user_groups": "userGroups",
        "non_resource_urls": "nonResourceURLs",
        "omit_stages": "omitStages",
        "omit_managed_fields": "omitManagedFields",
    },
):
    level: str = ""
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()
    omit_stages: tuple[str, ...] = ()
    omit_managed_fields: bool | None = None


class Policy(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={
        "api_version": "apiVersion",
        "omit_stages": "omitStages",
        "omit_managed_fields": "omitManagedFields",
    },
):
    """The file, as it is written."""

    api_version: str = ""
    kind: str = ""
    metadata: dict[str, Any] = {}
    rules: tuple[Rule, ...] = ()
    omit_stages: tuple[str, ...] = ()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is told of one request."""

    level: str
    omitted: frozenset[str] = frozenset()
    """Stages of which nothing is told."""
    without_managed_fields: bool = False

    @property
    def says_request(self) -> bool:
        return self.level in ("Request", "RequestResponse")

    @property
    def says_response(self) -> bool:
        return self.level == "RequestResponse"


NOTHING = Extent("None")


def load(text: str) -> Policy:
    """A policy from YAML or JSON; raises BadPolicy."""
    try:
        documents = codec.yaml_load_all(text, name="audit policy")
    except ValueError as error:
        raise BadPolicy(str(error)) from error
    if len(documents) != 1:
        raise BadPolicy(f"an audit policy is one document, not {len(documents)}")
    try:
        policy = msgspec.convert(documents[0], Policy)
    except msgspec.ValidationError as error:
        raise BadPolicy(str(error)) from error
    if (policy.api_version, policy.kind) != (API_VERSION, KIND):
        raise BadPolicy(
            f"apiVersion and kind must be {API_VERSION} and {KIND}, not {policy.api_version} and {policy.kind}"
        )
    if not policy.rules:
        raise BadPolicy("loaded illegal policy with 0 rules")
    found = [*faults(policy)]
    if found:
        raise BadPolicy(field.aggregate(found))
    return policy


def faults(policy: Policy) -> Iterator[FieldError]:
    yield from _stages(policy.omit_stages, Path("omitStages"))
    for index, rule in enumerate(policy.rules):
        path = Path("rules") / index
        if not rule.level:
            yield field.required(path / "level")
        elif rule.level not in LEVELS:
            yield field.not_supported(path / "level", rule.level, LEVELS)
        if rule.non_resource_urls and (rule.resources or rule.namespaces):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield field.invalid(path / "nonResourceURLs", list(rule.non_resource_urls), why)
        for at, url in enumerate(rule.non_resource_urls):
            if url != "*" and not url.startswith("/"):
                why = "non-resource URL rules must begin with a '/' character"
                yield field.invalid(path / "nonResourceURLs" / at, url, why)
            elif "*" in url[:-1]:
                why = "non-resource URL wildcards '*' must be the final character of the rule"
                yield field.invalid(path / "nonResourceURLs" / at, url, why)
        for at, resource in enumerate(rule.resources):
            if resource.resource_names and not resource.resources:
                why = "using resourceNames requires at least one resource"
                yield field.invalid(
                    path / "resources" / at / "resourceNames", list(resource.resource_names), why
                )
        yield from _stages(rule.omit_stages, path / "omitStages")


def _stages(stages: Sequence[str], path: Path) -> Iterator[FieldError]:
    for index, stage in enumerate(stages):
        if stage not in STAGES:
            allowed = " ".join((RECEIVED, STARTED, COMPLETE, PANIC))
            yield field.invalid(path / index, stage, f"allowed stages are {allowed.replace(' ', ',')}")


def extent(policy: Policy, user: UserInfo | None, info: RequestInfo) -> Extent:
    """How much is told; nothing where no rule matches. Strangers match only rules that name no users."""
    for rule in policy.rules:
        if _matches(rule, user, info):
            without = rule.omit_managed_fields
            return Extent(
                rule.level,
                frozenset((*policy.omit_stages, *rule.omit_stages)),
                policy.omit_managed_fields if without is None else without,
            )
    return NOTHING


def _matches(rule: Rule, user: UserInfo | None, info: RequestInfo) -> bool:
    if rule.users and (user is None or user.name not in rule.users):
        return False
    if rule.user_groups and (user is None or not set(rule.user_groups) & set(user.groups)):
        return False
    if rule.verbs and info.verb not in rule.verbs:
        return False
    if rule.namespaces or rule.resources:
        return info.is_resource and _resource_matches(rule, info)
    if rule.non_resource_urls:
        return not info.is_resource and any(_covers(url, info.path) for url in rule.non_resource_urls)
    return True


def _resource_matches(rule: Rule, info: RequestInfo) -> bool:
    if rule.namespaces and info.namespace not in rule.namespaces:
        return False
    return not rule.resources or any(
        each.group == info.group
        and (not each.resources or any(_is(name, info) for name in each.resources))
        and (not each.resource_names or info.name in each.resource_names)
        for each in rule.resources
    )


def _is(name: str, info: RequestInfo) -> bool:
    """`pods`, `pods/log`, `pods/*`, `*/scale` or `*`."""
    whole = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return name in ("*", whole) or (
        bool(info.subresource) and name in (f"*/{info.subresource}", f"{info.resource}/*")
    )


def _covers(url: str, path: str) -> bool:
    return url in ("*", path) or (url.endswith("*") and path.startswith(url[:-1]))
