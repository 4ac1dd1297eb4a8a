"""A plan in the making: collects what is to be done, what is waited for and what containers wait on."""

from __future__ import annotations

from dataclasses import dataclass, field

from .actions import Action, Note
from .view import View


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a container's status shows while it is held back."""

    reason: str
    message: str


@dataclass(slots=True)
class Draft:
    view: View
    actions: list[Action] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    wake_at: float | None = None
    over: bool = False
    """No container of the Pod runs or is to be started any more."""

    def act(self, action: Action) -> None:
        """Order ``action`` unless one of its key is under way or ordered."""
        if action.key not in self.view.busy and all(other.key != action.key for other in self.actions):
            self.actions.append(action)

    def replace(self, action: Action) -> None:
        """Order ``action`` even though one of its key is under way: it takes that one's place."""
        self.actions.append(action)

    def wait_until(self, at: float) -> None:
        """Plan again at ``at`` (seconds since the epoch) at the latest."""
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)

    def is_under_way(self, prefix: str) -> bool:
        """Whether an action is ordered or under way whose key starts with ``prefix``."""
        return any(key.startswith(prefix) for key in self.view.busy) or any(
            action.key.startswith(prefix) for action in self.actions
        )
