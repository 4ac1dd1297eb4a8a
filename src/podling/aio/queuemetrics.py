"""Work queues as client-go describes them: `workqueue_*`, one set of series for each queue's name.

Source: k8s.io/component-base/metrics/prometheus/workqueue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .metrics import Family, text
from .workqueue import SECONDS, WorkQueue

_NAME = ("name",)
DEPTH = Family("workqueue_depth", "gauge", _NAME, "Keys that are ready to be worked on.", "BETA")
ADDS = Family("workqueue_adds_total", "counter", _NAME, "Keys that were added.", "BETA")
RETRIES = Family(
    "workqueue_retries_total", "counter", _NAME, "Keys that were added again after a failure.", "BETA"
)
WAITED = Family(
    "workqueue_queue_duration_seconds", "histogram", _NAME, "Seconds that keys were queued.", "BETA", SECONDS
)
WORKED = Family(
    "workqueue_work_duration_seconds",
    "histogram",
    _NAME,
    "Seconds that keys were worked on.",
    "BETA",
    SECONDS,
)
UNFINISHED = Family(
    "workqueue_unfinished_work_seconds", "gauge", _NAME, "Seconds of work under way, all together.", "BETA"
)
LONGEST = Family(
    "workqueue_longest_running_processor_seconds",
    "gauge",
    _NAME,
    "Seconds of the longest work under way.",
    "BETA",
)


def lines(queues: Iterable[WorkQueue[Any]], now: float) -> Iterator[str]:
    """The text of all families; `now` is loop time."""
    found = [((queue.name,), queue, queue.statistics(), queue.unfinished(now)) for queue in queues]
    yield from text(DEPTH, [(name, told.queued) for name, _, told, _ in found])
    yield from text(ADDS, [(name, told.adds) for name, _, told, _ in found])
    yield from text(RETRIES, [(name, told.retries) for name, _, told, _ in found])
    yield from text(WAITED, [(name, queue.waited) for name, queue, _, _ in found])
    yield from text(WORKED, [(name, queue.worked) for name, queue, _, _ in found])
    yield from text(UNFINISHED, [(name, sum(running)) for name, _, _, running in found])
    yield from text(LONGEST, [(name, max(running, default=0)) for name, _, _, running in found])
