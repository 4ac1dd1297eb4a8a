"""What to send to turn the status that the API has into the one that is (pure).

A strategic merge patch: lists of conditions merge by type, so that conditions of others are never overwritten; container statuses
are replaced whole; addresses are replaced explicitly, as that list would merge.
"""

from __future__ import annotations

from typing import Any

import msgspec

from podling.api.types import core_v1

from .podstate.conditions import PASSING, is_ours

_MERGED_BY_IP = ("pod_ips", "host_ips")
_NAMES = dict(
    zip(core_v1.PodStatus.__struct_fields__, core_v1.PodStatus.__struct_encode_fields__, strict=True)
)
AGENTS_FIELDS = (
    "phase",
    "reason",
    "message",
    "conditions",
    "container_statuses",
    "init_container_statuses",
    "ephemeral_container_statuses",
    "host_ip",
    "host_ips",
    "pod_ip",
    "pod_ips",
    "start_time",
    "qos_class",
    "observed_generation",
    "allocated_resources",
    "resources",
)
"""What the node agent writes; every other field of a status belongs to somebody else."""


def difference(old: core_v1.PodStatus, new: core_v1.PodStatus) -> dict[str, Any]:
    """The ``status`` part of the patch; empty if there is nothing to tell."""
    changes: dict[str, Any] = {}
    for field in AGENTS_FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if before == after or (not before and not after):
            continue
        if field == "conditions":
            if told := _conditions(before, after):
                changes["conditions"] = told
        elif field in _MERGED_BY_IP and before:
            changes[_NAMES[field]] = [{"$patch": "replace"}, *_plain(after or [])]
        else:
            changes[_NAMES[field]] = _plain(after)
    return changes


def only_acknowledges(old: core_v1.PodStatus, changes: dict[str, Any]) -> bool:
    """Whether the changes just say that a newer generation of the object has been seen."""
    if not changes.keys() <= {"observedGeneration", "conditions"}:
        return False
    known = {condition.type: (condition.status, condition.reason) for condition in old.conditions or []}
    return all(
        known.get(told["type"]) == (told.get("status"), told.get("reason"))
        for told in changes.get("conditions", [])
    )


def _conditions(
    before: list[core_v1.PodCondition] | None, after: list[core_v1.PodCondition] | None
) -> list[Any]:
    """Our conditions that differ; a reason or message that went away is taken away explicitly."""
    known = {condition.type: condition for condition in before or []}
    told = []
    for condition in after or []:
        old = known.get(condition.type)
        if not is_ours(condition) or condition == old:
            continue
        plain = _plain(condition)
        if old is not None:
            plain |= {name: None for name in _plain(old) if name not in plain}
        told.append(plain)
    now = {condition.type for condition in after or ()}
    told += [{"type": type, "$patch": "delete"} for type in PASSING if type in known and type not in now]
    return told


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
