"""The rules of projected trust bundles and certificates of Pods."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .resources import unreserved
from .scheduling import label_selector
from .signers import signer_name

KEY_TYPES = ("ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096")
MIN_SECONDS, MAX_SECONDS = 3600, 91 * 24 * 3600


def trust_bundle(source: core_v1.ClusterTrustBundleProjection, path: Path) -> Iterator[FieldError]:
    """One bundle by its name, or a signer's by labels."""
    if source.name is not None and source.signer_name is not None:
        yield field.invalid(path, "clusterTrustBundle", "only one of name and signerName may be used")
    elif source.name is not None:
        if not source.name:
            yield field.required(path / "name", "must be a valid object name")
        if source.label_selector is not None:
            why = "labelSelector must be unset if name is specified"
            yield field.invalid(path / "labelSelector", "labelSelector", why)
    elif source.signer_name is not None:
        if not source.signer_name:
            yield field.required(path / "signerName", "must be a valid signer name")
        yield from signer_name(source.signer_name, path / "signerName")
        if source.label_selector is not None:
            yield from label_selector(source.label_selector, path / "labelSelector")
    else:
        yield field.required(path, "either name or signerName must be specified")
    if not source.path:
        yield field.required(path / "path")
    yield from unreserved(source.path, path / "path")


def certificate(source: core_v1.PodCertificateProjection, path: Path) -> Iterator[FieldError]:
    """A signer, a key of a known sort, a time that signers accept, and at least one file."""
    yield from signer_name(source.signer_name, path / "signerName")
    if source.key_type not in KEY_TYPES:
        yield field.not_supported(path / "keyType", source.key_type, KEY_TYPES)
    seconds, where = source.max_expiration_seconds, path / "maxExpirationSeconds"
    if seconds is not None and seconds < MIN_SECONDS:
        yield field.invalid(where, seconds, f"if provided, maxExpirationSeconds must be >= {MIN_SECONDS}")
    if seconds is not None and seconds > MAX_SECONDS:
        yield field.invalid(where, seconds, f"if provided, maxExpirationSeconds must be <= {MAX_SECONDS}")
    files = {
        "credentialBundlePath": source.credential_bundle_path,
        "keyPath": source.key_path,
        "certificateChainPath": source.certificate_chain_path,
    }
    for name, file in files.items():
        yield from unreserved(file or "", path / name)
    if not any(files.values()):
        why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        yield field.required(path, why)
