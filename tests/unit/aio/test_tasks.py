"""Tasks: names, no lost exceptions, supervision."""

import asyncio

import pytest

from podling.aio.backoff import Backoff
from podling.aio.tasks import Tasks, TasksClosed, cancel_and_wait, supervise
from podling.testing.virtualtime import virtual


async def _fail():
    raise OSError("broken")


async def test_children_carry_the_name_of_their_parent():
    async with Tasks("agent") as tasks:
        task = tasks.start(asyncio.sleep(60), name="probe")
        assert task.get_name() == "agent/probe"
        assert tasks.statistics().running == ("agent/probe",)
    assert task.cancelled()


async def test_the_exception_of_a_child_reaches_the_owner_at_once():
    seen = asyncio.get_running_loop().create_future()
    async with Tasks("agent", on_failure=lambda name, error: seen.set_result((name, str(error)))) as tasks:
        tasks.start(_fail(), name="probe")
        assert await seen == ("agent/probe", "broken")
        assert tasks.statistics().failed == 1


async def test_a_child_that_cleans_up_is_waited_for():
    cleaned = []

    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    tasks = Tasks("agent")
    tasks.start(slow(), name="slow")
    await asyncio.sleep(0)
    await tasks.close()
    assert (cleaned, len(tasks)) == ([True], 0)


async def test_starting_a_child_of_a_closed_parent_is_loud():
    tasks = Tasks("agent")
    await tasks.close()
    with pytest.raises(TasksClosed):
        tasks.start(_fail(), name="late")


@virtual
async def test_supervised_work_is_run_again_with_backoff_until_it_returns():
    times = []

    async def work():
        times.append(asyncio.get_running_loop().time())
        if len(times) < 4:
            raise OSError("not yet")

    await supervise(work, name="work", backoff=Backoff(first=1, cap=60))
    assert times == [0, 1, 3, 7]


async def test_cancel_and_wait_raises_the_error_of_a_task_that_had_failed():
    task = asyncio.create_task(_fail(), name="failing")
    await asyncio.wait([task])
    with pytest.raises(OSError, match="broken"):
        await cancel_and_wait(task)
    await cancel_and_wait(asyncio.create_task(asyncio.sleep(60), name="sleeping"))
