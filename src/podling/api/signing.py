"""Certificate signing requests, and what the signers of kubernetes.io demand of them.

The rules are those of the API reference ("Certificates and Certificate Signing Requests", kubernetes signers); the words upstream's, as
they are read in conditions and refusals.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

API_SERVER_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN = "kubernetes.io/legacy-unknown"
NODES, NODE = "system:nodes", "system:node:"

_SIGNATURE, _ENCIPHERMENT = "digital signature", "key encipherment"
_CLIENT, _SERVER = "client auth", "server auth"


class NotARequest(ValueError):
    """The bytes are no PKCS#10 request in PEM, or its signature is wrong."""


def parse(request: str) -> x509.CertificateSigningRequest:
    """The PKCS#10 request in a `spec.request` (base64 of PEM).  Raises ``NotARequest``."""
    from cryptography import x509

    try:
        pem = base64.b64decode(request, validate=True)
    except binascii.Error:
        pem = b""
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
        raise NotARequest("PEM block type must be CERTIFICATE REQUEST")
    try:
        return x509.load_pem_x509_csr(pem)
    except ValueError as error:
        raise NotARequest(f"x509: malformed certificate request: {error}") from error


def organizations(request: x509.CertificateSigningRequest) -> list[str]:
    """The groups that a request asks for."""
    from cryptography.x509.oid import NameOID

    found = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [str(one.value) for one in found]


def common_name(request: x509.CertificateSigningRequest) -> str:
    """The user that a request asks for; "" without one."""
    from cryptography.x509.oid import NameOID

    found = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def fault(signer: str, request: x509.CertificateSigningRequest, usages: Iterable[str]) -> str:
    """Why one of the signers of kubernetes.io does not sign a request; "" if it does."""
    given = set(usages)
    if signer == KUBELET_CLIENT:
        return _node_client(request, given)
    if signer == KUBELET_SERVING:
        return _node_server(request, given)
    for usage in usages:
        if usage not in (_SIGNATURE, _ENCIPHERMENT, _CLIENT):
            return f"invalid usage for client certificate: {usage}"
    return "" if _CLIENT in given else f"missing required usage for client certificate: {_CLIENT}"


def _node_client(request: x509.CertificateSigningRequest, usages: set[str]) -> str:
    names = _names(request)
    if organizations(request) != [NODES]:
        return "subject organization is not system:nodes"
    for kind in ("DNS", "Email", "IP", "URI"):
        if names[kind]:
            return f"{kind} subjectAltNames are not allowed"
    if not common_name(request).startswith(NODE):
        return "subject common name does not begin with system:node:"
    return _unmatched(usages, _CLIENT)


def _node_server(request: x509.CertificateSigningRequest, usages: set[str]) -> str:
    names = _names(request)
    if organizations(request) != [NODES]:
        return "subject organization is not system:nodes"
    if not names["DNS"] and not names["IP"]:
        return "DNS or IP subjectAltName is required"
    for kind in ("Email", "URI"):
        if names[kind]:
            return f"{kind} subjectAltNames are not allowed"
    unmatched = _unmatched(usages, _SERVER)
    if unmatched or common_name(request).startswith(NODE):
        return unmatched
    return "subject common name does not begin with system:node:"


def _unmatched(usages: set[str], purpose: str) -> str:
    """Key encipherment is for RSA keys alone, so it may be missing."""
    if usages | {_ENCIPHERMENT} == {_SIGNATURE, _ENCIPHERMENT, purpose}:
        return ""
    return f"usages did not match [{' '.join(sorted((purpose, _SIGNATURE, _ENCIPHERMENT)))}]"


def _names(request: x509.CertificateSigningRequest) -> dict[str, Sequence[object]]:
    """The alternative names that a request asks for, by kind."""
    from cryptography import x509

    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        found = x509.SubjectAlternativeName([])
    return {
        "DNS": found.get_values_for_type(x509.DNSName),
        "Email": found.get_values_for_type(x509.RFC822Name),
        "IP": found.get_values_for_type(x509.IPAddress),
        "URI": found.get_values_for_type(x509.UniformResourceIdentifier),
    }
