"""API Priority and Fairness (KEP-1040): who waits, and for whom, when more is asked for than can be served at once.

    request -> FlowSchema (who asks for what) -> priority level (its share of all seats) -> queue (one flow among many) -> seat

`bootstrap` lists the objects that every cluster has, `schemas` matches requests (pure), `dealing` chooses queues for a flow (pure), `queues`
serves the queues of one level in turn (pure), `seats` shares seats among levels (pure). `gate` is what requests go through: it follows the
stored objects, so that a change counts from the next request on. `keeper` restores objects that must be there and tells of dangling ones.

Seats that a level lends are used by others from one request to the next; upstream moves them every ten seconds.
"""

from __future__ import annotations

from .gate import Gate, Refused, Turn

__all__ = ["Gate", "Refused", "Turn"]
