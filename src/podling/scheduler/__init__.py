"""Which node runs which Pod: a queue, a pure cycle over numpy columns, and a thin loop that binds.

loop (shell) ── pops ──> queue          active | backoff | unschedulable | gated
     │
     └── cycle (pure): profile's plugins over snapshot ──> Placement or Unschedulable
"""

from .loop import Scheduler

__all__ = ["Scheduler"]
