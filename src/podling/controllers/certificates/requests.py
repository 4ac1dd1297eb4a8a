"""What has become of a certificate request so far."""

from __future__ import annotations

from collections.abc import Sequence

from podling.api.types import certificates_v1

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"

Request = certificates_v1.CertificateSigningRequest
Condition = certificates_v1.CertificateSigningRequestCondition


def conditions(request: Request) -> Sequence[Condition]:
    return (request.status.conditions if request.status is not None else None) or ()


def has(request: Request, *kinds: str) -> bool:
    """Whether it has one of these conditions."""
    return any(one.type in kinds and one.status == "True" for one in conditions(request))


def certificate(request: Request) -> str:
    """What was issued, base64 of PEM; "" if nothing was."""
    return (request.status.certificate if request.status is not None else None) or ""


def with_condition(request: Request, condition: Condition) -> None:
    """Add to a request of one's own."""
    if request.status is None:
        request.status = certificates_v1.CertificateSigningRequestStatus()
    request.status.conditions = [*(request.status.conditions or ()), condition]
