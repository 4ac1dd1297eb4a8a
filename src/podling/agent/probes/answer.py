"""What a probe says, whoever asked."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import Protocol

from podling.api.types import core_v1

VERSION = "1.37"
USER_AGENT = f"kube-probe/{VERSION}"


@dataclass(frozen=True, slots=True)
class Answer:
    """``failure`` is empty for a good answer; ``warning`` goes into an Event though the answer counts as good.

    ``status`` is HTTP's, of an answer that came, good or not.
    """

    failure: str = ""
    warning: str = ""
    status: int = field(default=0, compare=False)


class Prober(Protocol):
    """Asks once, within the probe's timeout.  Raises ``ProbeFault`` where no answer could be had that would count."""

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer: ...


def reason(error: OSError) -> str:
    """Why a connection failed, in C's words where it has them; TLS numbers its errors otherwise."""
    if error.errno is None or isinstance(error, ssl.SSLError):
        return (error.strerror or str(error)).lower()
    return os.strerror(error.errno).lower()
