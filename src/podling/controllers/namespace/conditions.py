"""What a namespace's status says about its deletion (pure), in upstream's words and order.

Source: kubernetes `pkg/controller/namespace/deletion/status_condition_utils.go`; users and tools read these texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from podling.api import times
from podling.api.types import core_v1


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a namespace's content after a sweep. Nothing at all: it can be finalized."""

    undiscovered: dict[str, str] = field(default_factory=dict)
    """Group and version that could not be asked -> why."""
    failures: tuple[str, ...] = ()
    """What could not be deleted, and why."""
    objects: dict[str, int] = field(default_factory=dict)
    """`plural.group` -> how many are still there."""
    finalizers: dict[str, int] = field(default_factory=dict)
    """Finalizer -> in how many of these objects."""

    @property
    def nothing(self) -> bool:
        return not (self.undiscovered or self.failures or self.objects)


@dataclass(frozen=True, slots=True)
class _Row:
    type: str
    good_reason: str
    good_message: str


_ROWS = (
    _Row("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    _Row(
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    _Row(
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    _Row("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    _Row(
        "NamespaceFinalizersRemaining",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
)


def conditions(
    present: Sequence[core_v1.NamespaceCondition], remains: Remains, *, now: float
) -> list[core_v1.NamespaceCondition]:
    """The conditions to show. Those that say the same as before keep their time; foreign ones stay."""
    bad = _bad(remains)
    known = {condition.type: condition for condition in present}
    ours = [_condition(row, bad.get(row.type), known.get(row.type), now) for row in _ROWS]
    types = {row.type for row in _ROWS}
    return [*(condition for condition in present if condition.type not in types), *ours]


def _bad(remains: Remains) -> dict[str, tuple[str, str]]:
    """Type -> reason and message of the conditions that are true."""
    found: dict[str, tuple[str, str]] = {}
    if remains.undiscovered:
        groups = ", ".join(f"{name}: {why}" for name, why in sorted(remains.undiscovered.items()))
        message = f"Discovery failed for some groups, {len(remains.undiscovered)} failing: {groups}"
        found["NamespaceDeletionDiscoveryFailure"] = ("DiscoveryFailed", message)
    if remains.failures:
        reasons = ", ".join(sorted(remains.failures))
        message = f"Failed to delete all resource types, {len(remains.failures)} remaining: {reasons}"
        found["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", message)
    if remains.objects:
        parts = ", ".join(
            f"{name} has {count} resource instances" for name, count in sorted(remains.objects.items())
        )
        found["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {parts}")
    if remains.finalizers:
        parts = ", ".join(
            f"{name} in {count} resource instances" for name, count in sorted(remains.finalizers.items())
        )
        message = f"Some content in the namespace has finalizers remaining: {parts}"
        found["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    return found


def _condition(
    row: _Row, bad: tuple[str, str] | None, before: core_v1.NamespaceCondition | None, now: float
) -> core_v1.NamespaceCondition:
    reason, message = bad or (row.good_reason, row.good_message)
    fresh = core_v1.NamespaceCondition(
        type=row.type,
        status="True" if bad else "False",
        reason=reason,
        message=message,
        last_transition_time=times.rfc3339(now),
    )
    if before is None:
        return fresh
    same = (before.status, before.reason, before.message) == (fresh.status, fresh.reason, fresh.message)
    return before if same else fresh
