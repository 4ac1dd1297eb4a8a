"""Kinds that are questions: posted, answered in the response, never stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podling.api import kinds
from podling.api.kinds import Kind

from . import body, render, subresources
from .auth import reviews
from .call import Call, Serve
from .options import write_options
from .request import Response
from .subresources import binding

Answer = Callable[[Any, Call], Any]

_ANSWERS: dict[Kind, Answer] = {
    kinds.LOCAL_SUBJECT_ACCESS_REVIEW: lambda review, call: reviews.local_subject_access(
        review, call.services.authorizer, namespace=call.namespace
    ),
    kinds.SELF_SUBJECT_ACCESS_REVIEW: lambda review, call: reviews.self_subject_access(
        review, call.services.authorizer, user=call.user
    ),
    kinds.SELF_SUBJECT_REVIEW: lambda review, call: reviews.self_subject(review, user=call.user),
    kinds.SELF_SUBJECT_RULES_REVIEW: lambda review, call: reviews.self_subject_rules(
        review, call.services.authorizer, user=call.user
    ),
    kinds.SUBJECT_ACCESS_REVIEW: lambda review, call: reviews.subject_access(
        review, call.services.authorizer
    ),
    kinds.TOKEN_REVIEW: lambda review, call: reviews.token(
        review, call.services.authenticator, audiences=call.services.tokens.audiences
    ),
}


def serve_of(kind: Kind) -> Serve:
    """What serves a kind that is never stored."""
    if kind is kinds.BINDING:
        return binding.create_in_collection
    answer = _ANSWERS.get(kind)
    if answer is None:
        return subresources.refuse

    async def serve(call: Call) -> Response:
        options = write_options(call.request.query, "CreateOptions")
        review = body.read_object(call, options, kind=kind).body
        return render.struct(call, answer(review, call), status=201)

    return serve
