"""The certificate authority that requests are signed with (kube-controller-manager's `--cluster-signing-cert-file`).

A certificate has the subject, key and alternative names of its request and the usages that were approved; nothing else of the request
goes into it (pkg/controller/certificates/authority, the permissive policy).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

MIN_SECONDS = 600.0
BACKDATE_SECONDS = 300.0
"""Certificates are valid from a little before now, for machines whose clocks are slow."""
SHORT_SECONDS = 8 * 3600.0
"""Up to here what they are backdated by is not taken from their life."""

_KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_ALL_KEY_USAGES = frozenset(_KEY_USAGES.values())
_PURPOSES = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}
"""Object identifiers of extended key usages (RFC 5280 section 4.2.1.12, RFC 4945, vendors')."""


def seconds_of(asked: int | None, limit: float) -> float:
    """How long a certificate is valid: as asked, within ten minutes and what the authority gives at most."""
    return limit if asked is None else min(limit, max(MIN_SECONDS, float(asked)))


class Authority:
    """Certificate and key (PEM) of an authority; `limit` is the longest life of a certificate in seconds."""

    def __init__(self, certificate: bytes, key: bytes, *, limit: float) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        self._certificate = x509.load_pem_x509_certificate(certificate)
        private = serialization.load_pem_private_key(key, password=None)
        self._key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = private  # type: ignore[assignment]
        self._limit = limit

    def sign(
        self, request: x509.CertificateSigningRequest, usages: Iterable[str], *, asked: int | None, now: float
    ) -> bytes:
        """A certificate (PEM) for a request; `asked` is the life it wants in seconds, `now` the wall time."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        begins, ends = self._life(seconds_of(asked, self._limit), now)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self._certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )
        for extension, critical in self._extensions(request, frozenset(usages)):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _life(self, seconds: float, now: float) -> tuple[datetime.datetime, datetime.datetime]:
        begins = now - BACKDATE_SECONDS
        ends = (now if seconds <= SHORT_SECONDS else begins) + seconds
        last = self._certificate.not_valid_after_utc
        return _utc(begins), min(_utc(ends), last)

    def _extensions(
        self, request: x509.CertificateSigningRequest, usages: frozenset[str]
    ) -> Iterable[tuple[x509.ExtensionType, bool]]:
        from cryptography import x509

        keys = {_KEY_USAGES[usage] for usage in usages & _KEY_USAGES.keys()}
        if "key_agreement" not in keys:  # without it these two mean nothing
            keys -= {"encipher_only", "decipher_only"}
        if keys:
            yield x509.KeyUsage(**{usage: usage in keys for usage in _ALL_KEY_USAGES}), True
        purposes = sorted({_PURPOSES[usage] for usage in usages & _PURPOSES.keys()})
        if purposes:
            yield x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in purposes]), False
        yield x509.BasicConstraints(ca=False, path_length=None), True
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        for extension in request.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                yield extension.value, not list(request.subject)


def _utc(epoch: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
