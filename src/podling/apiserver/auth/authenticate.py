"""Who asks: a client certificate, a bearer token, or nobody.

A certificate that TLS verified names the user (common name) and groups (organisations).  A bearer token that is not
valid is refused even where anonymous would do; no credential at all is ``system:anonymous``, whom RBAC lets see little.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from podling.aio.clock import Clock
from podling.api import errors
from podling.apiserver.request import Request, UserInfo

from .tokens import Existing, InvalidToken, ServiceAccountTokens

AUTHENTICATED = "system:authenticated"
ANONYMOUS = UserInfo("system:anonymous", groups=("system:unauthenticated",))
WEBSOCKET_PREFIX = "base64url.bearer.authorization.k8s.io."
CERTIFICATES_REMEMBERED = 1024


class Authenticator:
    """Finds the user of a request.  ``static_tokens`` are known by heart, all others must be ours."""

    def __init__(
        self,
        *,
        tokens: ServiceAccountTokens | None,
        static_tokens: Mapping[str, UserInfo],
        existing: Existing,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._static_tokens = {token: _authenticated(user) for token, user in static_tokens.items()}
        self._existing = existing
        self._clock = clock
        self._certificates: dict[bytes, UserInfo] = {}

    def authenticate(self, request: Request) -> UserInfo:
        """The user; raises ``Unauthorized`` for a credential that is wrong."""
        if request.peer_certificate is not None:
            return self._by_certificate(request.peer_certificate)
        token = bearer_token(request.headers)
        return ANONYMOUS if token is None else self.by_token(token)

    def by_token(self, token: str) -> UserInfo:
        """The user of a bearer token meant for this server; raises ``Unauthorized``."""
        known = self._static_tokens.get(token)
        if known is not None:
            return known
        if self._tokens is not None:
            try:
                claims = self._tokens.verify(token, now=self._clock.now(), existing=self._existing)
            except InvalidToken as error:
                raise errors.Unauthorized() from error
            return claims.user()
        raise errors.Unauthorized()

    def _by_certificate(self, der: bytes) -> UserInfo:
        user = self._certificates.get(der)
        if user is None:
            if len(self._certificates) >= CERTIFICATES_REMEMBERED:
                self._certificates.clear()
            user = self._certificates[der] = user_of_certificate(der)
        return user


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header, or the one that browsers put among WebSocket protocols."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        encoded = protocol.strip()
        if encoded.startswith(WEBSOCKET_PREFIX):
            text = encoded.removeprefix(WEBSOCKET_PREFIX)
            try:
                return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise errors.Unauthorized() from error
    return None


def user_of_certificate(der: bytes) -> UserInfo:
    """Common name and organisations of a certificate; raises ``Unauthorized`` if it has no common name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_der_x509_certificate(der).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        raise errors.Unauthorized()
    groups = tuple(str(one.value) for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    return _authenticated(UserInfo(str(names[0].value), groups=groups))


def _authenticated(user: UserInfo) -> UserInfo:
    if AUTHENTICATED in user.groups:
        return user
    return UserInfo(user.name, uid=user.uid, groups=(*user.groups, AUTHENTICATED), extra=user.extra)
