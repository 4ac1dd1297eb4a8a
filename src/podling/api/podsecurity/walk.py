"""What the checks of a Pod share: walking over its containers, and putting findings into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from podling.api import pod as pods
from podling.api.types import core_v1

AnyContainer = core_v1.Container | core_v1.EphemeralContainer
OWN_USERS = 35
"""Minor release from which Pods with users of their own may be root in there."""


@dataclass(frozen=True, slots=True)
class Case:
    """A Pod to be judged by the rules of a minor release."""

    spec: core_v1.PodSpec
    annotations: Mapping[str, str]
    release: int

    @property
    def shared(self) -> core_v1.PodSecurityContext:
        return self.spec.security_context or core_v1.PodSecurityContext()

    @property
    def is_windows(self) -> bool:
        return self.release >= 25 and self.spec.os is not None and self.spec.os.name == "windows"

    @property
    def is_relaxed(self) -> bool:
        """Its root is nobody on the node (KEP-127)."""
        return self.release >= OWN_USERS and self.spec.host_users is False

    def containers(self) -> Iterator[tuple[AnyContainer, core_v1.SecurityContext]]:
        for one in pods.all_containers(self.spec):
            yield one, one.security_context or core_v1.SecurityContext()

    def named(self, bad: Callable[[core_v1.SecurityContext], object]) -> list[str]:
        """The containers whose own context is ``bad``."""
        return [one.name for one, context in self.containers() if bad(context)]


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a Pod is not of a level."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def listed(word: str, names: Iterable[str]) -> str:
    """`container "a"`, `containers "a", "b"`."""
    found = list(names)
    return f"{plural(word, len(found))} {quoted(found)}"


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def setters(*, pod: object, containers: list[str]) -> str:
    """Who has set something: `pod and container "a"`."""
    return " and ".join(
        [*(["pod"] if pod else []), *([listed("container", containers)] if containers else [])]
    )
