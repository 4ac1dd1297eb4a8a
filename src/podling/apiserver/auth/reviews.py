"""Questions about access, asked through the API: SubjectAccessReview and its kin, TokenReview, SelfSubjectReview.

Each function takes the request object and returns it answered.  Nothing here is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from podling.api import errors, field, kinds
from podling.api.kinds import Kind
from podling.api.types import authentication_v1, authorization_v1
from podling.apiserver.request import RequestInfo, UserInfo

from .authenticate import Authenticator
from .authorize import Authorizer
from .node import node_of

SPEC = field.Path("spec")
NO_NODE_RULES = "node authorizer does not support user rule resolution"

Attributes = authorization_v1.ResourceAttributes
PathAttributes = authorization_v1.NonResourceAttributes
_Spec = authorization_v1.SubjectAccessReviewSpec | authorization_v1.SelfSubjectAccessReviewSpec


def asked(resource: Attributes | None, path: PathAttributes | None) -> RequestInfo:
    """The request that a review describes."""
    if resource is not None:
        return RequestInfo(
            verb=resource.verb or "",
            path="",
            is_resource=True,
            group=resource.group or "",
            version=resource.version or "",
            namespace=resource.namespace or "",
            resource=resource.resource or "",
            subresource=resource.subresource or "",
            name=resource.name or "",
        )
    wanted = path or PathAttributes()
    return RequestInfo(verb=wanted.verb or "", path=wanted.path or "")


def answer(
    authorizer: Authorizer, user: UserInfo, info: RequestInfo
) -> authorization_v1.SubjectAccessReviewStatus:
    """May the user do it?"""
    allowed, reason = authorizer.decide(user, info)
    return authorization_v1.SubjectAccessReviewStatus(allowed=allowed, reason=reason or None)


def subject_access(
    review: authorization_v1.SubjectAccessReview, authorizer: Authorizer
) -> authorization_v1.SubjectAccessReview:
    """May somebody else do it?"""
    spec = review.spec
    _check(kinds.SUBJECT_ACCESS_REVIEW, _attribute_faults(spec) + _user_faults(spec))
    review.status = answer(
        authorizer, _asker(spec), asked(spec.resource_attributes, spec.non_resource_attributes)
    )
    return review


def local_subject_access(
    review: authorization_v1.LocalSubjectAccessReview, authorizer: Authorizer, *, namespace: str
) -> authorization_v1.LocalSubjectAccessReview:
    """May somebody else do it in this namespace?"""
    spec = review.spec
    faults = _attribute_faults(spec) + _user_faults(spec)
    if spec.non_resource_attributes is not None:
        path = SPEC / "nonResourceAttributes"
        faults.append(field.invalid(path, spec.non_resource_attributes, "disallowed on this kind of request"))
    _check(kinds.LOCAL_SUBJECT_ACCESS_REVIEW, faults)
    if spec.resource_attributes is None or (spec.resource_attributes.namespace or "") != namespace:
        raise errors.BadRequest(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
    review.status = answer(authorizer, _asker(spec), asked(spec.resource_attributes, None))
    return review


def self_subject_access(
    review: authorization_v1.SelfSubjectAccessReview, authorizer: Authorizer, *, user: UserInfo
) -> authorization_v1.SelfSubjectAccessReview:
    """May I do it?"""
    spec = review.spec
    _check(kinds.SELF_SUBJECT_ACCESS_REVIEW, _attribute_faults(spec))
    review.status = answer(authorizer, user, asked(spec.resource_attributes, spec.non_resource_attributes))
    return review


def self_subject_rules(
    review: authorization_v1.SelfSubjectRulesReview, authorizer: Authorizer, *, user: UserInfo
) -> authorization_v1.SelfSubjectRulesReview:
    """What may I do in this namespace?"""
    namespace = review.spec.namespace or ""
    if not namespace:
        raise errors.BadRequest("no namespace on request")
    rules = list(authorizer.rbac.rules_for(user, namespace))
    is_node = bool(node_of(user))
    review.status = authorization_v1.SubjectRulesReviewStatus(
        resource_rules=[
            authorization_v1.ResourceRule(
                verbs=rule.verbs,
                api_groups=rule.api_groups,
                resources=rule.resources,
                resource_names=rule.resource_names,
            )
            for rule in rules
            if rule.resources
        ],
        non_resource_rules=[
            authorization_v1.NonResourceRule(verbs=rule.verbs, non_resource_urls=rule.non_resource_urls)
            for rule in rules
            if rule.non_resource_urls
        ],
        incomplete=is_node,
        evaluation_error=NO_NODE_RULES if is_node else None,
    )
    return review


def self_subject(
    review: authentication_v1.SelfSubjectReview, *, user: UserInfo
) -> authentication_v1.SelfSubjectReview:
    """Who am I?"""
    review.status = authentication_v1.SelfSubjectReviewStatus(user_info=_info(user))
    return review


def token(
    review: authentication_v1.TokenReview, authenticator: Authenticator, *, audiences: Sequence[str]
) -> authentication_v1.TokenReview:
    """Whose token is this?  ``audiences`` are the server's own."""
    if not review.spec.token:
        raise errors.BadRequest("token is required for TokenReview in authentication")
    try:
        user, shared = authenticator.identify(review.spec.token, review.spec.audiences or audiences)
    except errors.Unauthorized:
        review.status = authentication_v1.TokenReviewStatus(error="[invalid bearer token]")
        return review
    review.status = authentication_v1.TokenReviewStatus(
        authenticated=True, user=_info(user), audiences=list(shared)
    )
    return review


def _check(kind: Kind, faults: list[field.FieldError]) -> None:
    if faults:
        raise errors.Invalid(kind, "", faults)


def _attribute_faults(spec: _Spec) -> list[field.FieldError]:
    if spec.resource_attributes is None and spec.non_resource_attributes is None:
        words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        return [field.invalid(SPEC / "resourceAttributes", None, words)]
    if spec.resource_attributes is not None and spec.non_resource_attributes is not None:
        words = "cannot be specified in combination with resourceAttributes"
        return [field.invalid(SPEC / "nonResourceAttributes", spec.non_resource_attributes, words)]
    return []


def _user_faults(spec: authorization_v1.SubjectAccessReviewSpec) -> list[field.FieldError]:
    if spec.user or spec.groups:
        return []
    return [field.invalid(SPEC / "user", spec.user or "", "at least one of user or group must be specified")]


def _asker(spec: authorization_v1.SubjectAccessReviewSpec) -> UserInfo:
    extra = {key.lower(): tuple(values) for key, values in (spec.extra or {}).items()}
    return UserInfo(spec.user or "", uid=spec.uid or "", groups=tuple(spec.groups or ()), extra=extra)


def _info(user: UserInfo) -> authentication_v1.UserInfo:
    return authentication_v1.UserInfo(
        username=user.name,
        uid=user.uid or None,
        groups=list(user.groups) or None,
        extra={key: list(values) for key, values in user.extra.items()} or None,
    )
