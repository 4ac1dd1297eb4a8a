"""Defaults of requests for devices in the version that has what is asked for exactly in the request itself."""

from __future__ import annotations

from podling.api.types import resource_v1beta1

from .resource_v1 import request


def claim(body: resource_v1beta1.ResourceClaim) -> None:
    _spec(body.spec)


def claim_template(body: resource_v1beta1.ResourceClaimTemplate) -> None:
    _spec(body.spec.spec if body.spec is not None else None)


def _spec(spec: resource_v1beta1.ResourceClaimSpec | None) -> None:
    devices = spec.devices if spec is not None else None
    for asked in (devices.requests if devices is not None else None) or ():
        exactly = [asked] if asked.device_class_name else []
        for one in (*exactly, *(asked.first_available or ())):
            request(one)
            for toleration in one.tolerations or ():
                toleration.operator = toleration.operator or "Equal"


DEFAULTS = {"ResourceClaim": claim, "ResourceClaimTemplate": claim_template}
