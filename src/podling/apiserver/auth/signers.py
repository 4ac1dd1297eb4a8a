"""Who may approve and sign certificate requests, by signer; and nobody becomes `system:masters` that way.

Upstream's admission plugins CertificateApproval, CertificateSigning and CertificateSubjectRestriction.  The permission is a verb on
`signers`, for one signer by its name or for all of a domain (`kubernetes.io/*`).
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import signing
from podling.apiserver.admission import Operation, Plugin, Review, World
from podling.apiserver.request import RequestInfo

from .authorize import MASTERS, Authorizer

_REQUESTS = frozenset({"certificatesigningrequests.certificates.k8s.io"})


def plugins(authorizer: Authorizer) -> tuple[Plugin, ...]:
    """The rows for the admission table."""
    rights = SignerRights(authorizer)
    update, create = frozenset({Operation.UPDATE}), frozenset({Operation.CREATE})
    approval, status = frozenset({"approval"}), frozenset({"status"})
    return (
        Plugin("CertificateApproval", None, update, _REQUESTS, approval, check=rights.check_approval),
        Plugin("CertificateSigning", None, update, _REQUESTS, status, check=rights.check_signing),
        Plugin("CertificateSubjectRestriction", None, create, _REQUESTS, check=check_subject),
    )


class SignerRights:
    """What a user may do in a signer's name."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def check_approval(self, review: Review, world: World) -> None:
        self._insist(review, "approve")

    async def check_signing(self, review: Review, world: World) -> None:
        """Whoever changes neither certificate nor conditions signs nothing."""
        assert review.obj is not None and review.old is not None
        new, old = review.obj.body.status, review.old.body.status
        if (new and (new.certificate, new.conditions)) != (old and (old.certificate, old.conditions)):
            self._insist(review, "sign")

    def _insist(self, review: Review, verb: str) -> None:
        """By the stored signer: a request that would change it as well gains nothing."""
        assert review.old is not None
        signer = review.old.body.spec.signer_name
        if not any(self._authorizer.allows(review.user, asked) for asked in _asked(verb, signer)):
            raise review.forbid(f'user not permitted to {verb} requests with signerName "{signer}"')


def _asked(verb: str, signer: str) -> Iterator[RequestInfo]:
    for name in (signer, f"{signer.partition('/')[0]}/*"):
        yield RequestInfo(
            verb=verb,
            path="",
            is_resource=True,
            group="certificates.k8s.io",
            version="*",
            resource="signers",
            name=name,
        )


async def check_subject(review: Review, world: World) -> None:
    """The signer of API clients serves everybody who may ask, so it gives out no administrators."""
    assert review.obj is not None
    spec = review.obj.body.spec
    if spec.signer_name != signing.API_SERVER_CLIENT:
        return
    if MASTERS in signing.organizations(signing.parse(spec.request)):
        raise review.forbid(f"use of {spec.signer_name} signer with {MASTERS} group is not allowed")
