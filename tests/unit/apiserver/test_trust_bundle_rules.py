"""What the server refuses of ClusterTrustBundles (pkg/apis/certificates/validation)."""

from __future__ import annotations

import datetime
from functools import cache

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.api.types import certificates_v1
from podling.apiserver.validation import cluster_trust_bundle

SIGNER = "example.com/ca"
START = 'spec.trustBundle: Invalid value: "<value omitted>": '


@cache
def certificate(name="root", *, ca=True):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
    )
    if ca is not None:
        built = built.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def block(kind, content="AAAA"):
    return f"-----BEGIN {kind}-----\n{content}\n-----END {kind}-----\n"


def bundle(text, name="roots", signer=None):
    body = {"metadata": {"name": name}, "spec": {"signerName": signer, "trustBundle": text}}
    return msgspec.convert(body, certificates_v1.ClusterTrustBundle)


def said(faults):
    return [str(fault) for fault in faults]


def test_bundles_that_are_well():
    for good in (
        bundle(certificate()),
        bundle(f"These are ours:\n{certificate()}and theirs:\n{certificate('other')}"),
        bundle(certificate(), "example.com:ca:roots", SIGNER),
    ):
        assert said(cluster_trust_bundle.create(good)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", ["at least one trust anchor must be provided"]),
        (block("PRIVATE KEY"), ["entry 0 has bad block type: PRIVATE KEY"]),
        (block("CERTIFICATE"), ["entry 0 does not parse as X.509"]),
        (block("CERTIFICATE", "Kind: mine\n\nAAAA"), ["entry 0 has PEM block headers"]),
        (
            certificate() + certificate("leaf", ca=False) + certificate("old", ca=None),
            ["entry 1 does not have the CA bit set", "entry 2 does not have the CA bit set"],
        ),
        (
            certificate() + certificate("other") + certificate(),
            ["duplicate trust anchor (indices [0 2])"],
        ),
    ],
)
def test_anchors_that_are_none(text, expected):
    assert said(cluster_trust_bundle.create(bundle(text))) == [START + why for why in expected]


def test_a_bundle_has_an_end():
    huge = certificate() + "#" * 1024 * 1024
    assert said(cluster_trust_bundle.create(bundle(huge))) == [
        "spec.trustBundle: Too long: may not be more than 1048576 bytes"
    ]


@pytest.mark.parametrize(
    ("name", "signer", "expected"),
    [
        ("a:b", None, 'ClusterTrustBundle without signer name must not have ":" in its name'),
        (
            "roots",
            SIGNER,
            "ClusterTrustBundle for signerName example.com/ca must be named with prefix example.com:ca:",
        ),
    ],
)
def test_the_name_of_a_bundle_tells_its_signer(name, signer, expected):
    assert said(cluster_trust_bundle.create(bundle(certificate(), name, signer))) == [
        f'metadata.name: Invalid value: "{name}": {expected}'
    ]


def test_the_rest_of_the_name_is_a_domain():
    (fault,) = cluster_trust_bundle.create(bundle(certificate(), "example.com:ca:_", SIGNER))
    assert (fault.field, fault.value) == ("metadata.name", "example.com:ca:_")


def test_the_signer_of_a_bundle_never_changes_and_old_anchors_are_not_read_again():
    old = bundle("x", "example.com:ca:roots", SIGNER)
    assert said(cluster_trust_bundle.update(bundle("x", "example.com:ca:roots", SIGNER), old)) == []
    assert said(cluster_trust_bundle.update(bundle("y", "roots"), old)) == [
        f"{START}at least one trust anchor must be provided",
        "spec.signerName: Invalid value: null: field is immutable",
    ]
