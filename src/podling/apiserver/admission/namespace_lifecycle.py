"""Objects live in Namespaces that exist and are not going; some Namespaces never go."""

from __future__ import annotations

from podling.api import errors, kinds
from podling.api.types import meta_v1

from .review import Operation, Review, World

IMMORTAL = ("default", "kube-system", "kube-public")
_REVIEWS = ("localsubjectaccessreviews.authorization.k8s.io",)


async def admit(review: Review, world: World) -> None:
    if review.kind is kinds.NAMESPACE:
        if review.operation is Operation.DELETE and review.name in IMMORTAL:
            raise review.forbid("this namespace may not be deleted")
        return
    if not review.namespace or review.operation is Operation.DELETE or review.resource in _REVIEWS:
        return
    if review.operation is Operation.UPDATE and review.old is not None:
        return
    namespace = world.read(kinds.NAMESPACE, "", review.namespace)
    if namespace is None:
        raise errors.NotFound(kinds.NAMESPACE, review.namespace)
    if review.operation is Operation.CREATE and namespace.status and namespace.status.phase == "Terminating":
        raise _terminating(review)


def _terminating(review: Review) -> errors.Forbidden:
    where = review.namespace
    error = review.forbid(f"unable to create new content in namespace {where} because it is being terminated")
    assert error.details is not None
    cause = meta_v1.StatusCause(
        reason="NamespaceTerminating",
        message=f"namespace {where} is being terminated",
        field="metadata.namespace",
    )
    error.details.causes = [*(error.details.causes or ()), cause]
    return error
