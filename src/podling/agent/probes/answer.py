"""What a probe says, whoever asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from podling.api.types import core_v1

USER_AGENT = "kube-probe/1.37"


@dataclass(frozen=True, slots=True)
class Answer:
    """``failure`` is empty for a good answer; ``warning`` goes into an Event though the answer counts as good."""

    failure: str = ""
    warning: str = ""


class Prober(Protocol):
    """Asks once, within the probe's timeout.  Raises ``ProbeFault`` where no answer could be had that would count."""

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer: ...
