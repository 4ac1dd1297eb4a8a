"""Defaults of CustomResourceDefinitions."""

from __future__ import annotations

from podling.api.types import apiextensions_v1

PORT = 443


def definition(body: apiextensions_v1.CustomResourceDefinition) -> None:
    spec = body.spec
    spec.names.singular = spec.names.singular or spec.names.kind.lower()
    spec.names.list_kind = spec.names.list_kind or (f"{spec.names.kind}List" if spec.names.kind else None)
    if spec.conversion is None:
        spec.conversion = apiextensions_v1.CustomResourceConversion()
    spec.conversion.strategy = spec.conversion.strategy or "None"
    webhook = spec.conversion.webhook
    if webhook is not None and webhook.client_config is not None:
        service = webhook.client_config.service
        if service is not None and service.port is None:
            service.port = PORT


DEFAULTS = {"CustomResourceDefinition": definition}
