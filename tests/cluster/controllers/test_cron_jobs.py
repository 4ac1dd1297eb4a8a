"""CronJobs on a whole cluster in memory, where days pass in a moment.

Rows: conformance v1.24, test/e2e/apps/cronjob.go; https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/.
"""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from controllers_world import EPOCH, ControllersWorld
from test_jobs import ACCOUNTS, JOB, POD, Dying, Refusing, active, end_pod, life, line, spec

from podling.api import times, timezones
from podling.api.types import batch_v1
from podling.client.informer import Handler
from podling.client.resource import PatchType
from podling.controllers import cronjob, job
from podling.controllers.registry import CONTROLLERS
from podling.testing.virtualtime import virtual

CRON = batch_v1.CronJob
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MINUTE, HOUR, DAY = 60, 3600, 86400
ROWS = {**ACCOUNTS, cronjob.NAME: cronjob.controller, job.NAME: job.controller}
OTHERS = {name: row for name, row in CONTROLLERS.items() if name != cronjob.NAME}


def cron(schedule="* * * * *", **more):
    """Jobs of one second, unless told otherwise."""
    work = {key: more.pop(key) for key in ("lasts", "codes") if key in more}
    return {"schedule": schedule, "jobTemplate": {"spec": spec(**work)}, **more}


def due_at(world_job):
    return times.parse(world_job.metadata.annotations[SCHEDULED]) - EPOCH


def running(world):
    return [each for each in world.all(JOB) if each.status and each.status.active]


def status(world, name="tick"):
    return world.one(CRON, name).status or batch_v1.CronJobStatus()


def reasons(events):
    return [reason for _, reason, _ in events]


@virtual
async def test_every_minute_a_job_and_only_the_latest_are_kept(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron())
        seen = set()

        def enough():
            seen.update(each.metadata.name for each in world.all(JOB))
            return len(seen) == 6

        begin = world.clock.now()
        await world.until(enough)
        assert world.clock.now() - begin <= 6 * MINUTE + 1
        minute = int(EPOCH // 60)
        assert sorted(seen) == [f"tick-{minute + number}" for number in range(1, 7)]
        await world.idle()
        jobs = world.all(JOB)
        assert len([each for each in jobs if each.status.succeeded]) == 3
        assert all(
            each.metadata.owner_references[0].uid == world.one(CRON, "tick").metadata.uid for each in jobs
        )
        assert [due_at(each) for each in jobs] == [
            (int(each.metadata.name[5:]) * 60) - EPOCH for each in jobs
        ]
        last = max(times.parse(each.status.completion_time) for each in jobs if each.status.succeeded)
        assert times.parse(status(world).last_successful_time) == last
        assert times.parse(status(world).last_schedule_time) == max(map(due_at, jobs)) + EPOCH
        events = await world.events("tick")
        assert ("Normal", "SuccessfulCreate", f"Created job tick-{minute + 1}") in events
        done = f"Saw completed job: tick-{minute + 1}, status: Complete"
        assert ("Normal", "SawCompletedJob", done) in events
        assert ("Normal", "SuccessfulDelete", f"Deleted job tick-{minute + 1}") in events


@virtual
async def test_the_cron_job_of_the_documents_runs_every_minute(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "workloads.md").read_text()
    manifest = yaml.safe_load(page.partition("# tick.yaml\n")[2].partition("```")[0])
    async with ControllersWorld(tmp_path) as world:
        ends = {"simulated.podling.dev/lasts": "1"}
        manifest["spec"]["jobTemplate"]["spec"]["template"]["metadata"] = {"annotations": ends}
        await world.create(CRON, "tick", spec=manifest["spec"])
        made = Made(world)
        await world.until(lambda: len(made.uids) == 5)
        minutes = sorted(int(name.removeprefix("tick-")) for name in made.uids)
        assert minutes == [minutes[0] + number for number in range(5)]
        await world.idle()
        assert len([each for each in world.all(JOB) if each.status.succeeded]) == 2
        assert all(each.metadata.annotations[SCHEDULED].endswith("+01:00") for each in world.all(JOB))


@virtual
async def test_history_limits_count_failures_by_themselves(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        failing = cron(codes="1", successfulJobsHistoryLimit=0, failedJobsHistoryLimit=2)
        failing["jobTemplate"]["spec"]["backoffLimit"] = 0
        await world.create(CRON, "tick", spec=failing)
        await world.create(CRON, "tock", spec=cron(successfulJobsHistoryLimit=0))
        await asyncio.sleep(10 * MINUTE - 10)
        await world.idle()
        names = [each.metadata.name for each in world.all(JOB) if not each.status.active]
        assert [name[:4] for name in names] == ["tick", "tick"]
        assert status(world).last_successful_time is None
        assert status(world, "tock").last_successful_time


@virtual
async def test_allow_runs_several_jobs_at_the_same_time(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron(lasts="100"))
        await world.until(lambda: len(running(world)) == 2)
        await world.until(lambda: len(status(world).active or ()) == 2)
        first, second = status(world).active
        assert (first.kind, first.api_version, first.namespace) == ("Job", "batch/v1", "default")
        assert {first.name, second.name} == {each.metadata.name for each in running(world)}


@virtual
async def test_forbid_skips_while_the_job_before_runs_and_starts_late_within_the_deadline(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron(lasts="150", concurrencyPolicy="Forbid"))
        most = 0

        def second_begun():
            nonlocal most
            most = max(most, len(running(world)))
            return len(world.all(JOB)) == 2

        await world.until(second_begun)
        assert most == 1
        one, two = world.all(JOB)
        assert due_at(two) - due_at(one) == 2 * MINUTE  # the latest that was missed, as soon as there is room
        why = "Not starting job because prior execution is running and concurrency policy is Forbid"
        assert ("Normal", "JobAlreadyActive", why) in await world.events("tick")


@virtual
async def test_replace_stops_the_job_before(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron(lasts="forever", concurrencyPolicy="Replace"))
        (first,) = await world.until(lambda: running(world))
        await world.until(lambda: running(world) and not world.one(JOB, first.metadata.name))
        await world.until(lambda: len(active(world)) == 1 and len(status(world).active) == 1)
        assert status(world).active[0].name != first.metadata.name
        assert ("Normal", "SuccessfulDelete", f"Deleted job {first.metadata.name}") in await world.events(
            "tick"
        )


@virtual
async def test_suspended_starts_nothing_and_resumed_starts_what_was_missed_once(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron("0 * * * *", suspend=True))
        await asyncio.sleep(2 * HOUR)
        assert (world.all(JOB), status(world).active) == ([], None)
        await world.patch(CRON, "tick", {"spec": {"suspend": False}}, type=PatchType.MERGE)
        await world.until(lambda: world.all(JOB))
        (made,) = world.all(JOB)
        assert world.clock.now() - (due_at(made) + EPOCH) < HOUR


@virtual
async def test_a_starting_deadline_lets_go_of_what_is_too_late(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        suspended = cron("0 * * * *", suspend=True, startingDeadlineSeconds=60)
        await world.create(CRON, "tick", spec=suspended)
        await asyncio.sleep(2 * HOUR)
        await world.patch(CRON, "tick", {"spec": {"suspend": False}}, type=PatchType.MERGE)
        now = world.clock.now()
        await world.until(lambda: world.all(JOB))
        assert due_at(world.all(JOB)[0]) + EPOCH > now


@virtual
async def test_more_than_a_hundred_missed_starts_are_told_of_and_the_latest_is_made(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron(suspend=True))
        await asyncio.sleep(101.5 * MINUTE)
        await world.patch(CRON, "tick", {"spec": {"suspend": False}}, type=PatchType.MERGE)
        now = world.clock.now()
        await world.until(lambda: world.all(JOB))
        assert now - (due_at(world.all(JOB)[0]) + EPOCH) < MINUTE
        why = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        assert ("Warning", "TooManyMissedTimes", why) in await world.events("tick")


@virtual
async def test_a_new_schedule_has_missed_nothing(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron("0 0 1 1 *"))
        await asyncio.sleep(2 * HOUR)
        await world.patch(CRON, "tick", {"spec": {"schedule": "*/30 * * * *"}}, type=PatchType.MERGE)
        now = world.clock.now()
        await world.until(lambda: world.all(JOB))
        assert 0 < due_at(world.all(JOB)[0]) + EPOCH - now <= 30 * MINUTE


@virtual
async def test_the_time_is_that_of_the_zone_whatever_its_clocks_do(tmp_path):
    """In New York the clocks went forward on 2024-03-10."""
    begin = datetime(2024, 3, 9, 2, 20, tzinfo=timezones.load("America/New_York")).timestamp()
    async with ControllersWorld(tmp_path, with_agent=False, rows=ROWS, epoch=begin) as world:
        await world.create(CRON, "tick", spec=cron("30 2 * * *", timeZone="America/New_York"))
        await world.until(lambda: len(world.all(JOB)) == 2, seconds=3 * DAY)
        assert [each.metadata.annotations[SCHEDULED] for each in world.all(JOB)] == [
            "2024-03-09T02:30:00-05:00",
            "2024-03-11T02:30:00-04:00",  # there was no half past two on the 10th
        ]


@virtual
async def test_deleting_it_takes_its_jobs_and_their_pods_along(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(CRON, "tick", spec=cron(lasts="forever"))
        await world.until(lambda: len(running(world)) == 2)
        await world.delete(CRON, "tick", propagation_policy="Foreground")
        await world.until(lambda: not (world.all(CRON) or world.all(JOB) or world.all(POD)))


@virtual
async def test_a_job_that_vanishes_is_struck_off_and_a_stranger_is_told_of(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(CRON, "tick", spec=cron("0 * * * *"))
        (made,) = await world.until(lambda: world.all(JOB))
        await world.until(lambda: status(world).active)
        await world.delete(JOB, made.metadata.name, propagation_policy="Background")
        await world.until(lambda: not status(world).active)
        owner = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": "tick",
            "uid": world.one(CRON, "tick").metadata.uid,
            "controller": True,
        }
        await world.create(JOB, "stranger", owners=[owner], spec=spec())
        await world.idle()
        assert not status(world).active
        events = await world.events("tick")
        assert ("Normal", "MissingJob", f"Active job went missing: {made.metadata.name}") in events
        why = "Saw a job that the controller did not create or forgot: stranger"
        assert ("Warning", "UnexpectedJob", why) in events


@virtual
async def test_a_job_that_it_owns_and_does_not_control_is_left_alone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        made = await world.create(CRON, "tick", spec=cron("0 0 1 1 *", successfulJobsHistoryLimit=0))
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "tick", "uid": made.metadata.uid}
        await world.create(JOB, "by-hand", owners=[owner], spec=spec())
        await world.until(lambda: world.one(JOB, "by-hand") and world.one(JOB, "by-hand").status.succeeded)
        await world.idle()
        assert world.one(JOB, "by-hand")
        assert (await world.events("tick"), status(world).active) == ([], None)


@virtual
async def test_the_template_is_a_cookie_cutter(tmp_path):
    """Changing it changes Jobs to come alone; what befalls a Job or its Pod never changes the CronJob."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        before = await world.create(CRON, "tick", spec=cron("0 * * * *"))
        (first,) = await world.until(lambda: world.all(JOB))
        (pod,) = await world.until(lambda: active(world))
        marked = {"metadata": {"annotations": {"mine": "yes"}}}
        await world.patch(POD, pod.metadata.name, marked)
        await world.patch(JOB, first.metadata.name, marked)
        labelled = {"spec": {"jobTemplate": {"metadata": {"labels": {"new": "yes"}}}}}
        await world.patch(CRON, "tick", labelled, type=PatchType.MERGE)
        await world.idle()
        assert "new" not in world.one(JOB, first.metadata.name).metadata.labels
        assert world.one(POD, pod.metadata.name).metadata.uid == pod.metadata.uid
        template = (await world.get(CRON, "tick")).spec.job_template
        assert not template.metadata.annotations
        assert template.spec == before.spec.job_template.spec
        await end_pod(world, pod)
        await world.until(lambda: len(world.all(JOB)) == 2)
        assert world.all(JOB)[1].metadata.labels["new"] == "yes"


class Made:
    """Every Job there ever was, by name, with its UIDs."""

    def __init__(self, world):
        self.uids = {}
        world.seen.get(JOB).add_handler(Handler(on_add=self._add))

    def _add(self, found):
        self.uids.setdefault(found.metadata.name, set()).add(found.metadata.uid)


@pytest.mark.parametrize("heard", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
def test_a_crash_between_any_two_writes_starts_nothing_twice(policy, heard, tmp_path):
    """Ended Jobs are deleted at once, so that only the status can tell that they were."""

    @virtual
    async def run(folder, writes):
        folder.mkdir()
        async with ControllersWorld(folder, rows=OTHERS) as world:
            made = Made(world)
            transport = Dying(line(world, cronjob.NAME), writes, heard=heard)
            stop = await life(world, transport, 1, cronjob)
            lasts = "1" if policy == "Allow" else "70"
            every = cron(lasts=lasts, concurrencyPolicy=policy, successfulJobsHistoryLimit=0)
            await world.create(CRON, "tick", spec=every)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(transport.dead.wait(), 2.2 * MINUTE)
            died = transport.dead.is_set()
            await asyncio.sleep(5)
            await stop()
            stop = await life(world, line(world, cronjob.NAME), 2, cronjob)
            before = len(made.uids)
            await world.until(lambda: len(made.uids) == before + 2)
            assert all(len(each) == 1 for each in made.uids.values()), f"died at write {writes}"
            await stop()
            return died

    writes = 0
    while run(tmp_path / str(writes), writes):
        writes += 1
    assert writes >= 4


@pytest.mark.parametrize("seed", range(3))
def test_writes_that_do_not_get_through_start_nothing_twice(seed, tmp_path):
    @virtual
    async def run():
        async with ControllersWorld(tmp_path, rows=OTHERS) as world:
            made = Made(world)
            stop = await life(world, Refusing(line(world, cronjob.NAME), seed), seed, cronjob)
            await world.create(CRON, "tick", spec=cron(successfulJobsHistoryLimit=0))
            await world.until(lambda: len(made.uids) == 5)
            await world.until(lambda: not status(world).active)
            assert all(len(each) == 1 for each in made.uids.values())
            await stop()

    run()
