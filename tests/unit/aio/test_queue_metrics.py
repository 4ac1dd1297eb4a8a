"""What `/metrics` says of work queues."""

from __future__ import annotations

import asyncio
import re

from podling.aio import queuemetrics
from podling.aio.workqueue import WorkQueue
from podling.testing.virtualtime import virtual


def samples(queue):
    text = "".join(queuemetrics.lines([queue], asyncio.get_running_loop().time()))
    return dict(re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE)), dict(
        re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    )


@virtual
async def test_a_queue_is_told_under_client_gos_names():
    queue = WorkQueue("jobs")
    for key in ("a", "b", "c"):
        queue.add(key)
    await asyncio.sleep(2)
    await queue.get()
    await asyncio.sleep(30)
    await queue.get()
    await asyncio.sleep(5)
    queue.done("a")
    queue.add_rate_limited("a")
    found, types = samples(queue)
    assert found['workqueue_depth{name="jobs"}'] == "1"
    assert found['workqueue_adds_total{name="jobs"}'] == "3"
    assert found['workqueue_retries_total{name="jobs"}'] == "1"
    assert found['workqueue_queue_duration_seconds_sum{name="jobs"}'] == "34"
    assert found['workqueue_queue_duration_seconds_count{name="jobs"}'] == "2"
    assert found['workqueue_work_duration_seconds_sum{name="jobs"}'] == "35"
    assert found['workqueue_unfinished_work_seconds{name="jobs"}'] == "5"
    assert found['workqueue_longest_running_processor_seconds{name="jobs"}'] == "5"
    assert types == {
        "workqueue_depth": "gauge",
        "workqueue_adds_total": "counter",
        "workqueue_retries_total": "counter",
        "workqueue_queue_duration_seconds": "histogram",
        "workqueue_work_duration_seconds": "histogram",
        "workqueue_unfinished_work_seconds": "gauge",
        "workqueue_longest_running_processor_seconds": "gauge",
    }
    queue.shutdown()


async def test_buckets_are_client_gos():
    found, _ = samples(WorkQueue("jobs"))
    bounds = [
        re.search('le="(.*)"', name)[1]
        for name in found
        if name.startswith("workqueue_work_duration_seconds_b")
    ]
    assert bounds == ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1", "10", "100", "1000", "+Inf"]
