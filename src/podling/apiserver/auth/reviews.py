"""Questions about access, asked through the API: SubjectAccessReview and its kin, TokenReview, SelfSubjectReview.

Each function takes the request object and returns it answered.  Nothing here is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from podling.api import errors
from podling.api.types import authentication_v1, authorization_v1, rbac_v1
from podling.apiserver.request import RequestInfo, UserInfo

from .authenticate import Authenticator
from .authorize import MASTERS, Authorizer

Attributes = authorization_v1.ResourceAttributes
PathAttributes = authorization_v1.NonResourceAttributes


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
    allowed = authorizer.allows(user, info)
    return authorization_v1.SubjectAccessReviewStatus(allowed=allowed)


def subject_access(
    review: authorization_v1.SubjectAccessReview, authorizer: Authorizer
) -> authorization_v1.SubjectAccessReview:
    """May somebody else do it?"""
    spec = review.spec
    if not spec.user and not spec.groups:
        raise errors.BadRequest("spec.user and spec.groups cannot both be empty")
    user = UserInfo(
        spec.user or "", uid=spec.uid or "", groups=tuple(spec.groups or ()), extra=_extra(spec.extra)
    )
    info = asked(spec.resource_attributes, spec.non_resource_attributes)
    review.status = answer(authorizer, user, info)
    return review


def local_subject_access(
    review: authorization_v1.LocalSubjectAccessReview, authorizer: Authorizer, *, namespace: str
) -> authorization_v1.LocalSubjectAccessReview:
    """May somebody else do it in this namespace?"""
    spec = review.spec
    if spec.resource_attributes is None or spec.resource_attributes.namespace != namespace:
        raise errors.BadRequest(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
    user = UserInfo(spec.user or "", groups=tuple(spec.groups or ()), extra=_extra(spec.extra))
    review.status = answer(authorizer, user, asked(spec.resource_attributes, None))
    return review


def self_subject_access(
    review: authorization_v1.SelfSubjectAccessReview, authorizer: Authorizer, *, user: UserInfo
) -> authorization_v1.SelfSubjectAccessReview:
    """May I do it?"""
    info = asked(review.spec.resource_attributes, review.spec.non_resource_attributes)
    review.status = answer(authorizer, user, info)
    return review


def self_subject_rules(
    review: authorization_v1.SelfSubjectRulesReview, authorizer: Authorizer, *, user: UserInfo
) -> authorization_v1.SelfSubjectRulesReview:
    """What may I do in this namespace?"""
    namespace = review.spec.namespace or ""
    if not namespace:
        raise errors.BadRequest("no namespace on request")
    rules: list[rbac_v1.PolicyRule] = list(authorizer.rbac.rules_for(user, namespace))
    if MASTERS in user.groups:
        rules.append(rbac_v1.PolicyRule(verbs=["*"], api_groups=["*"], resources=["*"]))
        rules.append(rbac_v1.PolicyRule(verbs=["*"], non_resource_urls=["*"]))
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
        incomplete=False,
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
        user = authenticator.by_token(review.spec.token)
    except errors.Unauthorized:
        review.status = authentication_v1.TokenReviewStatus(error="[invalid bearer token]")
        return review
    wanted = [one for one in review.spec.audiences or audiences if one in audiences]
    review.status = authentication_v1.TokenReviewStatus(
        authenticated=bool(wanted), user=_info(user) if wanted else None, audiences=wanted or None
    )
    return review


def _info(user: UserInfo) -> authentication_v1.UserInfo:
    return authentication_v1.UserInfo(
        username=user.name,
        uid=user.uid or None,
        groups=list(user.groups) or None,
        extra={key: list(values) for key, values in user.extra.items()} or None,
    )


def _extra(extra: Mapping[str, Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    return {key.lower(): tuple(values) for key, values in (extra or {}).items()}
