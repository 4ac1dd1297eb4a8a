"""ServiceAccount tokens: JWTs that name an account, end, and die with the object they are bound to.

Claims are upstream's (pkg/serviceaccount/claims.go): ``sub`` is the user, the private claim ``kubernetes.io`` names
namespace, account and the bound Pod, Secret or Node with their UIDs.  Signatures are ES256 or RS256, by the key.
Whether account and bound object still exist is asked of ``Existing`` at every use; the signature only once a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podling.apiserver.request import UserInfo

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

REMEMBERED = 4096
LEEWAY_SECONDS = 10
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
GROUPS = ("system:serviceaccounts", "system:authenticated")

Existing = Callable[[str, str, str], str | None]
"""``(kind, namespace, name)`` -> UID of the object that has that name now, or None."""


class InvalidToken(Exception):
    """The token is no token of ours, is over, or what it was bound to is gone; the message is for the log only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An object by kind, name and UID."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says, checked.  ``expires`` in epoch seconds; ``bound`` is what the token dies with."""

    namespace: str
    account: Reference
    audiences: tuple[str, ...]
    expires: int
    id: str
    bound: Reference | None = None
    node: Reference | None = None

    def user(self) -> UserInfo:
        """The user that the token stands for (API reference: service account tokens)."""
        extra: dict[str, tuple[str, ...]] = {CREDENTIAL_ID: (f"JTI={self.id}",)}
        if self.bound is not None and self.bound.kind == "Pod":
            extra["authentication.kubernetes.io/pod-name"] = (self.bound.name,)
            extra["authentication.kubernetes.io/pod-uid"] = (self.bound.uid,)
        if self.node is not None:
            extra["authentication.kubernetes.io/node-name"] = (self.node.name,)
            extra["authentication.kubernetes.io/node-uid"] = (self.node.uid,)
        return UserInfo(
            account_user(self.namespace, self.account.name),
            uid=self.account.uid,
            groups=account_groups(self.namespace),
            extra=extra,
        )


def account_user(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, ...]:
    """The groups that every ServiceAccount of a namespace is in."""
    return (GROUPS[0], f"system:serviceaccounts:{namespace}", GROUPS[1])


class ServiceAccountTokens:
    """Signs tokens with one key and trusts those of several.  Keys are PEM; ``audiences`` the server's own."""

    def __init__(
        self,
        *,
        issuer: str,
        signing_key: bytes,
        trusted_keys: Sequence[bytes] = (),
        audiences: Sequence[str] = (),
    ) -> None:
        self.issuer = issuer
        self.audiences = tuple(audiences) or (issuer,)
        self._signing_key = signing_key
        self._trusted_keys = tuple(trusted_keys)
        self._keys: dict[str, PublicKeyTypes] = {}
        self._verified: dict[tuple[str, tuple[str, ...]], Claims] = {}

    @property
    def can_sign(self) -> bool:
        """Whether there is a key; without one nothing of tokens is served."""
        return bool(self._signing_key)

    def issue(self, claims: Claims, *, now: float) -> str:
        """A signed token that says ``claims``."""
        import jwt

        private: dict[str, Any] = {
            "namespace": claims.namespace,
            "serviceaccount": {"name": claims.account.name, "uid": claims.account.uid},
        }
        for reference in (claims.bound, claims.node):
            if reference is not None:
                private[reference.kind.lower()] = {"name": reference.name, "uid": reference.uid}
        if claims.bound is not None and claims.bound.kind == "Pod":
            private["warnafter"] = int(now) + 3607
        payload = {
            "aud": list(claims.audiences),
            "exp": claims.expires,
            "iat": int(now),
            "iss": self.issuer,
            "jti": claims.id,
            "kubernetes.io": private,
            "nbf": int(now),
            "sub": account_user(claims.namespace, claims.account.name),
        }
        key_id = key_id_of(self._signer().public_key())
        return jwt.encode(
            payload, self._signing_key, algorithm=_algorithm(self._signer()), headers={"kid": key_id}
        )

    def verify(self, token: str, *, now: float, existing: Existing, audiences: Sequence[str] = ()) -> Claims:
        """The claims of a valid token for one of ``audiences`` (the server's own unless given), or ``InvalidToken``."""
        wanted = tuple(audiences) or self.audiences
        claims = self._verified.get((token, wanted))
        if claims is None:
            claims = self._read(token, wanted, now)
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            self._verified[token, wanted] = claims
        if claims.expires < now - LEEWAY_SECONDS:
            raise InvalidToken("the token has expired")
        _check_existing(claims, existing)
        return claims

    def key_set(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set, for ``/openid/v1/jwks``."""
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        entries = []
        for key_id, key in self._public_keys().items():
            form: Any = ECAlgorithm if _algorithm(key).startswith("ES") else RSAAlgorithm
            text = json.loads(form.to_jwk(key))
            entries.append({"use": "sig", "kid": key_id, "alg": _algorithm(key), **text})
        return {"keys": entries}

    def configuration(self) -> dict[str, Any]:
        """The document of ``/.well-known/openid-configuration``."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(
                {_algorithm(key) for key in self._public_keys().values()}
            ),
        }

    def _read(self, token: str, audiences: tuple[str, ...], now: float) -> Claims:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            keys = self._public_keys()
            candidates = [keys[header["kid"]]] if header.get("kid") in keys else list(keys.values())
            payload = _decode(token, candidates, self.issuer)
        except (jwt.PyJWTError, KeyError) as error:
            raise InvalidToken(str(error)) from error
        if payload.get("nbf", 0) > now + LEEWAY_SECONDS:
            raise InvalidToken("the token is not valid yet")
        matching = tuple(one for one in payload["aud"] if one in audiences)
        if not matching:
            raise InvalidToken(f"the token is meant for {payload['aud']}, not for {list(audiences)}")
        return _claims(payload, matching)

    def _signer(self) -> Any:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        return load_pem_private_key(self._signing_key, None)

    def _public_keys(self) -> Mapping[str, PublicKeyTypes]:
        if not self._keys:
            from cryptography.hazmat.primitives.serialization import load_pem_public_key

            own = self._signer().public_key()
            self._keys = {key_id_of(key): key for key in (own, *map(load_pem_public_key, self._trusted_keys))}
        return self._keys


def key_id_of(key: PublicKeyTypes) -> str:
    """The ``kid`` of a public key: the digest of its DER form, as upstream makes it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def _algorithm(key: Any) -> str:
    return "ES256" if hasattr(key, "curve") else "RS256"


def _decode(token: str, keys: Sequence[Any], issuer: str) -> dict[str, Any]:
    """The payload, by the first key that signed it.  Times and audiences are checked by the caller's clock."""
    import jwt

    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    failure: jwt.PyJWTError = jwt.InvalidSignatureError("no key of ours signed it")
    for key in keys:
        try:
            return jwt.decode(token, key, algorithms=[_algorithm(key)], issuer=issuer, options=options)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError) as error:
            failure = error
    raise failure


def _claims(payload: dict[str, Any], audiences: tuple[str, ...]) -> Claims:
    try:
        private = payload["kubernetes.io"]
        account = Reference(kind="ServiceAccount", **private["serviceaccount"])
        bound = [
            Reference(kind=kind, **private[kind.lower()])
            for kind in ("Pod", "Secret", "Node")
            if kind.lower() in private
        ]
        namespace, expires = private["namespace"], int(payload["exp"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidToken(f"the token lacks a claim: {error}") from error
    if payload.get("sub") != account_user(namespace, account.name):
        raise InvalidToken("the token's subject is not its account")
    node = bound[-1] if len(bound) > 1 and bound[-1].kind == "Node" else None
    return Claims(
        namespace=namespace,
        account=account,
        audiences=audiences,
        expires=expires,
        id=str(payload.get("jti", "")),
        bound=bound[0] if bound else None,
        node=node,
    )


def _check_existing(claims: Claims, existing: Existing) -> None:
    """The account, and what the token is bound to, must still be the very objects that it was made for."""
    for reference in (claims.account, claims.bound):
        if reference is None:
            continue
        namespace = "" if reference.kind == "Node" else claims.namespace
        if existing(reference.kind, namespace, reference.name) != reference.uid:
            raise InvalidToken(f"{reference.kind} {reference.name!r} is gone")
