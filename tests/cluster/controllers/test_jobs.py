"""Jobs on a whole cluster in memory.

Rows: conformance v1.24, test/e2e/apps/job.go, and those since v1.24.
"""

import asyncio
import random

import pytest
from controllers_world import ControllersWorld, template

from podling.api.types import batch_v1, core_v1
from podling.client import Client
from podling.client.errors import ConnectionFault
from podling.client.informers import Informers
from podling.cluster import users
from podling.cluster.inprocess import InProcessTransport
from podling.controllers import job, serviceaccount
from podling.controllers.job.pods import FINALIZER
from podling.controllers.loop import Controllers
from podling.controllers.reconcile import Context
from podling.controllers.settings import ControllerSettings
from podling.testing.virtualtime import virtual

JOB, POD = batch_v1.Job, core_v1.Pod
INDEX = "batch.kubernetes.io/job-completion-index"
ACCOUNTS = {serviceaccount.NAME: serviceaccount.controller}


def spec(*, codes="0", lasts="1", restart="Never", pod=None, **more):
    made = template({"app": "work"})
    made["metadata"]["annotations"] = {
        "simulated.podling.dev/exit-codes": codes,
        "simulated.podling.dev/lasts": lasts,
    }
    made["spec"].update(restartPolicy=restart, **(pod or {}))
    return {"template": made, **more}


def condition(found, type, status="True"):
    held = (found.status.conditions if found and found.status else None) or ()
    return next((each for each in held if (each.type, each.status) == (type, status)), None)


async def ended(world, type, name="work"):
    await world.until(lambda: condition(world.one(JOB, name), type))
    return world.one(JOB, name)


def told(found, type):
    each = condition(found, type)
    return each.reason, each.message


def active(world):
    return [pod for pod in world.pods() if pod.status.phase in ("Pending", "Running")]


async def end_pod(world, pod, phase="Succeeded", code=0, conditions=()):
    state = {"terminated": {"exitCode": code, "reason": "Ended", "finishedAt": "2023-11-14T22:13:20Z"}}
    status = {
        "phase": phase,
        "conditions": list(conditions),
        "containerStatuses": [{"name": "main", "image": "i", "imageID": "", "state": state}],
    }
    await world.patch(POD, pod.metadata.name, {"status": status}, subresource="status")


def by_index(world, index):
    return next(pod for pod in active(world) if pod.metadata.annotations[INDEX] == str(index))


@virtual
async def test_runs_as_many_pods_at_a_time_as_asked_until_enough_have_succeeded(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(completions=5, parallelism=2, lasts="10"))
        most = 0

        def done():
            nonlocal most
            most = max(most, len(active(world)))
            return condition(world.one(JOB, "work"), "Complete")

        await world.until(done)
        assert most == 2
        status = world.one(JOB, "work").status
        assert (status.succeeded, status.failed, status.active, status.ready) == (5, None, None, 0)
        assert status.terminating == 0
        assert status.completion_time >= status.start_time
        reached = ("CompletionsReached", "Reached expected number of succeeded pods")
        assert told(world.one(JOB, "work"), "Complete") == reached
        assert told(world.one(JOB, "work"), "SuccessCriteriaMet") == reached
        await world.idle()
        assert len(world.pods()) == 5
        assert not any(pod.metadata.finalizers for pod in world.pods())
        events = await world.events("work")
        assert events.count(("Normal", "Completed", "Job completed")) == 1
        assert sum(reason == "SuccessfulCreate" for _, reason, _ in events) == 5


@virtual
async def test_completes_when_containers_fail_at_first_and_succeed_after_a_restart_in_place(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(
            JOB, "work", spec=spec(codes="1,0", restart="OnFailure", completions=2, parallelism=2)
        )
        found = await ended(world, "Complete")
        assert (found.status.succeeded, found.status.failed) == (2, None)


@virtual
async def test_a_work_queue_ends_with_its_first_success_once_the_others_have_ended(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(JOB, "work", spec=spec(parallelism=3))
        await world.until(lambda: len(active(world)) == 3)
        one, *others = active(world)
        await end_pod(world, one)
        await world.idle()
        assert (len(active(world)), condition(world.one(JOB, "work"), "Complete")) == (2, None)
        for pod in others:
            await end_pod(world, pod)
        assert (await ended(world, "Complete")).status.succeeded == 3


@virtual
async def test_each_index_is_told_in_annotation_environment_hostname_and_name(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        indexed = spec(completions=4, parallelism=2, completionMode="Indexed")
        await world.create(JOB, "work", spec=indexed)
        found = await ended(world, "Complete")
        assert (found.status.succeeded, found.status.completed_indexes) == (4, "0-3")
        pods = world.pods()
        assert sorted(pod.metadata.annotations[INDEX] for pod in pods) == ["0", "1", "2", "3"]
        for pod in pods:
            index = pod.metadata.annotations[INDEX]
            assert pod.metadata.labels[INDEX] == index
            assert pod.spec.hostname == f"work-{index}"
            assert pod.metadata.name.startswith(f"work-{index}-")
            (told_index,) = pod.spec.containers[0].env
            assert told_index.name == "JOB_COMPLETION_INDEX"
            assert told_index.value_from.field_ref.field_path == f"metadata.annotations['{INDEX}']"


@virtual
async def test_failures_are_tried_again_ever_later_until_the_limit(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(codes="1", lasts="0", backoffLimit=3))
        found = await ended(world, "Failed")
        why = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        assert told(found, "Failed") == told(found, "FailureTarget") == why
        assert (found.status.failed, found.status.succeeded, found.status.active) == (4, None, None)
        assert found.status.completion_time is None
        assert 70 <= world.clock.now() - 1_700_000_000 <= 90, "10, 20 and 40 seconds between four tries"
        assert ("Warning", *why) in await world.events("work")


@virtual
async def test_restarts_in_place_count_against_the_limit(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(codes="1", restart="OnFailure", backoffLimit=2))
        assert told(await ended(world, "Failed"), "Failed")[0] == "BackoffLimitExceeded"
        await world.until(lambda: not world.all(POD))


@virtual
async def test_a_deadline_ends_the_job_and_its_pods(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(lasts="forever", parallelism=2, activeDeadlineSeconds=30))
        found = await ended(world, "Failed")
        why = ("DeadlineExceeded", "Job was active longer than specified deadline")
        assert told(found, "Failed") == why
        assert (found.status.failed, found.status.terminating) == (2, 0)
        assert 30 <= world.clock.now() - 1_700_000_000 <= 40
        await world.until(lambda: not world.all(POD))


@virtual
async def test_suspending_takes_the_pods_away_uncounted_and_resuming_begins_anew(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(lasts="20", suspend=True, parallelism=2, completions=2))
        await world.until(lambda: condition(world.one(JOB, "work"), "Suspended"))
        await world.idle()
        assert (world.pods(), world.one(JOB, "work").status.start_time) == ([], None)
        await world.patch(JOB, "work", {"spec": {"suspend": False}})
        await world.until(lambda: len(world.ready()) == 2)
        await world.until(lambda: condition(world.one(JOB, "work"), "Suspended", "False"))
        started = world.one(JOB, "work").status.start_time
        await world.patch(JOB, "work", {"spec": {"suspend": True}})
        await world.until(lambda: not world.all(POD))
        await world.until(lambda: world.one(JOB, "work").status.active is None)
        assert world.one(JOB, "work").status.start_time is None
        await world.idle()
        await world.patch(JOB, "work", {"spec": {"suspend": False}})
        found = await ended(world, "Complete")
        assert (found.status.succeeded, found.status.failed) == (2, None)
        assert found.status.start_time > started
        reasons = [reason for _, reason, _ in await world.events("work")]
        assert {"Suspended", "Resumed"} <= set(reasons)


@virtual
async def test_adopts_a_matching_orphan_and_releases_a_pod_that_matches_no_longer(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        made = await world.create(JOB, "work", spec=spec(parallelism=2, completions=2))
        await world.until(lambda: len(active(world)) == 2)
        pod = active(world)[0].metadata.name
        await world.patch(POD, pod, {"metadata": {"ownerReferences": None, "finalizers": None}})
        await world.until(lambda: world.one(POD, pod).metadata.owner_references)
        await world.until(lambda: world.one(POD, pod).metadata.finalizers == [FINALIZER])
        assert world.one(POD, pod).metadata.owner_references[0].uid == made.metadata.uid
        await world.patch(POD, pod, {"metadata": {"labels": None}})
        await world.until(lambda: not world.one(POD, pod).metadata.owner_references)
        await world.until(lambda: not world.one(POD, pod).metadata.finalizers)
        await world.until(lambda: len(active(world)) == 3)


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
def test_deleting_a_job_frees_its_pods(propagation, tmp_path):
    @virtual
    async def run():
        async with ControllersWorld(tmp_path) as world:
            await world.create(JOB, "work", spec=spec(lasts="forever", parallelism=2))
            await world.until(lambda: len(world.ready()) == 2)
            await world.delete(JOB, "work", propagation_policy=propagation)
            await world.until(lambda: not world.one(JOB, "work"))
            if propagation == "Orphan":
                await world.until(lambda: not any(pod.metadata.finalizers for pod in world.all(POD)))
                assert len(world.pods()) == 2
            else:
                await world.until(lambda: not world.all(POD))

    run()


@virtual
async def test_a_change_of_parallelism_is_followed_and_a_template_never_changes_pods(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(lasts="forever", parallelism=3, completions=9))
        await world.until(lambda: len(world.ready()) == 3)
        before = {pod.metadata.uid for pod in world.pods()}
        await world.patch(JOB, "work", {"spec": {"parallelism": 1}})
        await world.until(lambda: len(world.all(POD)) == 1)
        await world.until(lambda: world.one(JOB, "work").status.active == 1)
        assert world.one(JOB, "work").status.failed is None, "what is scaled away has not failed"
        await world.patch(JOB, "work", {"spec": {"parallelism": 4}})
        await world.until(lambda: len(world.ready()) == 4)
        assert len(before & {pod.metadata.uid for pod in world.pods()}) == 1


@virtual
async def test_a_job_that_somebody_else_manages_is_left_alone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(managedBy="example.com/other"))
        await world.idle()
        assert world.pods() == []
        assert not (world.one(JOB, "work").status and world.one(JOB, "work").status.start_time)


@virtual
async def test_a_job_and_its_pods_go_when_their_time_after_the_end_is_over(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(JOB, "work", spec=spec(ttlSecondsAfterFinished=100))
        await ended(world, "Complete")
        over = world.clock.now()
        await world.until(lambda: not world.one(JOB, "work") and not world.all(POD))
        assert 99 <= world.clock.now() - over <= 110


class Dying:
    """A transport that is cut off before its n-th write, or just after it: then the write is done and nobody hears."""

    def __init__(self, inner, writes, *, heard):
        self.inner, self.left, self.heard, self.dead = inner, writes, heard, asyncio.Event()

    async def send(self, request):
        writes = request.method != "GET" and "/events" not in request.path
        if not self.dead.is_set() and writes:
            self.left -= 1
            if self.left < 0:
                self.dead.set()
                if not self.heard:
                    await self.inner.send(request)
        if self.dead.is_set():
            raise ConnectionFault("cut off")
        return await self.inner.send(request)

    async def close(self):
        await self.inner.close()


class Refusing:
    """A transport on which every third write or so does not get through."""

    def __init__(self, inner, seed):
        self.inner, self.chance = inner, random.Random(seed)

    async def send(self, request):
        if request.method != "GET" and self.chance.random() < 0.35:
            raise ConnectionFault("out of luck")
        return await self.inner.send(request)

    async def close(self):
        await self.inner.close()


def line(world, name=job.NAME):
    """The controller's own transport."""
    return InProcessTransport(world.server, users.controller(name))


async def life(world, transport, seed, row=job):
    """One life of the controller, over this transport. Returns what ends it."""
    client = Client(transport, user_agent=row.NAME)
    informers = Informers(world.client_of(users.CONTROLLERS), random=random.Random(seed), guard=True)
    await informers.start()
    settings = ControllerSettings(root_ca="CA")
    context = Context(
        clients=lambda _: client,
        informers=informers,
        clock=world.clock,
        random=random.Random(seed),
        settings=settings,
    )
    controllers = Controllers(context, {row.NAME: row.controller})
    await controllers.start()

    async def stop():
        await controllers.stop()
        await informers.stop()
        await client.close()

    return stop


async def end_pods(world):
    """The user: ends Pods, the first as a failure, and deletes each as soon as it has ended; how many there were."""
    seen = set()
    while not condition(world.one(JOB, "work"), "Complete"):
        for pod in active(world):
            if pod.metadata.uid not in seen:
                phase = "Succeeded" if seen else "Failed"
                seen.add(pod.metadata.uid)
                await end_pod(world, pod, phase, 0 if phase == "Succeeded" else 1)
                await world.delete(POD, pod.metadata.name, grace_period_seconds=0)
        await asyncio.sleep(1)
    return len(seen)


def counts(world):
    status = world.one(JOB, "work").status
    return status.succeeded, status.failed


@pytest.mark.parametrize("heard", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("mode", ["NonIndexed", "Indexed"])
def test_a_crash_between_any_two_writes_counts_no_pod_twice_and_loses_none(mode, heard, tmp_path):
    @virtual
    async def run(folder, writes):
        folder.mkdir()
        async with ControllersWorld(folder, with_agent=False, rows=ACCOUNTS) as world:
            await world.idle()
            transport = Dying(line(world), writes, heard=heard)
            stop = await life(world, transport, 1)
            await world.create(JOB, "work", spec=spec(completions=3, parallelism=2, completionMode=mode))
            working = asyncio.create_task(end_pods(world), name="user")
            crashing = asyncio.create_task(transport.dead.wait(), name="crash")
            await asyncio.wait({working, crashing}, return_when=asyncio.FIRST_COMPLETED, timeout=3600)
            crashing.cancel()
            if transport.dead.is_set():
                await stop()
                stop = await life(world, line(world), 2)
            async with asyncio.timeout(3600):
                assert (await working, *counts(world)) == (4, 3, 1), f"died at write {writes}"
            await stop()
            await world.until(lambda: not world.all(POD))
            return transport.dead.is_set()

    writes = 0
    while run(tmp_path / str(writes), writes):
        writes += 1
    assert writes > 12


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("mode", ["NonIndexed", "Indexed"])
def test_writes_that_do_not_get_through_change_no_count(mode, seed, tmp_path):
    @virtual
    async def run():
        async with ControllersWorld(tmp_path, with_agent=False, rows=ACCOUNTS) as world:
            await world.idle()
            stop = await life(world, Refusing(line(world), seed), seed)
            await world.create(JOB, "work", spec=spec(completions=3, parallelism=2, completionMode=mode))
            async with asyncio.timeout(7200):
                assert (await end_pods(world), *counts(world)) == (4, 3, 1)
            await world.until(lambda: not world.all(POD))
            await stop()

    run()
