"""Which level of Kubernetes (1.25 ... 1.37) knows which types and fields.

The generated types are the union of all levels. A cluster serves one level: what that level does not know counts as unknown,
is dropped from what users write and is not discovered; what it knows but has not switched on is dropped, too (`features`).
The newest level is served unless a cluster asks for another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec

from . import features, schema
from .kinds import Kind
from .schema import Field, ListOf, MapOf, Record, Schema
from .types import _levels

OLDEST: Final = _levels.FIRST
NEWEST: Final = _levels.LAST


@dataclass(frozen=True, eq=False)
class Level:
    """One minor version: `Level(37)` is Kubernetes 1.37."""

    minor: int = NEWEST

    def __post_init__(self) -> None:
        if not OLDEST <= self.minor <= NEWEST:
            raise ValueError(f"cannot serve Kubernetes 1.{self.minor}: known are 1.{OLDEST} to 1.{NEWEST}")

    def knows_type(self, name: str) -> bool:
        """Whether a type, given as `core_v1.Pod`, exists."""
        first, last = _levels.TYPES.get(name, (OLDEST, NEWEST))
        return first <= self.minor <= last

    def knows(self, record: str, name: str) -> bool:
        """Whether a known type has the field of that JSON name; names that no level knows are not this level's business."""
        first, last = _levels.FIELDS.get(record, {}).get(name, (OLDEST, NEWEST))
        return first <= self.minor <= last

    def honours(self, record: str, name: str) -> bool:
        """Whether a field is known and in use by default."""
        first = features.HONOURED.get(record, {}).get(name, OLDEST)
        return self.minor >= first and self.knows(record, name)

    def subresources(self, row: Kind) -> tuple[str, ...]:
        """Those that a known resource has."""
        later = features.SUBRESOURCES
        return tuple(
            name for name in row.subresources if later.get(f"{row.plural}/{name}", OLDEST) <= self.minor
        )

    def drop_unknown(self, struct: msgspec.Struct) -> bool:
        """Empties, in place, the fields that this level does not honour; whether there were any that it does not know."""
        plan = self._plan(schema.of(type(struct)))
        return self._drop(struct, plan) if plan else False

    @property
    def _plans(self) -> dict[Record, _Plan]:
        return _plans_of(self.minor)

    def _plan(self, record: Record) -> _Plan:
        plan = self._plans.get(record)
        if plan is None:
            fields = record.fields.values()
            foreign = tuple(field.attribute for field in fields if not self.honours(record.name, field.name))
            inner = tuple(
                field.attribute
                for field in fields
                if field.attribute not in foreign and self._leads_to_foreign(field.schema, {record})
            )
            plan = self._plans[record] = _Plan(foreign, inner)
        return plan

    def _leads_to_foreign(self, node: Schema, seen: set[Record]) -> bool:
        match node:
            case ListOf(item) | MapOf(item):
                return self._leads_to_foreign(item, seen)
            case Record():
                if node in seen:
                    return False
                seen.add(node)
                return any(self._field_leads(node, field, seen) for field in node.fields.values())
        return False

    def _field_leads(self, record: Record, field: Field, seen: set[Record]) -> bool:
        return not self.honours(record.name, field.name) or self._leads_to_foreign(field.schema, seen)

    def _drop(self, value: Any, plan: _Plan | None = None) -> bool:
        if isinstance(value, msgspec.Struct):
            return self._drop_from(value, plan or self._plan(schema.of(type(value))))
        if isinstance(value, dict):
            value = list(value.values())
        dropped = [self._drop(item) for item in value] if isinstance(value, list) else []
        return any(dropped)

    def _drop_from(self, struct: msgspec.Struct, plan: _Plan) -> bool:
        dropped = False
        for attribute in plan.foreign:
            if getattr(struct, attribute) is not None:
                setattr(struct, attribute, None)
                dropped = True
        for attribute in plan.inner:
            dropped |= self._drop(getattr(struct, attribute))
        return dropped


LATEST: Final = Level()


@dataclass(frozen=True, slots=True)
class _Plan:
    """The attributes of a type that a level does not honour, and those under which there may be such."""

    foreign: tuple[str, ...]
    inner: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.foreign or self.inner)


@cache
def _plans_of(minor: int) -> dict[Record, _Plan]:
    """What has been found out about types so far, for all servers of a level in this process."""
    return {}
