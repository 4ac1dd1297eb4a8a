"""Endpoints of Services that have a selector: the older form of EndpointSlices, one object a Service.

`decide` says what it holds (pure), `controller` writes it. Upstream's pkg/controller/endpoint.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
