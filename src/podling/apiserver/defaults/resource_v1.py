"""Defaults of requests for devices: one device, unless more or all are asked for."""

from __future__ import annotations

from typing import Protocol

from podling.api.types import resource_v1

EXACT = "ExactCount"


class Request(Protocol):
    """What asks for devices of one class, in any version."""

    allocation_mode: str | None
    count: int | None


def claim(body: resource_v1.ResourceClaim) -> None:
    _spec(body.spec)


def claim_template(body: resource_v1.ResourceClaimTemplate) -> None:
    _spec(body.spec.spec if body.spec is not None else None)


def request(asked: Request) -> None:
    """How many devices."""
    asked.allocation_mode = asked.allocation_mode or EXACT
    if asked.allocation_mode == EXACT and not asked.count:
        asked.count = 1


def _spec(spec: resource_v1.ResourceClaimSpec | None) -> None:
    devices = spec.devices if spec is not None else None
    for asked in (devices.requests if devices is not None else None) or ():
        exactly = [asked.exactly] if asked.exactly is not None else []
        for one in (*exactly, *(asked.first_available or ())):
            request(one)
            for toleration in one.tolerations or ():
                toleration.operator = toleration.operator or "Equal"


DEFAULTS = {"ResourceClaim": claim, "ResourceClaimTemplate": claim_template}
