"""Defaults of EndpointSlices."""

from __future__ import annotations

from podling.api.types import discovery_v1


def endpoint_slice(body: discovery_v1.EndpointSlice) -> None:
    for port in body.ports or ():
        port.name = port.name or ""
        port.protocol = port.protocol or "TCP"


DEFAULTS = {"EndpointSlice": endpoint_slice}
