"""The rules of CertificateSigningRequests: what is asked for, and who may set which part of the answer."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from podling.api import field, signing
from podling.api.field import FieldError, Path
from podling.api.types import certificates_v1

from .signers import signer_name

MIN_SECONDS = 600
APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_SPEC = Path("spec")
_CONDITIONS, _CERTIFICATE = Path("status", "conditions"), Path("status", "certificate")
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\n(.*?)-----END \1-----", re.DOTALL)

Request = certificates_v1.CertificateSigningRequest
Conditions = list[certificates_v1.CertificateSigningRequestCondition]


def create(request: Request) -> Iterator[FieldError]:
    yield from _asked(request)
    yield from _answered(request, None)


def update(request: Request, old: Request) -> Iterator[FieldError]:
    yield from _changed(request, old)
    yield from _same_decision(request, old)
    yield from _same_certificate(request, old)


def update_status(request: Request, old: Request) -> Iterator[FieldError]:
    yield from _changed(request, old)
    yield from _same_decision(request, old)
    if _certificate(old) and _certificate(request) != _certificate(old):
        yield field.forbidden(_CERTIFICATE, "updates may not modify existing certificate content")


def update_approval(request: Request, old: Request) -> Iterator[FieldError]:
    yield from _changed(request, old)
    yield from _same_certificate(request, old)


def _asked(request: Request) -> Iterator[FieldError]:
    spec = request.spec
    try:
        if not signing.parse(spec.request).is_signature_valid:
            raise signing.NotARequest("x509: signature does not match the key of the request")
    except signing.NotARequest as error:
        yield field.invalid(_SPEC / "request", spec.request, str(error))
    yield from _usages(spec.usages or [])
    if spec.signer_name == signing.LEGACY_UNKNOWN:
        why = "the legacy signerName is not allowed via this API version"
        yield field.invalid(_SPEC / "signerName", spec.signer_name, why)
    else:
        yield from signer_name(spec.signer_name, _SPEC / "signerName")
    if spec.expiration_seconds is not None and spec.expiration_seconds < MIN_SECONDS:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        yield field.invalid(_SPEC / "expirationSeconds", spec.expiration_seconds, why)


def _usages(usages: list[str]) -> Iterator[FieldError]:
    path = _SPEC / "usages"
    if not usages:
        yield field.required(path)
    for index, usage in enumerate(usages):
        if usage not in USAGES:
            yield field.not_supported(path / index, usage, USAGES)
    for index, usage in enumerate(usages):
        if usage in usages[:index]:
            yield field.duplicate(path / index, usage)


def _changed(request: Request, old: Request) -> Iterator[FieldError]:
    """A decision is for good."""
    yield from _answered(request, old)
    for kind in (APPROVED, DENIED, FAILED):
        if len(_of(request, kind)) < len(_of(old, kind)):
            yield field.forbidden(_CONDITIONS, f'updates may not remove a condition of type "{kind}"')


def _same_decision(request: Request, old: Request) -> Iterator[FieldError]:
    """Only `approval` approves and denies."""
    for kind in (APPROVED, DENIED):
        new, had = _of(request, kind), _of(old, kind)
        if len(new) > len(had):
            yield field.forbidden(_CONDITIONS, f'updates may not add a condition of type "{kind}"')
        elif len(new) == len(had) and new != had:
            yield field.forbidden(_CONDITIONS, f'updates may not modify a condition of type "{kind}"')


def _same_certificate(request: Request, old: Request) -> Iterator[FieldError]:
    if _certificate(request) != _certificate(old):
        yield field.forbidden(_CERTIFICATE, "updates may not set certificate content")


def _answered(request: Request, old: Request | None) -> Iterator[FieldError]:
    """Conditions and certificate; what is wrong already may stay so."""
    yield from _conditions(_all(request), _all(old) if old is not None else [])
    certificate = _certificate(request)
    if certificate and (old is None or certificate != _certificate(old)):
        fault = _certificate_fault(certificate)
        if fault:
            yield field.invalid(_CERTIFICATE, "<certificate data>", fault)


def _conditions(given: Conditions, had: Conditions) -> Iterator[FieldError]:
    had_types = [one.type for one in had]
    had_duplicates = len(set(had_types)) < len(had_types)
    had_both = {APPROVED, DENIED} <= set(had_types)
    seen: set[str] = set()
    for index, condition in enumerate(given):
        path = _CONDITIONS / index
        if not condition.type and "" not in had_types:
            yield field.required(path / "type")
        statuses = ("True",) if condition.type in (APPROVED, DENIED, FAILED) else ("False", "True", "Unknown")
        if not condition.status:
            yield field.required(path / "status")
        elif condition.status not in statuses:
            yield field.not_supported(path / "status", condition.status, statuses)
        other = {APPROVED: DENIED, DENIED: APPROVED}.get(condition.type)
        if other in seen and not had_both:
            why = "Approved and Denied conditions are mutually exclusive"
            yield field.invalid(path / "type", condition.type, why)
        if condition.type in seen and not had_duplicates:
            yield field.duplicate(path / "type", condition.type)
        seen.add(condition.type)


def _certificate_fault(text: str) -> str:
    from cryptography import x509

    try:
        pem = base64.b64decode(text, validate=True)
    except binascii.Error:
        pem = b""
    blocks = _PEM.findall(pem)
    if not blocks:
        return "must contain at least one CERTIFICATE PEM block"
    for kind, content in blocks:
        if kind != b"CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{kind.decode()}"'
        if b":" in content:
            return "no PEM block headers are permitted"
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        return f"x509: malformed certificate: {error}"
    return ""


def _all(request: Request) -> Conditions:
    return (request.status.conditions if request.status is not None else None) or []


def _of(request: Request, kind: str) -> Conditions:
    return [one for one in _all(request) if one.type == kind]


def _certificate(request: Request) -> str:
    return (request.status.certificate if request.status is not None else None) or ""
