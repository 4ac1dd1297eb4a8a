"""From what is asked to what serves it: the resource's row, then the verb's or the subresource's module.

What no row knows is 404; a method that the path does not have is 405, both in upstream's words.
"""

from __future__ import annotations

from podling.api import errors
from podling.api.types import meta_v1

from . import deprecation, reviews, subresources
from .call import Call, Serve, Services
from .componentstatus import VERBS as COMPONENTS
from .request import Request, RequestInfo, Response, UserInfo
from .resource import Resource
from .usage.serve import VERBS as USAGE
from .verbs import VERBS

_ANYWHERE = {"list", "watch", "deletecollection"}
_NEEDS_NAME = {"get", "update", "patch", "delete"}
_MADE = {**USAGE, **COMPONENTS}
"""What is made as it is asked for, by kind and verb."""


class WrongMethod(errors.MethodNotAllowed):
    """The path exists, the method does not."""

    def __init__(self) -> None:
        words = "the server does not allow this method on the requested resource"
        errors.ApiError.__init__(self, words, details=meta_v1.StatusDetails())


async def resource(services: Services, request: Request, user: UserInfo) -> Response:
    """Serve a request for a resource; raises NotFound and MethodNotAllowed."""
    info = request.info
    row = services.resources.find(info.group, info.version, info.resource)
    if row is None:
        raise errors.NoSuchResource
    if told := deprecation.warning(info.group, info.version, info.resource):
        request.warnings.append(told)
    call = Call(services, request, row, user)
    if info.subresource:
        return await _subresource(row, info)(call)
    return await _verb(row, info, request.method)(call)


def _verb(row: Resource, info: RequestInfo, method: str) -> Serve:
    kind, verb = row.kind, info.verb
    named = bool(info.name) and verb not in _ANYWHERE
    _check_scope(row, info, named=named)
    if method == "HEAD" or (verb == "watch" and method != "GET"):
        raise WrongMethod
    if verb not in kind.verbs or (named and verb not in _NEEDS_NAME):
        raise WrongMethod
    if not named and verb in _NEEDS_NAME:
        raise WrongMethod
    if not kind.is_stored:
        return _MADE.get((kind, verb)) or reviews.serve_of(kind)
    return VERBS[verb]


def _check_scope(row: Resource, info: RequestInfo, *, named: bool) -> None:
    """A namespaced object has its namespace in the path, any other has none."""
    if not row.kind.namespaced:
        if info.namespace and row.kind.plural != "namespaces":
            raise errors.NoSuchResource
    elif not info.namespace:
        if named:
            raise errors.NoSuchResource
        if info.verb not in ("list", "watch"):
            raise WrongMethod


def _subresource(row: Resource, info: RequestInfo) -> Serve:
    if info.subresource not in row.subresources:
        raise errors.NoSuchResource
    _check_scope(row, info, named=True)
    served = subresources.SUBRESOURCES.get(info.subresource)
    if served is None:
        return subresources.refuse
    serve = served.get(info.verb)
    if serve is None:
        raise WrongMethod
    return serve
