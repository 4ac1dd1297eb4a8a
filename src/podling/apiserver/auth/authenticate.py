"""Who asks: a client certificate, a bearer token, or nobody.

A certificate that TLS verified names the user (common name) and groups (organisations).  A bearer token that is not
valid is refused even where anonymous would do; no credential at all is ``system:anonymous``, whom RBAC lets see little.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence

from podling.aio.clock import Clock
from podling.api import errors
from podling.apiserver.request import Request, UserInfo

from .tokens import CREDENTIAL_ID, Existing, InvalidToken, ServiceAccountTokens

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
        self._certificates: dict[bytes, tuple[UserInfo, float]] = {}

    def authenticate(self, request: Request) -> UserInfo:
        """The user; raises ``Unauthorized`` for a credential that is wrong."""
        if request.peer_certificate is not None:
            return self._by_certificate(request.peer_certificate)
        token = bearer_token(request.headers)
        return ANONYMOUS if token is None else self.by_token(token)

    def by_token(self, token: str) -> UserInfo:
        """The user of a bearer token meant for this server; raises ``Unauthorized``."""
        return self.identify(token, ())[0]

    def identify(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]]:
        """The user of a token meant for one of ``audiences`` (none: this server), and for which of them it is.

        Raises ``Unauthorized``.  Static tokens are meant for this server.
        """
        own = self._tokens.audiences if self._tokens is not None else ()
        wanted = tuple(audiences) or own
        known = self._static_tokens.get(token)
        if known is not None:
            shared = tuple(one for one in own if one in wanted)
            if own and not shared:
                raise errors.Unauthorized()
            return known, shared
        if self._tokens is None:
            raise errors.Unauthorized()
        try:
            claims = self._tokens.verify(
                token, now=self._clock.now(), existing=self._existing, audiences=wanted
            )
        except InvalidToken as error:
            raise errors.Unauthorized() from error
        return claims.user(), claims.audiences

    def _by_certificate(self, der: bytes) -> UserInfo:
        """The user of a certificate that TLS has verified; it may have ended since the connection was made."""
        known = self._certificates.get(der)
        if known is None:
            if len(self._certificates) >= CERTIFICATES_REMEMBERED:
                self._certificates.clear()
            known = self._certificates[der] = user_of_certificate(der)
        user, ends = known
        if self._clock.now() > ends:
            raise errors.Unauthorized()
        return user


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header, or the one that browsers put among WebSocket protocols."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        if not token.isascii():
            raise errors.Unauthorized()
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


def user_of_certificate(der: bytes) -> tuple[UserInfo, float]:
    """Common name and organisations of a certificate, and when it ends (epoch seconds).

    Raises ``Unauthorized`` if it has no common name.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        raise errors.Unauthorized()
    organisations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    extra: dict[str, tuple[str, ...]] = {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
    user = UserInfo(str(names[0].value), groups=tuple(str(one.value) for one in organisations), extra=extra)
    return _authenticated(user), certificate.not_valid_after_utc.timestamp()


def _authenticated(user: UserInfo) -> UserInfo:
    if AUTHENTICATED in user.groups:
        return user
    return UserInfo(user.name, uid=user.uid, groups=(*user.groups, AUTHENTICATED), extra=user.extra)
