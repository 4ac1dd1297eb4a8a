"""Every verb on Jobs and CronJobs while their controllers run.

Rows: conformance since v1.24, sig-apps / job (status subresource; suspended, patched, replaced, listed, deleted together), and v1.24
test/e2e/apps/cronjob.go (all standard verbs, status).
"""

import pytest
from controllers_world import ControllersWorld
from test_cron_jobs import CRON, cron
from test_jobs import JOB, active, by_index, condition, end_pod, ended, spec

from podling.api.errors import Invalid, NotFound
from podling.client.resource import PatchType
from podling.testing.virtualtime import virtual

MERGE = PatchType.MERGE
NEWS = {"type": "Seen", "status": "True", "reason": "Test", "message": "set by hand"}


async def everywhere(world, kind, selector):
    return [
        each.metadata.name for each in (await world.client.resource(kind).list(label_selector=selector)).items
    ]


@virtual
async def test_the_status_of_a_job_is_read_patched_and_replaced_by_itself(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(JOB, "work", spec=spec())
        await world.idle()
        jobs = world.client.resource(JOB)
        patched = await world.patch(
            JOB, "work", {"status": {"conditions": [NEWS]}}, type=MERGE, subresource="status"
        )
        assert condition(patched, "Seen").message == "set by hand"
        await world.idle()
        read = await jobs.get("work", namespace="default", subresource="status")
        read.status.conditions[0].message = "once more"
        read.spec.parallelism = 7
        await jobs.update(read, subresource="status")
        await world.idle()
        found = await world.get(JOB, "work")
        assert (condition(found, "Seen").message, found.spec.parallelism) == ("once more", 1)
        wrong = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
        with pytest.raises(Invalid, match="completionTime is required for Complete jobs"):
            await world.patch(JOB, "work", wrong, type=MERGE, subresource="status")


@virtual
async def test_a_suspended_job_is_patched_replaced_listed_and_deleted_with_others(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        labels = {"row": "jobs"}
        await world.create(JOB, "work", labels=labels, spec=spec(suspend=True))
        await world.until(lambda: condition(world.one(JOB, "work"), "Suspended"))
        await world.patch(JOB, "work", {"metadata": {"labels": {"patched": "yes"}}}, type=MERGE)
        jobs = world.client.resource(JOB)
        held = await world.get(JOB, "work")
        held.metadata.annotations = {"replaced": "yes"}
        held.spec.parallelism = 2
        held.spec.template.spec.node_selector = {"disk": "fast"}
        replaced = await jobs.update(held)
        assert replaced.metadata.labels["patched"] == "yes"
        assert await everywhere(world, JOB, "row=jobs,patched=yes") == ["work"]
        await jobs.delete_collection(namespace="default", label_selector="row=jobs")
        assert await everywhere(world, JOB, "row=jobs") == []


@virtual
async def test_an_indexed_job_grows_and_shrinks_with_its_parallelism(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(JOB, "work", spec=spec(completionMode="Indexed", completions=2, parallelism=2))
        await world.until(lambda: len(active(world)) == 2)
        await world.patch(JOB, "work", {"spec": {"completions": 4, "parallelism": 4}}, type=MERGE)
        await world.until(lambda: len(active(world)) == 4)
        await end_pod(world, by_index(world, 3))
        await world.until(lambda: world.one(JOB, "work").status.completed_indexes == "3")
        await world.patch(JOB, "work", {"spec": {"completions": 1, "parallelism": 1}}, type=MERGE)
        await world.until(lambda: len(active(world)) == 1)
        await end_pod(world, by_index(world, 0))
        found = await ended(world, "Complete")
        assert (found.status.succeeded, found.status.completed_indexes) == (1, "0")


@virtual
async def test_every_verb_on_cron_jobs(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        crons = world.client.resource(CRON)
        made = await world.create(CRON, "tick", labels={"row": "cron"}, spec=cron("0 0 1 1 *", suspend=True))
        assert (made.spec.concurrency_policy, made.metadata.generation) == ("Allow", 1)
        patched = await world.patch(
            CRON, "tick", {"metadata": {"annotations": {"patched": "yes"}}}, type=MERGE
        )
        patched.spec.schedule = "0 0 1 6 *"
        assert (await crons.update(patched)).metadata.generation == 2
        assert await everywhere(world, CRON, "row=cron") == ["tick"]
        stamp = "2023-01-01T00:00:00Z"
        await world.patch(
            CRON, "tick", {"status": {"lastScheduleTime": stamp}}, type=MERGE, subresource="status"
        )
        read = await crons.get("tick", namespace="default", subresource="status")
        assert read.status.last_schedule_time == stamp
        read.status.last_schedule_time = "2023-01-02T00:00:00Z"
        assert (await crons.update(read, subresource="status")).metadata.generation == 2
        await world.delete(CRON, "tick")
        with pytest.raises(NotFound):
            await world.get(CRON, "tick")
        for name in ("one", "two"):
            await world.create(CRON, name, labels={"row": "cron"}, spec=cron("0 0 1 1 *"))
        await crons.delete_collection(namespace="default", label_selector="row=cron")
        assert await everywhere(world, CRON, "row=cron") == []
