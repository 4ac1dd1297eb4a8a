"""What may have to be done for a Pod: small frozen orders, carried out by `podling.agent.operations`.

An action's ``key`` says what it works on: one action of a key is under way at a time.  The plan never orders what is under
way already, save to replace a `KillContainer` by one that ends sooner.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Action(abc.ABC):
    @property
    @abc.abstractmethod
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class MountVolumes(Action):
    """Set up every volume of the Pod."""

    @property
    def key(self) -> str:
        return "volumes"


@dataclass(frozen=True, slots=True)
class UnmountVolumes(Action):
    """Take down the volumes and everything else under the Pod's folder."""

    @property
    def key(self) -> str:
        return "volumes"


@dataclass(frozen=True, slots=True)
class CreateSandbox(Action):
    attempt: int

    @property
    def key(self) -> str:
        return "sandbox"


@dataclass(frozen=True, slots=True)
class StopSandbox(Action):
    sandbox_id: str

    @property
    def key(self) -> str:
        return f"sandbox/{self.sandbox_id}"


@dataclass(frozen=True, slots=True)
class RemoveSandbox(Action):
    """Remove a stopped sandbox with its containers."""

    sandbox_id: str

    @property
    def key(self) -> str:
        return f"sandbox/{self.sandbox_id}"


@dataclass(frozen=True, slots=True)
class PrepareImage(Action):
    """Find or pull the image of the container ``name``, as its pull policy says."""

    name: str

    @property
    def key(self) -> str:
        return f"image/{self.name}"


@dataclass(frozen=True, slots=True)
class StartContainer(Action):
    """Create and start attempt ``attempt`` of the container ``name``; ``crashes`` counts its restarts in a row.

    ``existing`` is a container that was created but never started (its maker died in between): only start it.
    """

    name: str
    sandbox_id: str
    attempt: int
    image_id: str
    crashes: int = 0
    existing: str = ""

    @property
    def key(self) -> str:
        return f"start/{self.name}"


@dataclass(frozen=True, slots=True)
class KillContainer(Action):
    """End a container: preStop, stop signal, and SIGKILL at ``deadline`` (seconds since the epoch)."""

    container_id: str
    name: str
    deadline: float
    message: str
    again: bool = False
    """It starts again at once, whatever policies and back-off say: with other resources, or another image."""

    @property
    def key(self) -> str:
        return f"kill/{self.container_id}"


@dataclass(frozen=True, slots=True)
class ResizePod(Action):
    """Give running containers the resources that they have been granted; ``final``: and then the Pod's own group.

    No container is started meanwhile: that widens the group for it.
    """

    KEY: ClassVar = "resize"
    sandbox_id: str
    containers: tuple[str, ...] = ()
    final: bool = True

    @property
    def key(self) -> str:
        return self.KEY


@dataclass(frozen=True, slots=True)
class RemoveContainer(Action):
    """Forget a dead container, with its log."""

    container_id: str

    @property
    def key(self) -> str:
        return f"kill/{self.container_id}"


@dataclass(frozen=True, slots=True)
class DeleteObject(Action):
    """Delete the Pod's object: nothing of it is left on this node."""

    @property
    def key(self) -> str:
        return "delete"


@dataclass(frozen=True, slots=True)
class Note:
    """An Event to tell: once per ``key``, which changes with every new occurrence."""

    key: str
    type: str
    reason: str
    message: str
    container: str = ""
