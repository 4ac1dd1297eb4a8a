"""Fields that an apply would take from other managers, and how a refusal words them."""

from __future__ import annotations

from dataclasses import dataclass

from podling.api import errors
from podling.api.gotext import quote
from podling.api.managedfields import FieldSet
from podling.api.types.meta_v1 import ManagedFieldsEntry, StatusCause

from .paths import members

_REASON = "FieldManagerConflict"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One manager's fields that the apply sets to something else."""

    entry: ManagedFieldsEntry
    fields: FieldSet

    @property
    def owner(self) -> str:
        """The manager in words: `"kubectl-edit" using apps/v1`; appliers go by their name alone."""
        entry = self.entry
        text = quote(entry.manager or "")
        if entry.subresource:
            text += f" with subresource {quote(entry.subresource)}"
        return f"{text} using {entry.api_version}" if entry.operation == "Update" else text

    @property
    def paths(self) -> list[str]:
        return list(members(self.fields))


def message(conflicts: list[Conflict]) -> str:
    """`Apply failed with ...`: one conflict in a line, several as a list per manager."""
    pairs = [(conflict.owner, path) for conflict in conflicts for path in conflict.paths]
    if len(pairs) == 1:
        owner, path = pairs[0]
        return f"Apply failed with 1 conflict: conflict with {owner}: {path}"
    lines = []
    for conflict in conflicts:
        lines.append(f"conflicts with {conflict.owner}:")
        lines += [f"- {path}" for path in conflict.paths]
    return f"Apply failed with {len(pairs)} conflicts: " + "\n".join(lines)


def refusal(conflicts: list[Conflict]) -> errors.ApplyConflict:
    """409 with a cause for every field."""
    causes = [
        StatusCause(reason=_REASON, message=f"conflict with {conflict.owner}", field=path)
        for conflict in conflicts
        for path in conflict.paths
    ]
    return errors.ApplyConflict(causes, message(conflicts))
