"""Reads a Job's world, has it decided what to make, delete and count, and does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from podling.api import codec, kinds, selectors
from podling.api.errors import ApiError
from podling.api.types import batch_v1, core_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.indexes import CONTROLLER_UID, by_controller_uid
from podling.controllers.adoption import Adoption
from podling.controllers.expectations import Expectations
from podling.controllers.ownership import controller_of
from podling.controllers.podcontrol import PodControl
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.slowstart import slow_start

from . import conditions, verdict
from .counting import is_settled, settled, tally
from .decide import Plan, manage
from .draft import pod_for
from .pods import FINALIZER, is_tracked, uid
from .tracking import TRACKED, Tracking, by_tracking_job, is_job, orphans_of
from .view import Streak, View

NAME = "job-controller"
MANAGER = "kubernetes.io/job-controller"
"""The `managedBy` that means this controller, as does none."""


@dataclass(slots=True)
class _Round:
    """What came of acting: `end` is the foretold condition once nothing stands in its way."""

    active: int
    ready: int
    terminating: int
    satisfied: bool
    end: batch_v1.JobCondition | None = None
    again: float | None = None
    error: Exception | None = None


class Jobs:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        indexers = {CONTROLLER_UID: by_controller_uid, TRACKED: by_tracking_job}
        self.watches = (
            Watch(kind=kinds.JOB, keys=own_key),
            Watch(kind=kinds.POD, keys=self._keys_of_pod, indexers=indexers),
        )
        self._known, self._pods = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(batch_v1.Job)
        self._adoption = Adoption(self._writes, client.resource(core_v1.Pod), finalizers=[FINALIZER])
        self._control = PodControl(client, events)
        self._expectations = Expectations(self._pods)
        self._tracking = Tracking(client, self._pods)
        self._events = events
        self._clock = context.clock
        self._written: dict[Key, int] = {}
        self._streaks: dict[Key, tuple[str, Streak]] = {}

    def _keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        namespace = pod.metadata.namespace or ""
        reference = controller_of(pod)
        if reference is not None:
            if is_job(reference):
                yield Key(namespace, reference.name)
            return
        if is_tracked(pod):
            yield orphans_of(pod)
        if pod.metadata.labels and pod.metadata.deletion_timestamp is None:
            for job in self._known.list(namespace):
                if not verdict.is_finished(job) and _selector(job).matches(pod.metadata.labels):
                    yield Key(namespace, job.metadata.name)

    async def reconcile(self, key: Key) -> Outcome:
        job = self._known.get(key.namespace, key.name) if key.name else None
        await self._tracking.free_strays(key, job)
        if job is None:
            self._forget(key)
            return DONE
        if job.spec is None or job.spec.managed_by not in (None, MANAGER):
            return DONE
        if int(job.metadata.resource_version or 0) < self._written.get(key, 0):
            return (
                DONE  # older than what was written last; the newer one is on its way and comes up by itself
            )
        if verdict.is_finished(job):
            return await self._let_go(key, job)
        view = await self._look(key, job)
        round = await self._act(key, view)
        await self._count(key, view, job.status, round)
        if round.error is not None:
            raise round.error
        waits = [round.again, verdict.seconds_to_deadline(view, view.status.start_time)]
        due = [wait for wait in waits if wait is not None and wait > 0]
        return Again(min(due)) if due and round.end is None else DONE

    async def _let_go(self, key: Key, job: batch_v1.Job) -> Outcome:
        """Of what is still tracked, though the Job is over."""
        self._forget(key)
        mine = self._pods.by_index(CONTROLLER_UID, job.metadata.uid or "")
        _, error = await self._tracking.strip(key, filter(is_tracked, mine))
        self._tracking.forget(key)
        if error is not None:
            raise error
        return DONE

    async def _look(self, key: Key, job: batch_v1.Job) -> View:
        free = [
            pod for pod in self._pods.by_index(CONTROLLER_UID, "") if pod.metadata.namespace == key.namespace
        ]
        mine = self._pods.by_index(CONTROLLER_UID, job.metadata.uid or "")
        pods = await self._adoption.settle(job, _selector(job), [*mine, *free])
        whose, streak = self._streaks.get(key, ("", None))
        now = self._clock.now()
        return View(
            job=conditions.begun(job, now),
            pods=pods,
            stripped=self._tracking.stripped(key),
            known=streak if whose == job.metadata.uid else None,
            now=now,
        )

    async def _act(self, key: Key, view: View) -> _Round:
        """Make and delete Pods; then say whether the Job is over."""
        satisfied = self._expectations.satisfied(key)
        round = _Round(len(view.active), view.ready, len(view.terminating), satisfied)
        end = verdict.foretell(view)
        if end is not None:
            await self._carry_out(key, view, Plan(delete=view.active), round, counted=True)
            round.end = end if satisfied and round.error is None else None
        elif satisfied and view.job.metadata.deletion_timestamp is None:
            plan = manage(view)
            round.again = plan.again
            await self._carry_out(key, view, plan, round, counted=False)
            round.end = verdict.completed(view, round.active)
            if round.end is None:
                self._show_suspension(view)
        return round

    async def _carry_out(self, key: Key, view: View, plan: Plan, round: _Round, *, counted: bool) -> None:
        """`counted`: whether what is deleted counts; otherwise it is let go first."""
        doomed = plan.delete
        if not counted:
            free, round.error = await self._tracking.strip(key, filter(is_tracked, doomed))
            doomed = [pod for pod in doomed if not is_tracked(pod) or uid(pod) in free]
        failed = await asyncio.gather(*(self._delete(key, view.job, pod) for pod in doomed))
        gone = [pod for pod, error in zip(doomed, failed, strict=True) if error is None]
        round.error = round.error or next((error for error in failed if error is not None), None)
        round.active -= len(gone)
        round.terminating += len(gone)
        round.ready -= View(view.job, gone, view.stripped, view.known, view.now).ready
        indexes = iter(plan.create)

        async def create() -> None:
            index = next(indexes)
            before = view.awaiting.get(index) if index is not None else None
            made = await self._control.create(view.job, pod_for(view.job, index, before))
            if made is not None:
                self._expectations.created(key, made)
                round.active += 1

        round.error = round.error or await slow_start(len(plan.create), create)

    async def _delete(self, key: Key, job: batch_v1.Job, pod: core_v1.Pod) -> Exception | None:
        self._expectations.deleting(key, pod)
        try:
            await self._control.delete(job, pod)
        except (ApiError, ClientError) as error:
            self._expectations.not_deleted(key, pod)
            return error
        return None

    def _show_suspension(self, view: View) -> None:
        told = conditions.suspension(view.job, view.now)
        if told is not None:
            self._events.event(view.job, "Normal", *told)

    async def _count(self, key: Key, view: View, before: batch_v1.JobStatus | None, round: _Round) -> None:
        """The three writes that `counting` tells of; the last one may say that the Job is over."""
        found = tally(view, round.end)
        status = found.status
        status.active = round.active or None
        status.ready, status.terminating = round.ready, round.terminating
        if round.end is not None:
            conditions.put(status, round.end)
        job = await self._write(key, view.job, before, status)
        self._streaks[key] = (job.metadata.uid or "", view.streak)
        free, error = await self._tracking.strip(key, found.strip)
        tracked = {uid(pod) for pod in view.tracked} - free
        final = settled(codec.struct_clone(status), tracked)
        over = None
        if round.end is not None and not (found.partial or error or round.terminating) and is_settled(final):
            over = conditions.finish(final, round.end, view.now)
        await self._write(key, job, status, final)
        if over is not None:
            if over.type == verdict.COMPLETE:
                self._events.event(job, "Normal", "Completed", "Job completed")
            else:
                self._events.event(job, "Warning", over.reason or "", over.message or "")
        round.error = round.error or error

    async def _write(
        self, key: Key, job: batch_v1.Job, before: batch_v1.JobStatus | None, status: batch_v1.JobStatus
    ) -> batch_v1.Job:
        if codec.semantic_equal(before, status):
            return job
        changed = codec.struct_clone(job)
        changed.status = status
        written = await self._writes.update(changed, subresource="status")
        self._written[key] = int(written.metadata.resource_version or 0)
        return written

    def _forget(self, key: Key) -> None:
        self._expectations.forget(key)
        self._tracking.forget(key)
        self._written.pop(key, None)
        self._streaks.pop(key, None)


def _selector(job: batch_v1.Job) -> selectors.LabelSelector:
    return selectors.from_struct(job.spec.selector if job.spec else None)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    jobs = Jobs(context, events)
    return Controller(
        name=NAME, watches=jobs.watches, reconcile=jobs.reconcile, workers=5, services=(events,)
    )
