"""Tokens: signed, for an audience, ending, and dead with what they are bound to."""

import base64
import datetime
import hashlib

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from podling.aio.clock import Clock
from podling.api import errors
from podling.api.types import authentication_v1
from podling.apiserver.auth import Authenticator, Claims, Reference, ServiceAccountTokens, reviews
from podling.apiserver.auth.tokens import InvalidToken
from podling.apiserver.request import Query, Request, UserInfo

ISSUER = "https://kubernetes.default.svc"
NOW = 1_800_000_000.0
BOT = Reference(kind="ServiceAccount", name="bot", uid="u1")
POD = Reference(kind="Pod", name="web", uid="u2")


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


KEY = pem(ec.generate_private_key(ec.SECP256R1()))


class Fixed(Clock):
    def now(self) -> float:
        return NOW


class World:
    """The objects that exist, by kind and name, all in namespace a."""

    def __init__(self) -> None:
        self.uids = {("ServiceAccount", "a", "bot"): "u1", ("Pod", "a", "web"): "u2"}

    def __call__(self, kind: str, namespace: str, name: str) -> str | None:
        return self.uids.get((kind, namespace, name))


def claims(
    *, bound: Reference | None = POD, seconds: int = 3600, audiences: tuple[str, ...] = (ISSUER,)
) -> Claims:
    return Claims(
        namespace="a", account=BOT, audiences=audiences, expires=int(NOW) + seconds, id="j", bound=bound
    )


@pytest.fixture(params=["ES256", "RS256"])
def tokens(request: pytest.FixtureRequest) -> ServiceAccountTokens:
    key = KEY if request.param == "ES256" else pem(rsa.generate_private_key(65537, 2048))
    return ServiceAccountTokens(issuer=ISSUER, signing_key=key)


def test_a_token_says_who_it_is_of(tokens: ServiceAccountTokens) -> None:
    read = tokens.verify(tokens.issue(claims(), now=NOW), now=NOW, existing=World())
    assert read == claims()
    user = read.user()
    assert user.name == "system:serviceaccount:a:bot"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")
    assert user.extra["authentication.kubernetes.io/pod-name"] == ("web",)


def test_a_token_dies_with_its_time_its_account_and_its_pod(tokens: ServiceAccountTokens) -> None:
    world = World()
    token = tokens.issue(claims(), now=NOW)
    tokens.verify(token, now=NOW, existing=world)
    with pytest.raises(InvalidToken, match="expired"):
        tokens.verify(token, now=NOW + 3700, existing=world)
    world.uids["Pod", "a", "web"] = "another"
    with pytest.raises(InvalidToken, match="Pod 'web' is gone"):
        tokens.verify(token, now=NOW, existing=world)
    world.uids["Pod", "a", "web"] = "u2"
    del world.uids["ServiceAccount", "a", "bot"]
    with pytest.raises(InvalidToken, match="ServiceAccount 'bot' is gone"):
        tokens.verify(token, now=NOW, existing=world)


def test_a_token_for_somebody_else_is_not_for_us(tokens: ServiceAccountTokens) -> None:
    token = tokens.issue(claims(audiences=("vault",)), now=NOW)
    with pytest.raises(InvalidToken, match="meant for"):
        tokens.verify(token, now=NOW, existing=World())
    assert tokens.verify(token, now=NOW, existing=World(), audiences=["vault"]).audiences == ("vault",)


def test_foreign_unsigned_and_mangled_tokens_are_refused(tokens: ServiceAccountTokens) -> None:
    stranger = ServiceAccountTokens(issuer=ISSUER, signing_key=pem(ec.generate_private_key(ec.SECP256R1())))
    good = tokens.issue(claims(), now=NOW)
    unsigned = jwt.encode({"iss": ISSUER, "sub": "x", "aud": [ISSUER]}, "", algorithm="none")
    for bad in (stranger.issue(claims(), now=NOW), unsigned, good[:-4] + "AAAA", "abc", ""):
        with pytest.raises(InvalidToken):
            tokens.verify(bad, now=NOW, existing=World())


def test_the_published_keys_verify_what_was_issued(tokens: ServiceAccountTokens) -> None:
    token = tokens.issue(claims(), now=NOW)
    (key,) = tokens.key_set()["keys"]
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]
    public = jwt.PyJWK(key)
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    assert jwt.decode(token, public, audience=ISSUER, issuer=ISSUER, options=options)["sub"].endswith(":bot")
    assert tokens.configuration()["jwks_uri"] == f"{ISSUER}/openid/v1/jwks"


def request(**headers: str) -> Request:
    return Request("GET", "/api", Query(), {key.replace("_", "-"): value for key, value in headers.items()})


@pytest.fixture
def authenticator(tokens: ServiceAccountTokens) -> Authenticator:
    known = {"letmein": UserInfo("ann", groups=("dev",))}
    return Authenticator(tokens=tokens, static_tokens=known, existing=World(), clock=Fixed())


def test_no_credential_is_anonymous_and_a_wrong_one_is_refused(authenticator: Authenticator) -> None:
    assert authenticator.authenticate(request()).name == "system:anonymous"
    assert authenticator.authenticate(request(authorization="Basic x")).name == "system:anonymous"
    with pytest.raises(errors.Unauthorized):
        authenticator.authenticate(request(authorization="Bearer wrong"))


def test_tokens_come_by_header_and_by_websocket_protocol(authenticator: Authenticator) -> None:
    assert authenticator.authenticate(request(authorization="Bearer letmein")).groups == (
        "dev",
        "system:authenticated",
    )
    text = base64.urlsafe_b64encode(b"letmein").decode().rstrip("=")
    protocols = f"v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.{text}"
    assert authenticator.authenticate(request(sec_websocket_protocol=protocols)).name == "ann"


def certificate(*, ends: float) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [(NameOID.ORGANIZATION_NAME, "system:masters"), (NameOID.COMMON_NAME, "root")]
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    last = datetime.datetime.fromtimestamp(ends, datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(last - datetime.timedelta(days=1))
    signed = builder.not_valid_after(last).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def test_a_certificate_names_user_and_groups(authenticator: Authenticator) -> None:
    asked = request()
    asked.peer_certificate = der = certificate(ends=NOW + 3600)
    assert authenticator.authenticate(asked) == UserInfo(
        "root",
        groups=("system:masters", "system:authenticated"),
        extra={
            "authentication.kubernetes.io/credential-id": (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)
        },
    )


def test_a_certificate_that_ended_on_an_open_connection_is_refused(authenticator: Authenticator) -> None:
    asked = request()
    asked.peer_certificate = certificate(ends=NOW - 1)
    with pytest.raises(errors.Unauthorized):
        authenticator.authenticate(asked)


def test_a_token_for_others_is_reviewed_for_those_who_ask_about_it(
    tokens: ServiceAccountTokens, authenticator: Authenticator
) -> None:
    def review(token: str, *audiences: str) -> authentication_v1.TokenReviewStatus | None:
        spec = authentication_v1.TokenReviewSpec(token=token, audiences=list(audiences) or None)
        asked = authentication_v1.TokenReview(spec=spec)
        return reviews.token(asked, authenticator, audiences=tokens.audiences).status

    vault = tokens.issue(claims(audiences=("vault", "other")), now=NOW)
    ours = tokens.issue(claims(), now=NOW)
    found = review(vault, "vault", "somebody")
    assert found is not None
    assert found.user is not None
    assert (found.authenticated, found.audiences) == (True, ["vault"])
    assert found.user.username == "system:serviceaccount:a:bot"
    for token, audiences in ((vault, ()), (ours, ("vault",)), ("letmein", ("vault",)), ("wrong", ())):
        refused = review(token, *audiences)
        assert refused is not None
        assert (refused.authenticated, refused.error) == (None, "[invalid bearer token]")
    for token in (ours, "letmein"):
        accepted = review(token)
        assert accepted is not None
        assert (accepted.authenticated, accepted.audiences) == (True, [ISSUER])
