"""Jobs whose author says what failure and success mean, on a whole cluster in memory where the test ends the Pods.

Rows: conformance since v1.24, sig-apps / job.
"""

from controllers_world import ControllersWorld
from test_jobs import INDEX, JOB, POD, active, by_index, condition, end_pod, ended, spec, told

from podling.testing.virtualtime import virtual

DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}


def exit_code(action, *values):
    return {"action": action, "onExitCodes": {"operator": "In", "values": [*values]}}


def indexed(completions, **more):
    return spec(completionMode="Indexed", completions=completions, **{"parallelism": completions, **more})


async def begun(world, count):
    await world.until(lambda: len(active(world)) == count)
    return active(world)


@virtual
async def test_disruptions_that_are_ignored_cost_no_try(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        ignore = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
        await world.create(JOB, "work", spec=spec(backoffLimit=0, podFailurePolicy={"rules": [ignore]}))
        (first,) = await begun(world, 1)
        await end_pod(world, first, "Failed", 137, [DISRUPTED])
        await world.until(lambda: [pod for pod in active(world) if pod.metadata.uid != first.metadata.uid])
        await end_pod(world, active(world)[0])
        found = await ended(world, "Complete")
        assert (found.status.succeeded, found.status.failed) == (1, None)


@virtual
async def test_one_exit_code_fails_the_whole_job_at_once(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        rules = {"rules": [exit_code("FailJob", 42)]}
        await world.create(JOB, "work", spec=spec(completions=3, parallelism=3, podFailurePolicy=rules))
        first, *_ = await begun(world, 3)
        await end_pod(world, first, "Failed", 42)
        found = await ended(world, "Failed")
        pod = f"default/{first.metadata.name}"
        why = f"Container main for pod {pod} failed with exit code 42 matching FailJob rule at index 0"
        assert told(found, "Failed") == told(found, "FailureTarget") == ("PodFailurePolicy", why)
        assert found.status.failed == 3
        await world.until(lambda: not active(world))


@virtual
async def test_every_index_runs_to_its_own_outcome_though_some_fail(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(JOB, "work", spec=indexed(3, backoffLimitPerIndex=1))
        await begun(world, 3)
        begin = world.clock.now()
        await end_pod(world, by_index(world, 0), "Failed", 1)
        await world.until(lambda: len(active(world)) == 2)
        await begun(world, 3)
        again = by_index(world, 0)
        assert again.metadata.annotations["batch.kubernetes.io/job-index-failure-count"] == "1"
        assert world.clock.now() - begin < 20
        await end_pod(world, again, "Failed", 1)
        for index in (1, 2):
            await end_pod(world, by_index(world, index))
        found = await ended(world, "Failed")
        assert told(found, "Failed") == ("FailedIndexes", "Job has failed indexes")
        status = found.status
        assert (status.completed_indexes, status.failed_indexes) == ("1,2", "0")
        assert (status.succeeded, status.failed) == (2, 2)


@virtual
async def test_a_rule_may_fail_an_index_without_another_try(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        rules = {"rules": [exit_code("FailIndex", 9)]}
        await world.create(JOB, "work", spec=indexed(2, backoffLimitPerIndex=5, podFailurePolicy=rules))
        await begun(world, 2)
        await end_pod(world, by_index(world, 1), "Failed", 9)
        await world.until(lambda: world.one(JOB, "work").status.failed_indexes == "1")
        await world.idle()
        assert [pod.metadata.annotations[INDEX] for pod in active(world)] == ["0"]
        await end_pod(world, by_index(world, 0))
        assert told(await ended(world, "Failed"), "Failed")[0] == "FailedIndexes"


@virtual
async def test_more_failed_indexes_than_allowed_end_the_job_at_once(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(JOB, "work", spec=indexed(4, backoffLimitPerIndex=0, maxFailedIndexes=1))
        await begun(world, 4)
        await end_pod(world, by_index(world, 0), "Failed", 1)
        await world.idle()
        assert condition(world.one(JOB, "work"), "Failed") is None
        await end_pod(world, by_index(world, 3), "Failed", 1)
        found = await ended(world, "Failed")
        why = "Job has exceeded the specified maximal number of failed indexes"
        assert told(found, "Failed") == ("MaxFailedIndexesExceeded", why)
        assert found.status.failed_indexes == "0,3"
        await world.until(lambda: not active(world))


async def succeeds_early(world, rule, *indexes):
    await world.create(JOB, "work", spec=indexed(4, successPolicy={"rules": [rule]}))
    await begun(world, 4)
    for index in indexes:
        assert condition(world.one(JOB, "work"), "SuccessCriteriaMet") is None
        await end_pod(world, by_index(world, index))
        await world.idle()
    found = await ended(world, "Complete")
    enough = ("SuccessPolicy", "Matched rules at index 0")
    assert told(found, "SuccessCriteriaMet") == told(found, "Complete") == enough
    assert (found.status.succeeded, found.status.failed) == (len(indexes), None)
    await world.until(lambda: not active(world))


@virtual
async def test_enough_successes_complete_the_job_while_others_are_pending(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await succeeds_early(world, {"succeededCount": 2}, 3, 1)


@virtual
async def test_success_of_the_indexes_that_matter_completes_the_job(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await succeeds_early(world, {"succeededIndexes": "0,2"}, 2, 0)


@virtual
async def test_success_of_all_indexes_meets_the_policy(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await succeeds_early(world, {"succeededIndexes": "0-3"}, 0, 1, 2, 3)


@virtual
async def test_a_pod_on_its_way_out_is_replaced_at_once_or_once_it_has_ended(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        for policy, most in (("TerminatingOrFailed", 2), ("Failed", 1)):
            name = policy.lower()
            slow = {"terminationGracePeriodSeconds": 100}
            made = spec(lasts="forever", pod=slow, podReplacementPolicy=policy)
            made["template"]["metadata"]["annotations"]["simulated.podling.dev/term-seconds"] = "60"
            await world.create(JOB, name, spec=made)
            mine = lambda name=name: [p for p in world.all(POD) if p.metadata.name.startswith(name)]  # noqa: E731
            running = lambda mine=mine: [p for p in mine() if p.status.phase == "Running"]  # noqa: E731
            await world.until(running)
            first = running()[0].metadata.name
            await world.delete(POD, first)
            await world.until(lambda name=name: world.one(JOB, name).status.terminating == 1)
            seen = 0

            def replaced(mine=mine, first=first):
                nonlocal seen
                seen = max(seen, len(mine()))
                return not world.one(POD, first) and mine()

            await world.until(replaced)
            assert seen == most, policy
            await world.until(lambda name=name: world.one(JOB, name).status.failed == 1)
