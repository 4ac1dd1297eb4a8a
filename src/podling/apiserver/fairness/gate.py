"""What requests go through before they are served: a seat at once, a place in a queue, or the door.

    turn = gate.enter(...)  ->  await gate.wait(turn, ...) if it must  ->  serve  ->  gate.leave(turn)

Nearly every request finds a seat, so `enter` does not wait and costs little more than a look into a dictionary.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from podling.aio.metrics import Family, text
from podling.api.types import flowcontrol_v1
from podling.apiserver.metrics import families as named
from podling.apiserver.request import RequestInfo, UserInfo

from . import bootstrap, schemas
from .queues import Queues, Waiter
from .seats import Seats, shares

REMEMBERED = 4096
FULL, LATE, NO_QUEUE = "queue-full", "time-out", "concurrency-limit"
"""Why a request is refused; upstream's labels."""

Schema = flowcontrol_v1.FlowSchema
Level = flowcontrol_v1.PriorityLevelConfiguration
Label = tuple[str, str]
"""(priority level, schema)"""


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a request belongs. `headers` tell its sender."""

    label: Label
    name: str
    is_exempt: bool
    headers: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Turn:
    """A request that has a seat, or waits for one while `waiter` has not been granted it."""

    flow: Flow
    width: int = 0
    began: float = 0.0
    waiter: Waiter | None = None
    queues: Queues | None = None


class Refused(Exception):
    """No room, now or in time; `flow` says by whose rules."""

    def __init__(self, flow: Flow, reason: str) -> None:
        super().__init__(reason)
        self.flow = flow


class Gate:
    """`total` seats of the server, shared out by the rules that `follow` was given last; `now` tells seconds."""

    def __init__(self, total: int, now: Callable[[], float]) -> None:
        self._total, self._now = total, now
        self._dispatched: Counter[Label] = Counter()
        self._executing: Counter[Label] = Counter()
        self._waiting: Counter[Label] = Counter()
        self._rejected: Counter[tuple[str, str, str]] = Counter()
        self._flows: dict[tuple[object, ...], Flow] = {}
        self._seats = Seats({})
        self._queues: dict[str, tuple[flowcontrol_v1.QueuingConfiguration | None, Queues | None]] = {}
        self.follow(bootstrap.schemas(), bootstrap.levels())

    def follow(self, given: Sequence[Schema], levels: Sequence[Level]) -> None:
        """New rules, from the next request on; queues stay unless their own settings change, then all of theirs come in.

        The mandatory ones hold even while they are not stored.
        """
        named_levels = {
            level.metadata.name or "": level for level in (*bootstrap.mandatory_levels(), *levels)
        }
        named_schemas = {one.metadata.name: one for one in (*bootstrap.mandatory_schemas(), *given)}
        self._levels = named_levels
        self._schemas = [
            one
            for one in schemas.in_order(named_schemas.values())
            if one.spec.priority_level_configuration.name in named_levels
        ]
        self._flows.clear()
        limited = {name: level for name, level in self._levels.items() if level.spec.limited is not None}
        self._seats.share_out(shares(limited.values(), self._total))
        before, self._queues = self._queues, {}
        for name, level in limited.items():
            queuing = level.spec.limited.limit_response.queuing if level.spec.limited is not None else None
            known = before.pop(name, None)
            kept = known is not None and known[0] == queuing
            self._queues[name] = known if kept and known is not None else (queuing, _queues(queuing))
            if known is not None and not kept:
                before[name] = known
        for _, queues in before.values():
            while queues is not None and (waiter := queues.first()) is not None:
                queues.serve(waiter)
                waiter.grant(False)
        self._admit()

    def enter(self, user: UserInfo, info: RequestInfo, width: Callable[[], int]) -> Turn:
        """A turn, which must be waited for if it has a waiter; raises Refused. `width` tells how many seats it takes."""
        flow = self._flow(user, info)
        if flow.is_exempt:
            return self._begin(Turn(flow))
        level, schema = flow.label
        turn = Turn(flow, width())
        queues = self._queues[level][1]
        if (queues is None or not queues.waiting) and self._seats.takes(level, turn.width):
            return self._begin(turn)
        if queues is None:
            raise self._refused(flow, NO_QUEUE)
        waiter = Waiter(turn.width)
        if not queues.put(waiter, schema, flow.name):
            raise self._refused(flow, FULL)
        turn.waiter, turn.queues = waiter, queues
        return turn

    async def wait(self, turn: Turn, seconds: float) -> None:
        """Wait for a seat, so long at most; raises Refused, and leaves nothing behind when cancelled."""
        waiter, queues = turn.waiter, turn.queues
        assert waiter is not None and queues is not None
        waiting = asyncio.get_running_loop().create_future()
        granted: list[bool] = []

        def grant(takes: bool) -> None:
            granted.append(takes)
            if not waiting.done():
                waiting.set_result(None)

        waiter.grant = grant
        self._waiting[turn.flow.label] += 1
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except BaseException as error:
            if granted:
                self._begin(turn, takes=granted[0])
                self.leave(turn)
            else:
                queues.give_up(waiter)
            if isinstance(error, TimeoutError):
                raise self._refused(turn.flow, LATE) from error
            raise
        finally:
            self._waiting[turn.flow.label] -= 1
        self._begin(turn, takes=granted[0])

    def leave(self, turn: Turn) -> None:
        """It has been served, or not after all."""
        self._executing[turn.flow.label] -= 1
        if turn.waiter is not None and turn.queues is not None:
            turn.queues.end(turn.waiter, self._now() - turn.began)
        if turn.width:
            self._seats.give_back(turn.flow.label[0], turn.width)
            self._admit(turn.flow.label[0])

    def lines(self) -> Iterator[str]:
        """For `/metrics`."""
        for family, counts in (
            (named.FLOW_DISPATCHED, self._dispatched),
            (named.FLOW_EXECUTING, self._executing),
            (named.FLOW_WAITING, self._waiting),
        ):
            yield from text(family, [(label, count) for label, count in counts.items()])
        yield from text(named.FLOW_REJECTED, list(self._rejected.items()))
        yield from self._of_levels(named.FLOW_NOMINAL, lambda name: self._seats.shares[name].nominal)
        yield from self._of_levels(named.FLOW_SEATS, lambda name: self._seats.used[name])

    def _of_levels(self, family: Family, value: Callable[[str], int]) -> Iterator[str]:
        yield from text(family, [((name,), value(name)) for name in self._queues])

    def _begin(self, turn: Turn, *, takes: bool = True) -> Turn:
        """Served from now on; without `takes` outside of all seats."""
        if not takes:
            turn.width = 0
        turn.began = self._now()
        self._dispatched[turn.flow.label] += 1
        self._executing[turn.flow.label] += 1
        return turn

    def _admit(self, first: str = "") -> None:
        """Give seats that are free to those who wait, beginning with the level that gave them back."""
        for name in (first, *self._queues) if first in self._queues else self._queues:
            queues = self._queues[name][1]
            while queues is not None and queues.waiting:
                waiter = queues.first()
                if waiter is None or not self._seats.takes(name, waiter.width):
                    break
                queues.serve(waiter)
                waiter.grant(True)

    def _refused(self, flow: Flow, reason: str) -> Refused:
        self._rejected[*flow.label, reason] += 1
        return Refused(flow, reason)

    def _flow(self, user: UserInfo, info: RequestInfo) -> Flow:
        """Remembered: the same users ask for the same again and again."""
        about = (
            (info.group, info.resource, info.subresource, info.namespace) if info.is_resource else info.path
        )
        key = (user.name, user.groups, info.verb, about)
        found = self._flows.get(key)
        if found is None:
            if len(self._flows) >= REMEMBERED:
                self._flows.clear()
            found = self._flows[key] = self._found(user, info)
        return found

    def _found(self, user: UserInfo, info: RequestInfo) -> Flow:
        """Whoever no schema takes, not even the one for all, gets the last one's rules."""
        schema = next((one for one in self._schemas if schemas.matches(one, user, info)), self._schemas[-1])
        level = self._levels[schema.spec.priority_level_configuration.name]
        uids = {
            "X-Kubernetes-Pf-Flowschema-Uid": schema.metadata.uid or "",
            "X-Kubernetes-Pf-Prioritylevel-Uid": level.metadata.uid or "",
        }
        return Flow(
            label=(level.metadata.name or "", schema.metadata.name or ""),
            name=schemas.flow(schema, user, info),
            is_exempt=level.spec.type == "Exempt",
            headers=uids,
        )


def _queues(queuing: flowcontrol_v1.QueuingConfiguration | None) -> Queues | None:
    if queuing is None:
        return None
    return Queues(
        count=queuing.queues or 1, hand=queuing.hand_size or 1, limit=queuing.queue_length_limit or 1
    )
