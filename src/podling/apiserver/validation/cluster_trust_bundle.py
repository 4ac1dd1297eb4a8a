"""The rules of ClusterTrustBundles: the name tells the signer, and every anchor is a CA's certificate.

(pkg/apis/certificates/validation, ValidateClusterTrustBundleName in pkg/apis/core/validation.)
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import certificates_v1

from .metadata import METADATA, immutable
from .signers import signer_name

SIGNER, BUNDLE = Path("spec", "signerName"), Path("spec", "trustBundle")
MAX_BUNDLE = 1024 * 1024
_OMITTED = "<value omitted>"
_BLOCK = re.compile("^-----BEGIN (.+?)-----[ \\t]*\\r?\\n(.*?)^-----END \\1-----", re.DOTALL | re.MULTILINE)

Bundle = certificates_v1.ClusterTrustBundle


def create(bundle: Bundle) -> Iterator[FieldError]:
    yield from _named(bundle)
    yield from _anchors(bundle.spec.trust_bundle)


def update(bundle: Bundle, old: Bundle) -> Iterator[FieldError]:
    """What is not changed is not read again."""
    yield from _named(bundle)
    if bundle.spec.trust_bundle != old.spec.trust_bundle:
        yield from _anchors(bundle.spec.trust_bundle)
    yield from immutable(bundle.spec.signer_name, old.spec.signer_name, SIGNER)


def _named(bundle: Bundle) -> Iterator[FieldError]:
    signer, meta = bundle.spec.signer_name or "", bundle.metadata
    for value, name in ((meta.generate_name, "generateName"), (meta.name, "name")):
        for why in _name_faults(signer, value, is_prefix=name == "generateName") if value else ():
            yield field.invalid(METADATA / name, value, why)
    if signer:
        yield from signer_name(signer, SIGNER)


def _name_faults(signer: str, name: str, *, is_prefix: bool) -> list[str]:
    start = f"{signer.replace('/', ':')}:" if signer else ""
    if not name.startswith(start):
        return [f"ClusterTrustBundle for signerName {signer} must be named with prefix {start}"]
    if not signer and ":" in name:
        return ['ClusterTrustBundle without signer name must not have ":" in its name']
    rest = name.removeprefix(start)
    return names.name_prefix("subdomain", rest) if is_prefix else names.dns1123_subdomain(rest)


def _anchors(text: str) -> Iterator[FieldError]:
    if len(text.encode()) > MAX_BUNDLE:
        yield field.too_long(BUNDLE, MAX_BUNDLE)
        return
    blocks = _BLOCK.findall(text)
    faults = [f"entry {at} {why}" for at, block in enumerate(blocks) if (why := _anchor_fault(*block))]
    if not faults and not blocks:
        faults = ["at least one trust anchor must be provided"]
    if not faults:
        faults = [f"duplicate trust anchor (indices [{' '.join(map(str, at))}])" for at in _repeated(blocks)]
    for why in faults:
        yield field.invalid(BUNDLE, _OMITTED, why)


def _anchor_fault(kind: str, content: str) -> str:
    from cryptography import x509

    if kind != "CERTIFICATE":
        return f"has bad block type: {kind}"
    if ":" in content:
        return "has PEM block headers"
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(content))
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return "does not have the CA bit set"
    except (ValueError, binascii.Error):
        return "does not parse as X.509"
    return "" if constraints.value.ca else "does not have the CA bit set"


def _repeated(blocks: list[tuple[str, str]]) -> list[list[int]]:
    """Where the same anchor stands, for each that stands in more than one place."""
    found = defaultdict(list)
    for index, (_, content) in enumerate(blocks):
        found[base64.b64decode(content)].append(index)
    return [places for places in found.values() if len(places) > 1]
