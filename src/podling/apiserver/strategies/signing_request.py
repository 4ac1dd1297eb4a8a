"""CertificateSigningRequests: who asks is what the server saw, not what the request says."""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import certificates_v1

from .addresses import Addresses
from .strategy import Context, Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return SigningRequestStrategy(kind)


class SigningRequestStrategy(Strategy):
    def prepare_create(self, body: certificates_v1.CertificateSigningRequest, context: Context) -> None:
        super().prepare_create(body, context)
        user = context.user
        body.spec.username = user.name
        body.spec.uid = user.uid or None
        body.spec.groups = list(user.groups) or None
        body.spec.extra = {key: list(values) for key, values in user.extra.items()} or None

    def reset(
        self,
        body: certificates_v1.CertificateSigningRequest,
        old: certificates_v1.CertificateSigningRequest | None,
    ) -> None:
        super().reset(body, old)
        if old is not None:
            body.spec = old.spec
