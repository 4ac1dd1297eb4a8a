"""The cluster's certificates: one authority, and a key pair for each of those who talk.

Elliptic curve P-256 throughout: small, quick to make (0.1 ms a key) and understood by every client.  Files are laid
out like kubeadm's, so that upstream components can be pointed at them.  Nothing here is ever regenerated while valid:
a Pod's token or a user's kubeconfig outlives a restart.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .config import write_private

CA_DAYS = 3650
LEAF_DAYS = 3650
RENEW_DAYS = 30


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate speaks of: common name (the user), organisations (the groups), and names for a server."""

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def server(self) -> bool:
        return bool(self.dns_names or self.addresses)


ADMIN = Subject("kubernetes-admin", ("system:masters",))
KUBELET_CLIENT = Subject("kube-apiserver-kubelet-client", ("system:masters",))


def node_client(node: str) -> Subject:
    """The identity of a node's agent (API reference: node authorization)."""
    return Subject(f"system:node:{node}", ("system:nodes",))


def api_server(*, service_ip: str, addresses: Sequence[str], domain: str) -> Subject:
    """The names under which clients reach the API server."""
    service = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{domain}",
    )
    return Subject(
        "kube-apiserver", (), ("localhost", *service), (service_ip, "127.0.0.1", "::1", *addresses)
    )


def node_server(node: str, address: str) -> Subject:
    """The names under which a node's agent is reached."""
    return Subject(f"system:node:{node}", ("system:nodes",), (node,), (address, "127.0.0.1"))


class Pki:
    """The certificate files of one cluster under ``folder``; ``now`` is the wall time as an aware datetime."""

    def __init__(self, folder: Path, *, now: datetime.datetime) -> None:
        self.folder = folder
        self._now = now
        self._ca: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def signing_key_file(self) -> Path:
        """The key that signs ServiceAccount tokens."""
        return self.folder / "sa.key"

    def certificate_file(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key_file(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def ensure_authority(self) -> None:
        """Make the authority and the token signing key where they are missing."""
        if not (self.ca_file.exists() and self.key_file("ca").exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
            builder = self._builder(name, name, key, days=CA_DAYS)
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            builder = builder.add_extension(_key_usage(authority=True), critical=True)
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            self._write("ca", builder.sign(key, hashes.SHA256()), key)
        if not self.signing_key_file.exists():
            write_private(self.signing_key_file, _pem(ec.generate_private_key(ec.SECP256R1())))

    def ensure(self, name: str, subject: Subject) -> None:
        """Make the key pair ``name`` for ``subject`` unless a valid one that covers its names is there."""
        if self._covers(name, subject):
            return
        certificate, ca_key = self._authority()
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(subject), certificate.subject, key, days=LEAF_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=False), critical=True)
        builder = builder.add_extension(_extended_usage(subject), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        if subject.server:
            names = x509.SubjectAlternativeName(_alternative_names(subject))
            builder = builder.add_extension(names, critical=False)
        self._write(name, builder.sign(ca_key, hashes.SHA256()), key)

    def _covers(self, name: str, subject: Subject) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_file(name).read_bytes())
            usable = self.key_file(name).stat().st_size > 0
        except (FileNotFoundError, ValueError):
            return False
        fresh = certificate.not_valid_after_utc > self._now + datetime.timedelta(days=RENEW_DAYS)
        if not (usable and fresh and certificate.subject == _name(subject)):
            return False
        if not subject.server:
            return True
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(_alternative_names(subject)) <= set(names)

    def _authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if self._ca is None:
            key = serialization.load_pem_private_key(self.key_file("ca").read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError(f"cannot use {self.key_file('ca')}: not an elliptic curve key")
            self._ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes()), key
        return self._ca

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - datetime.timedelta(minutes=5))
            .not_valid_after(self._now + datetime.timedelta(days=days))
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        write_private(self.key_file(name), _pem(key))
        write_private(
            self.certificate_file(name), certificate.public_bytes(serialization.Encoding.PEM), mode=0o644
        )


def _name(subject: Subject) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def _alternative_names(subject: Subject) -> list[x509.GeneralName]:
    hosts: list[x509.GeneralName] = [x509.DNSName(name) for name in subject.dns_names]
    return [*hosts, *(x509.IPAddress(ipaddress.ip_address(text)) for text in subject.addresses)]


def _extended_usage(subject: Subject) -> x509.ExtendedKeyUsage:
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, client] if subject.server else [client])


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
