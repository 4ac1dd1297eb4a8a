"""Keeps what every cluster has of priority and fairness, and says of each FlowSchema whether its priority level exists."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from podling.aio.clock import Clock
from podling.api import kinds, times
from podling.api.errors import ApiError
from podling.api.gotext import quote
from podling.api.kinds import Kind
from podling.api.types import flowcontrol_v1
from podling.apiserver.world import World
from podling.store.interface import Compacted, Lagging, StoreFault
from podling.store.watchcache import Selection

from . import bootstrap
from .following import KINDS

DANGLING = "Dangling"

log = logging.getLogger(__name__)

Condition = flowcontrol_v1.FlowSchemaCondition


def dangling(
    schema: flowcontrol_v1.FlowSchema, levels: Iterable[str], *, now: float
) -> list[Condition] | None:
    """The conditions that a schema should have; None if it has them."""
    name = schema.spec.priority_level_configuration.name
    exists = name in levels
    status, reason = ("False", "Found") if exists else ("True", "NotFound")
    what = "and it exists" if exists else "but there is no such object"
    message = f"This FlowSchema references the PriorityLevelConfiguration object named {quote(name)} {what}"
    had = (schema.status.conditions if schema.status is not None else None) or []
    before = next((one for one in had if one.type == DANGLING), None)
    if before is not None and (before.status, before.reason, before.message) == (status, reason, message):
        return None
    since = times.rfc3339(now)
    if before is not None and before.status == status and before.last_transition_time:
        since = before.last_transition_time
    said = Condition(type=DANGLING, status=status, reason=reason, message=message, last_transition_time=since)
    return [*(one for one in had if one.type != DANGLING), said]


class Keeper:
    """`ensure` creates what is missing and puts right what must be so; `show` writes a schema's conditions."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        ensure: Callable[[Sequence[Any]], Awaitable[None]],
        show: Callable[[flowcontrol_v1.FlowSchema, list[Condition]], Awaitable[None]],
    ) -> None:
        self._world, self._clock = world, clock
        self._ensure, self._show = ensure, show
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled: after every change of a schema or level."""
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._listen(kind), name=f"changes of {kind.plural}")
            while True:
                await self._changed.wait()
                self._changed.clear()
                try:
                    await self.keep()
                except (ApiError, StoreFault) as error:
                    log.warning("rules of priority and fairness are not as they should be: %s", error)

    async def _listen(self, kind: Kind) -> None:
        collection = self._world.collection(kind)
        while True:
            with collection.subscribe(Selection(), since=collection.revision) as changes:
                self._changed.set()
                try:
                    while True:
                        await changes.next()
                        self._changed.set()
                except (Compacted, Lagging):
                    continue

    async def keep(self) -> None:
        await self._ensure([*bootstrap.levels(), *bootstrap.schemas()])
        names = {
            level.metadata.name or "" for level in self._world.bodies(kinds.PRIORITY_LEVEL_CONFIGURATION)
        }
        for schema in [*self._world.bodies(kinds.FLOW_SCHEMA)]:
            conditions = dangling(schema, names, now=self._clock.now())
            if conditions is not None:
                await self._show(schema, conditions)
