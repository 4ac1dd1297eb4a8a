"""Certificates for Pods, asked for by PodCertificateRequest with keys that never leave the node, renewed when their signer says so.

    asked for -> request made -> waits for its signer -> Issued: held until ``beginRefreshAt``, then asked for anew, the old one serving on
                                                      -> Denied, Failed: for good

Whether a request is answered is seen by a watch of the node's own requests, which wakes the Pod.  (Source: KEP-4317; kubelet
`pkg/kubelet/podcertificate`.)
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from podling.aio.clock import Clock
from podling.api import times
from podling.api.errors import ApiError
from podling.api.types import certificates_v1, core_v1, meta_v1
from podling.client.client import Client
from podling.client.errors import ClientError

from .errors import VolumeFault
from .references import References

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes as PrivateKey

_SLOW_KEYS = ("RSA3072", "RSA4096")


class Place(NamedTuple):
    """One projection: the Pod, its volume, and which of the volume's sources."""

    uid: str
    volume: str
    source: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """PEM of a private key and of its certificate with those that lead to it."""

    key: str
    chain: str
    renew_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Asked:
    request: str
    key: str


class PodCertificates:
    """``node`` gives the Node's object."""

    def __init__(
        self, client: Client, *, references: References, node: Callable[[], core_v1.Node], clock: Clock
    ) -> None:
        self._requests = client.resource(certificates_v1.PodCertificateRequest)
        self._accounts = client.resource(core_v1.ServiceAccount)
        self._references = references
        self._node = node
        self._clock = clock
        self._held: dict[Place, Bundle] = {}
        self._asked: dict[Place, _Asked] = {}

    async def get(self, pod: core_v1.Pod, place: Place, source: core_v1.PodCertificateProjection) -> Bundle:
        """The certificate that holds now.  Raises ``VolumeFault`` while there is none."""
        held = self._held.get(place)
        if held is not None and self._clock.now() < held.renew_at:
            return held
        try:
            return await self._follow(pod, place, source)
        except VolumeFault:
            if held is None:
                raise
            return held  # serves until a new one is there

    def renew_at(self, uid: str) -> float | None:
        """When the first certificate of the Pod is due for renewal, in epoch seconds."""
        return min((held.renew_at for place, held in self._held.items() if place.uid == uid), default=None)

    def release(self, uid: str) -> None:
        for known in (self._held, self._asked):
            for place in [place for place in known if place.uid == uid]:
                del known[place]

    async def _follow(
        self, pod: core_v1.Pod, place: Place, source: core_v1.PodCertificateProjection
    ) -> Bundle:
        name = self._node().metadata.name or ""
        known = await self._references.certificate_requests(place.uid, name)
        asked = self._asked.get(place)
        if asked is None:
            asked = self._asked[place] = await self._ask(pod, source)
        found = next((one for one in known if one.metadata.name == asked.request), None)
        bundle = issued(found, asked.key)
        if bundle is None:
            raise VolumeFault("credential bundle is not issued yet")
        self._held[place] = bundle
        del self._asked[place]
        return bundle

    async def _ask(self, pod: core_v1.Pod, source: core_v1.PodCertificateProjection) -> _Asked:
        key = await _generate(source.key_type)
        meta, node = pod.metadata, self._node().metadata
        account = (pod.spec.service_account_name if pod.spec else None) or "default"
        owner = meta_v1.OwnerReference(api_version="v1", kind="Pod", name=meta.name or "", uid=meta.uid or "")
        try:
            holder = await self._accounts.get(account, namespace=meta.namespace)
            made = await self._requests.create(
                certificates_v1.PodCertificateRequest(
                    metadata=meta_v1.ObjectMeta(
                        generate_name="req-", namespace=meta.namespace, owner_references=[owner]
                    ),
                    spec=certificates_v1.PodCertificateRequestSpec(
                        signer_name=source.signer_name,
                        pod_name=meta.name or "",
                        pod_uid=meta.uid or "",
                        service_account_name=account,
                        service_account_uid=holder.metadata.uid or "",
                        node_name=node.name or "",
                        node_uid=node.uid or "",
                        max_expiration_seconds=source.max_expiration_seconds,
                        stub_pkcs10_request=_stub(key),
                        unverified_user_annotations=source.user_annotations,
                    ),
                )
            )
        except (ApiError, ClientError) as error:
            raise VolumeFault(f"while creating initial PodCertificateRequest: {error}") from error
        return _Asked(made.metadata.name or "", _pem(key))


def issued(request: certificates_v1.PodCertificateRequest | None, key: str) -> Bundle | None:
    """What came of a request; None while nothing did.  Raises ``VolumeFault`` if nothing ever will."""
    status = request.status if request is not None else None
    for condition in (status.conditions if status else None) or []:
        if condition.type in ("Denied", "Failed") and condition.status == "True":
            why = f'reason="{condition.reason}" message="{condition.message}"'
            verb = condition.type.lower()
            raise VolumeFault(f"PodCertificateRequest was permanently {verb}: {why}", event=condition.type)
        if condition.type == "Issued" and condition.status == "True" and status is not None:
            renew_at = times.parse(status.begin_refresh_at) if status.begin_refresh_at else float("inf")
            return Bundle(key, status.certificate_chain or "", renew_at)
    return None


async def _generate(key_type: str) -> PrivateKey:
    return await asyncio.to_thread(_make, key_type) if key_type in _SLOW_KEYS else _make(key_type)


def _make(key_type: str) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    makers: dict[str, Callable[[], Any]] = {
        "ED25519": ed25519.Ed25519PrivateKey.generate,
        "ECDSAP256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ECDSAP384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ECDSAP521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "RSA3072": lambda: rsa.generate_private_key(65537, 3072),
        "RSA4096": lambda: rsa.generate_private_key(65537, 4096),
    }
    if key_type not in makers:
        raise VolumeFault(f'while generating keypair: unknown key type "{key_type}"')
    key: PrivateKey = makers[key_type]()
    return key


def _stub(key: PrivateKey) -> str:
    """A request of its own that says nothing but whose the key is."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, digest)
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def _pem(key: PrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
