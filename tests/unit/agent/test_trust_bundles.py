"""Which trust bundles a projection means, and how they are written."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podling.agent.errors import VolumeFault
from podling.agent.volumes import trustbundle
from podling.api.types import certificates_v1, core_v1, meta_v1


def pem(content: bytes, *, headers: str = "") -> str:
    body = base64.encodebytes(content).decode()
    return f"-----BEGIN CERTIFICATE-----\n{headers}{body}-----END CERTIFICATE-----\n"


def bundle(
    name: str, *, signer: str | None = None, labels: dict[str, str] | None = None
) -> certificates_v1.ClusterTrustBundle:
    return certificates_v1.ClusterTrustBundle(
        metadata=meta_v1.ObjectMeta(name=name, labels=labels),
        spec=certificates_v1.ClusterTrustBundleSpec(signer_name=signer, trust_bundle=name),
    )


KNOWN = [
    bundle("plain"),
    bundle("s:live", signer="s/s", labels={"on": "yes"}),
    bundle("s:dead", signer="s/s", labels={"on": "no"}),
    bundle("t:live", signer="t/t", labels={"on": "yes"}),
]
LIVE = meta_v1.LabelSelector(match_labels={"on": "yes"})


def chosen(**fields: Any) -> list[str | None]:
    source = core_v1.ClusterTrustBundleProjection(path="p", **fields)
    return [one.metadata.name for one in trustbundle.select(KNOWN, source)]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"name": "plain"}, ["plain"]),
        ({"signer_name": "s/s", "label_selector": LIVE}, ["s:live"]),
        ({"signer_name": "s/s", "label_selector": meta_v1.LabelSelector()}, ["s:live", "s:dead"]),
        ({"name": "none", "optional": True}, []),
        ({"signer_name": "s/s", "optional": True}, []),
    ],
    ids=["by name", "of a signer with labels", "all of a signer", "optional name", "no selector means none"],
)
def test_a_name_or_a_signer_and_labels_choose(fields: dict[str, Any], names: list[str]):
    assert chosen(**fields) == names


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"name": "none"},
            'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "none" not found',
        ),
        (
            {"signer_name": "u/u", "label_selector": LIVE},
            "combination of signerName and labelSelector matched zero ClusterTrustBundles",
        ),
    ],
)
def test_nothing_where_something_must_be_is_told_in_upstreams_words(fields: dict[str, Any], why: str):
    with pytest.raises(VolumeFault) as told:
        chosen(**fields)
    assert str(told.value) == why


def test_each_certificate_is_written_once_and_nothing_else():
    one, two = pem(b"1" * 100), pem(b"2")
    noisy = f"a comment\n{pem(b'2', headers='Proc-Type: 4,ENCRYPTED' + chr(10) + 'X: y' + chr(10) * 2)}"
    written = trustbundle.plain([two + one, noisy])
    assert written == (one + two).encode().replace(
        base64.encodebytes(b"1" * 100), _wrapped(base64.b64encode(b"1" * 100))
    )
    assert trustbundle.plain([]) == b""


def _wrapped(text: bytes) -> bytes:
    return b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
