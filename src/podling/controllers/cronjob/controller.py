"""Reads a CronJob's world, has it decided whether a Job is due, makes it, writes it down, and clears away what has ended.

A Job is made under a name that its time fixes, before the status says so; a controller that dies in between finds the Job by its owner and enters it.
Ended Jobs are deleted only once the status is written, so that no Job is gone before it is known that it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from podling.api import codec, kinds
from podling.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from podling.api.types import batch_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder, Type
from podling.client.indexes import CONTROLLER_UID, by_controller_uid
from podling.controllers.ownership import controller_of
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.termination import TERMINATING_CAUSE

from . import active
from .active import Told
from .decide import Plan, decide
from .draft import job_for, job_name
from .history import surplus

NAME = "cronjob-controller"


@dataclass(slots=True)
class _Rhythm:
    """The schedule that was seen last, and since when it holds if it is known to have changed."""

    told: tuple[str | None, ...]
    since: float = 0.0


@dataclass(slots=True)
class _Round:
    """One pass: `status` is what is to be written, `error` what came in the way."""

    cron: batch_v1.CronJob
    status: batch_v1.CronJobStatus
    jobs: dict[str | None, batch_v1.Job]
    error: Exception | None = None


class CronJobs:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        self.watches = (
            Watch(kind=kinds.CRON_JOB, keys=own_key),
            Watch(kind=kinds.JOB, keys=_owner, indexers={CONTROLLER_UID: by_controller_uid}),
        )
        self._known, self._jobs = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(batch_v1.CronJob)
        self._job_writes = client.resource(batch_v1.Job)
        self._events = events
        self._clock = context.clock
        self._written: dict[Key, int] = {}
        self._rhythms: dict[Key, _Rhythm] = {}

    async def reconcile(self, key: Key) -> Outcome:
        cron = self._known.get(key.namespace, key.name)
        if cron is None:
            self._written.pop(key, None)
            self._rhythms.pop(key, None)
            return DONE
        if int(cron.metadata.resource_version or 0) < self._written.get(key, 0):
            return (
                DONE  # older than what was written last; the newer one is on its way and comes up by itself
            )
        round = await self._look(cron)
        plan = decide(cron, round.status, since=self._since(key, cron), now=self._clock.now())
        self._tell(cron, plan.told)
        if plan.start is not None:
            await self._start(round, plan.start)
        await self._write(key, round)
        await self._clear(round)
        if round.error is not None:
            raise round.error
        return _outcome(plan)

    async def _look(self, cron: batch_v1.CronJob) -> _Round:
        """The status brought up to the Jobs that are there."""
        jobs = {job.metadata.uid: job for job in self._jobs.by_index(CONTROLLER_UID, cron.metadata.uid or "")}
        round = _Round(cron, codec.struct_clone(cron.status or batch_v1.CronJobStatus()), jobs)
        self._tell(cron, active.account(cron, round.status, jobs.values()))
        for each in [*(round.status.active or ())]:
            if each.uid in jobs:
                continue
            try:
                await self._job_writes.get(each.name or "", namespace=each.namespace)
            except NotFound:
                self._tell(cron, [("Normal", "MissingJob", f"Active job went missing: {each.name}")])
                active.remove(round.status, each.uid)
        return round

    async def _start(self, round: _Round, at: float) -> None:
        """Make the Job for the time `at`, in place of those that run if they are to be replaced."""
        cron = round.cron
        if cron.spec.concurrency_policy == "Replace":
            for each in [*(round.status.active or ())]:
                if not await self._delete(round, each.name or "", each.uid):
                    round.error = RuntimeError(f"could not replace job {each.namespace}/{each.name}")
                    return
        try:
            made = await self._job_writes.create(job_for(cron, at))
        except AlreadyExists:
            found = await self._found(cron, at)
            if found is not None:
                active.started(round.status, found, at)
        except (ApiError, ClientError) as error:
            if isinstance(error, ApiError) and error.has_cause(TERMINATING_CAUSE):
                return
            self._tell(cron, [("Warning", "FailedCreate", f"Error creating job: {error}")])
            round.error = error
        else:
            self._tell(cron, [("Normal", "SuccessfulCreate", f"Created job {made.metadata.name}")])
            active.started(round.status, made, at)

    async def _found(self, cron: batch_v1.CronJob, at: float) -> batch_v1.Job | None:
        """The Job that has the name already, if it is this CronJob's."""
        job = await self._job_writes.get(job_name(cron, at), namespace=cron.metadata.namespace)
        owner = controller_of(job)
        return job if owner is not None and owner.uid == cron.metadata.uid else None

    async def _write(self, key: Key, round: _Round) -> None:
        if codec.semantic_equal(round.cron.status, round.status):
            return
        changed = codec.struct_clone(round.cron)
        changed.status = round.status
        written = await self._writes.update(changed, subresource="status")
        self._written[key] = int(written.metadata.resource_version or 0)

    async def _clear(self, round: _Round) -> None:
        """Delete ended Jobs beyond the limits; one that cannot be deleted is met again at the next pass."""
        for job in surplus(round.cron, round.jobs.values()):
            await self._delete(round, job.metadata.name or "", job.metadata.uid)

    async def _delete(self, round: _Round, name: str, uid: str | None) -> bool:
        """Whether the Job goes, with its Pods; it is struck off the list then."""
        try:
            await self._job_writes.delete(
                name, namespace=round.cron.metadata.namespace, uid=uid, propagation_policy="Background"
            )
        except (NotFound, Conflict):
            pass  # gone, or another by that name
        except (ApiError, ClientError) as error:
            self._tell(round.cron, [("Warning", "FailedDelete", f"Deleted job: {error}")])
            return False
        else:
            self._tell(round.cron, [("Normal", "SuccessfulDelete", f"Deleted job {name}")])
        active.remove(round.status, uid)
        return True

    def _since(self, key: Key, cron: batch_v1.CronJob) -> float:
        """A schedule that was changed holds from then on; it has missed nothing before."""
        told = (cron.metadata.uid, cron.spec.schedule, cron.spec.time_zone)
        known = self._rhythms.setdefault(key, _Rhythm(told))
        if known.told != told:
            same = known.told[0] == cron.metadata.uid
            known = self._rhythms[key] = _Rhythm(told, self._clock.now() if same else 0.0)
        return known.since

    def _tell(self, cron: batch_v1.CronJob, told: Iterable[Told]) -> None:
        for type, reason, message in told:
            self._events.event(cron, cast(Type, type), reason, message)


def _owner(job: batch_v1.Job) -> Iterable[Key]:
    reference = controller_of(job)
    if reference is not None and reference.kind == kinds.CRON_JOB.kind:
        yield Key(job.metadata.namespace or "", reference.name)


def _outcome(plan: Plan) -> Outcome:
    return Again(max(0.0, plan.again)) if plan.again is not None else DONE


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    cron_jobs = CronJobs(context, events)
    return Controller(
        name=NAME, watches=cron_jobs.watches, reconcile=cron_jobs.reconcile, workers=5, services=(events,)
    )
