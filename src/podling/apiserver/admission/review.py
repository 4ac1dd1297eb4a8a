"""What an admission plugin gets to see."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from podling.api import errors
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.apiserver.request import UserInfo


class Operation(enum.Enum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


@dataclass(slots=True)
class Review:
    """One operation on one object.

    `obj` is what will be stored and may be changed (None for deletes), `old` what is stored (None for creates).
    `resource` is group-qualified (`deployments.apps`).  For a subresource with a body of its own (`pods/binding`,
    `serviceaccounts/token`) `obj` is that body.  What is added to `warnings` is told with the answer.
    """

    operation: Operation
    kind: Kind
    resource: str
    subresource: str
    namespace: str
    name: str
    user: UserInfo
    obj: Object | None
    old: Object | None = None
    is_dry_run: bool = False
    warnings: list[str] = field(default_factory=list)

    def forbid(self, why: str) -> errors.Forbidden:
        """The refusal of a plugin, worded as upstream's."""
        name = (
            self.name
            or (self.obj.metadata.generate_name if self.obj is not None else "")
            or "Unknown/Unknown"
        )
        return errors.Forbidden(self.kind, name, why)


class World(Protocol):
    """The cluster as admission may look at it: decoded from the watch caches, read-only."""

    service_account_token_seconds: int
    not_ready_toleration_seconds: int
    unreachable_toleration_seconds: int

    def read(self, kind: Kind, namespace: str, name: str) -> Any | None:
        """The body of an object, None when there is none."""

    def bodies(self, kind: Kind) -> Iterator[Any]:
        """Every object of a kind."""

    def in_namespace(self, kind: Kind, namespace: str) -> Iterator[Any]:
        """Every object of a kind in one namespace."""

    async def wait_read(self, kind: Kind, namespace: str, name: str, *, seconds: float) -> Any | None:
        """As `read`, but waits a while for the object to appear."""

    def generate_name(self, base: str) -> str:
        """`base` and five random characters."""
