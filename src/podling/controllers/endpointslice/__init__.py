"""EndpointSlices of Services that have a selector.

`desired` says which endpoints there should be, `packing` into which slices they go with the fewest writes, `hints` whom each of them
should serve (all pure); `controller` acts. Upstream's k8s.io/endpointslice.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
