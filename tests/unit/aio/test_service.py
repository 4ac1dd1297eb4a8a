"""Service: the drawn life, and several services as one."""

import asyncio

import pytest

from podling.aio.service import IllegalMove, Service, ServiceFailed, Services, StartTimeout, State
from podling.testing.virtualtime import virtual


class Recorder(Service):
    def __init__(self, name, story, *, fails=False, hangs=False, drain_takes=0.0):
        super().__init__(name)
        self._story, self._fails, self._hangs, self._drain_takes = story, fails, hangs, drain_takes

    async def _start(self):
        self._story.append(f"{self.name} starts")
        if self._fails:
            raise OSError("port taken")
        if self._hangs:
            await asyncio.sleep(10_000)

    async def _drain(self):
        await asyncio.sleep(self._drain_takes)
        self._story.append(f"{self.name} drained")

    async def _close(self):
        self._story.append(f"{self.name} closed")


async def test_the_good_life_goes_from_new_to_stopped():
    story = []
    service = Recorder("a", story)
    assert service.state is State.NEW
    async with service:
        await service.wait_ready()
        assert service.state is State.READY
    await service.wait_stopped()
    assert (service.state, story) == (State.STOPPED, ["a starts", "a drained", "a closed"])


async def test_a_failed_start_gives_everything_back_and_raises_the_cause():
    story = []
    service = Recorder("a", story, fails=True)
    with pytest.raises(OSError, match="port taken"):
        await service.start()
    assert (service.state, story) == (State.STOPPED, ["a starts", "a closed"])
    with pytest.raises(ServiceFailed):
        await service.wait_ready()


async def test_starting_twice_is_loud():
    async with Recorder("a", []) as service:
        with pytest.raises(IllegalMove, match="cannot make a starting"):
            await service.start()


async def test_a_failing_child_fails_the_service():
    service = Recorder("a", [])
    await service.start()

    async def break_down():
        raise OSError("disk gone")

    service.tasks.start(break_down(), name="writer")
    with pytest.raises(ServiceFailed, match="disk gone"):
        await service.wait_stopped()
    assert service.state is State.FAILED
    await service.stop()
    assert service.state is State.STOPPED


@virtual
async def test_draining_ends_at_the_deadline():
    story = []
    service = Recorder("a", story, drain_takes=100)
    await service.start()
    await service.stop(drain_seconds=5)
    assert (story, asyncio.get_running_loop().time()) == (["a starts", "a closed"], 5)


async def test_services_stop_in_reverse_order():
    story = []
    async with Services("all", [Recorder("a", story), Recorder("b", story)]):
        pass
    assert story == ["a starts", "b starts", "b drained", "b closed", "a drained", "a closed"]


async def test_when_one_of_several_cannot_start_those_before_it_are_stopped():
    story = []
    services = Services("all", [Recorder("a", story), Recorder("b", story, fails=True), Recorder("c", story)])
    with pytest.raises(OSError, match="port taken"):
        await services.start()
    assert story == ["a starts", "b starts", "b closed", "a drained", "a closed"]


@virtual
async def test_a_member_that_does_not_get_ready_in_time_is_named():
    services = Services("all", [Recorder("a", []), Recorder("b", [], hangs=True)], start_seconds=30)
    with pytest.raises(StartTimeout, match="cannot start b: not ready within 30 s"):
        await services.start()


async def test_stop_before_start_is_quiet_and_repeatable():
    service = Recorder("a", [])
    await service.stop()
    await service.stop()
    assert service.state is State.STOPPED
