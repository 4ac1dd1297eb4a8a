"""Deletes Jobs that ended longer ago than their `ttlSecondsAfterFinished`, with their Pods (upstream's ttlafterfinished)."""

from __future__ import annotations

import contextlib

from podling.aio.clock import Clock
from podling.api import kinds, times
from podling.api.errors import NotFound
from podling.api.types import batch_v1
from podling.client.client import Client
from podling.client.informer import Informer

from .reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key

NAME = "ttl-after-finished-controller"


def seconds_left(job: batch_v1.Job, now: float) -> float | None:
    """Until the Job is to go: 0 or less when it is time; None while it runs, or if it is to stay."""
    limit = job.spec.ttl_seconds_after_finished if job.spec else None
    if limit is None or job.metadata.deletion_timestamp is not None:
        return None
    for each in (job.status.conditions if job.status else None) or ():
        if each.type in ("Complete", "Failed") and each.status == "True" and each.last_transition_time:
            return times.parse(each.last_transition_time) + limit - now
    return None


class FinishedJobs:
    def __init__(self, client: Client, jobs: Informer[batch_v1.Job], clock: Clock) -> None:
        self._writes = client.resource(batch_v1.Job)
        self._jobs = jobs
        self._clock = clock

    async def reconcile(self, key: Key) -> Outcome:
        job = self._jobs.get(key.namespace, key.name)
        left = seconds_left(job, self._clock.now()) if job is not None else None
        if left is None:
            return DONE
        if left > 0:
            return Again(left)
        with contextlib.suppress(NotFound):
            fresh = await self._writes.get(
                key.name, namespace=key.namespace
            )  # its time may have been changed
            left = seconds_left(fresh, self._clock.now())
            if left is not None and left <= 0:
                await self._writes.delete(
                    key.name,
                    namespace=key.namespace,
                    propagation_policy="Foreground",
                    uid=fresh.metadata.uid,
                    resource_version=fresh.metadata.resource_version,
                )
        return DONE


def controller(context: Context) -> Controller:
    watch = Watch(kind=kinds.JOB, keys=own_key)
    jobs = FinishedJobs(context.clients(NAME), watch.informer(context.informers), context.clock)
    return Controller(name=NAME, watches=(watch,), reconcile=jobs.reconcile)
