"""What projections of trust bundles and certificates may say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api.field import Path
from podling.api.types import core_v1
from podling.apiserver.defaults import pod_spec
from podling.apiserver.validation import volumes

WHERE = "spec.volumes[0].projected.sources[0]"


def faults(**source: Any) -> list[str]:
    given = [{"name": "v", "projected": {"sources": [source]}}]
    listed = msgspec.convert(given, list[core_v1.Volume])
    return [str(fault).replace(WHERE, "") for fault in volumes.faults(listed, Path("spec") / "volumes", {})]


def bundle(**fields: Any) -> list[str]:
    return faults(clusterTrustBundle={"path": "ca.pem", **fields})


def certificate(**fields: Any) -> list[str]:
    whole = {"signerName": "e.org/ca", "keyType": "ED25519", "credentialBundlePath": "both.pem", **fields}
    return faults(podCertificate=whole)


@pytest.mark.parametrize(
    "fields", [{"name": "roots"}, {"signerName": "e.org/ca"}, {"signerName": "e.org/ca", "labelSelector": {}}]
)
def test_a_bundle_is_named_or_chosen(fields: dict[str, Any]):
    assert bundle(**fields) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, ".clusterTrustBundlePEM: Required value: either name or signerName must be specified"),
        ({"name": "a", "signerName": "e.org/ca"}, "only one of name and signerName may be used"),
        ({"name": ""}, ".clusterTrustBundlePEM.name: Required value: must be a valid object name"),
        ({"name": "a", "labelSelector": {}}, "labelSelector must be unset if name is specified"),
        ({"signerName": "ca"}, "must be a fully qualified domain and path"),
        ({"name": "a", "path": ""}, ".clusterTrustBundlePEM.path: Required value"),
        ({"name": "a", "path": "../b"}, "must not contain '..'"),
    ],
)
def test_bundles_that_are_not_said_plainly_are_refused(fields: dict[str, Any], why: str):
    assert why in bundle(**fields)[0]


def test_a_certificate_with_a_key_of_a_known_sort_and_one_file_is_enough():
    assert certificate() == []
    assert certificate(credentialBundlePath=None, keyPath="k", maxExpirationSeconds=3600) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"keyType": "RSA2048"}, '.podCertificate.keyType: Unsupported value: "RSA2048"'),
        ({"signerName": ""}, ".podCertificate.signerName: Required value"),
        ({"maxExpirationSeconds": 60}, "maxExpirationSeconds must be >= 3600"),
        ({"maxExpirationSeconds": 7862401}, "maxExpirationSeconds must be <= 7862400"),
        ({"credentialBundlePath": ""}, "specify at least one of credentialBundlePath"),
        ({"keyPath": "/k"}, "must be a relative path"),
        ({"keyPath": "both.pem"}, "conflicting duplicate paths"),
    ],
)
def test_certificates_that_no_signer_could_give_are_refused(fields: dict[str, Any], why: str):
    assert why in certificate(**fields)[0]


def test_a_certificate_lasts_a_day_unless_it_says_otherwise():
    source = core_v1.PodCertificateProjection(signer_name="e.org/ca", key_type="ED25519")
    volume = core_v1.Volume(
        name="v",
        projected=core_v1.ProjectedVolumeSource(sources=[core_v1.VolumeProjection(pod_certificate=source)]),
    )
    spec = core_v1.PodSpec(volumes=[volume])
    pod_spec.pod_spec(spec)
    assert source.max_expiration_seconds == 86400
