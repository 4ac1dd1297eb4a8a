"""What can go wrong in the agent, besides what runtime, API server and network say themselves.

AgentFault
├── ConfigFault      a container's spec cannot be turned into a container now (status reason CreateContainerConfigError)
├── VolumeFault      a volume cannot be set up; ``event`` is the reason of the Event (FailedMount), "" for none
├── VolumeFaults     some volumes of a Pod cannot be set up
├── ProbeFault       a probe could not be carried out at all (its result does not count)
└── NotRunning       a request names a Pod or container that is not here or not in a state to serve it
"""

from __future__ import annotations

from collections.abc import Mapping

FAILED_MOUNT = "FailedMount"


class AgentFault(Exception):
    """The agent cannot do what a Pod or a client asks."""


class ConfigFault(AgentFault):
    """A container's spec cannot be turned into a container now: a key is missing, an option cannot be honoured."""


class VolumeFault(AgentFault):
    """A volume cannot be set up; ``stage`` is what upstream calls the step."""

    def __init__(self, message: str, *, event: str = FAILED_MOUNT, stage: str = "SetUp") -> None:
        super().__init__(message)
        self.event = event
        self.stage = stage


class VolumeFaults(AgentFault):
    """Some volumes of a Pod cannot be set up; ``faults`` by the volume's name."""

    def __init__(self, faults: Mapping[str, VolumeFault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults.values()))
        self.faults = faults


class ProbeFault(AgentFault):
    """A probe could not be carried out; upstream throws such a result away."""


class NotRunning(AgentFault):
    """The Pod or container is not on this node, or not in a state to serve the request; ``code`` is HTTP's."""

    def __init__(self, message: str, *, code: int = 404) -> None:
        super().__init__(message)
        self.code = code
