"""Whether a CRI runtime answers at an endpoint, for ``podling doctor`` and before a cluster is made."""

from __future__ import annotations

from .api import Cri
from .runtime import ask
from .status import RuntimeStatus


async def probe(endpoint: str) -> RuntimeStatus:
    """What the runtime says of itself.  Raises ``Unavailable``."""
    cri = Cri(endpoint)
    try:
        return await ask(cri)
    finally:
        cri.close()
