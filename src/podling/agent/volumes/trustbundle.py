"""``clusterTrustBundle``: the certificates of ClusterTrustBundles, of one by name or of all of a signer that have the labels.

What is written is plain: each certificate once, in one order for as long as they are the same, without comments or headers.
(Source: KEP-3257; kubelet `pkg/kubelet/clustertrustbundle`.)
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterable, Sequence

from podling.agent.errors import VolumeFault
from podling.api import selectors
from podling.api.types import certificates_v1, core_v1

from .context import Context

_PEM = re.compile(r"-----BEGIN [^-]+-----(.*?)-----END [^-]+-----", re.DOTALL)
_HEADERS = re.compile(r"\A\s*(?:[^\n]*:[^\n]*\n)+\s*\n")
_WIDTH = 64


async def anchors(ctx: Context, source: core_v1.ClusterTrustBundleProjection) -> bytes:
    """The file's content; empty where nothing fits and that is allowed.  Raises ``VolumeFault``."""
    known = await ctx.objects.trust_bundles()
    return plain(bundle.spec.trust_bundle for bundle in select(known, source))


def select(
    known: Iterable[certificates_v1.ClusterTrustBundle], source: core_v1.ClusterTrustBundleProjection
) -> Sequence[certificates_v1.ClusterTrustBundle]:
    """The bundles that are meant.  Raises ``VolumeFault`` if there is none and one must be."""
    if source.name is not None:
        found = [bundle for bundle in known if bundle.metadata.name == source.name]
        missing = (
            "while getting ClusterTrustBundle: "
            f'clustertrustbundle.certificates.k8s.io "{source.name}" not found'
        )
    else:
        selector = selectors.from_struct(source.label_selector)
        found = [
            bundle
            for bundle in known
            if bundle.spec.signer_name == source.signer_name
            and selector.matches(bundle.metadata.labels or {})
        ]
        missing = "combination of signerName and labelSelector matched zero ClusterTrustBundles"
    if not found and not source.optional:
        raise VolumeFault(missing)
    return found


def plain(bundles: Iterable[str]) -> bytes:
    """All certificates of PEM texts, each once."""
    found = {base64.b64decode(_HEADERS.sub("", body)) for text in bundles for body in _PEM.findall(text)}
    return b"".join(_pem(certificate) for certificate in sorted(found))


def _pem(certificate: bytes) -> bytes:
    lines = textwrap.wrap(base64.b64encode(certificate).decode(), _WIDTH)
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()
