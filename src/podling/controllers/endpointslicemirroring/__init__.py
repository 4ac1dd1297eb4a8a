"""EndpointSlices that say what hand-made Endpoints say, for readers that know slices only.

`decide` says which (pure), `controller` writes them. Upstream's pkg/controller/endpointslicemirroring.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
