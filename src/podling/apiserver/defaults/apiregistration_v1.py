"""Defaults of APIServices."""

from __future__ import annotations

from podling.api.types import apiregistration_v1

PORT = 443


def api_service(body: apiregistration_v1.APIService) -> None:
    if body.spec is not None and body.spec.service is not None and body.spec.service.port is None:
        body.spec.service.port = PORT


DEFAULTS = {"APIService": api_service}
