"""The frame: keys come from events, trouble is tried again and shown, one controller's bug is nobody else's."""

import asyncio
import contextlib
from random import Random

import msgspec

from podling.aio.backoff import Backoff
from podling.aio.clock import LoopClock
from podling.aio.service import Service
from podling.api import errors, kinds
from podling.api.types import core_v1, meta_v1
from podling.client import Client, ConnectionFault
from podling.client.informers import Informers
from podling.controllers.loop import Controllers
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Terminal, Watch, own_key
from podling.controllers.settings import ControllerSettings
from podling.testing.scripted import ScriptedTransport, others, watches
from podling.testing.virtualtime import virtual


def config_map(name, revision=1):
    return core_v1.ConfigMap(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default", uid=name, resource_version=str(revision))
    )


def change(type, obj):
    return msgspec.json.encode({"type": type, "object": obj}) + b"\n"


class World:
    """Controllers over a scripted list and watch of ConfigMaps."""

    def __init__(self, *names):
        self.transport = ScriptedTransport()
        listing = {"metadata": {"resourceVersion": "5"}, "items": [config_map(name) for name in names]}
        self.transport.answer(msgspec.json.encode(listing), when=others)
        self.watch = self.transport.stream(when=watches)
        client = Client(self.transport)
        self.informers = Informers(client, random=Random(1))
        self.context = Context(
            clients=lambda name: client,
            informers=self.informers,
            clock=LoopClock(),
            random=Random(1),
            settings=ControllerSettings(root_ca=""),
        )
        self.asked = []

    @contextlib.asynccontextmanager
    async def running(self, *reconciles, keys=own_key, workers=1):
        rows = {
            f"c{number}": self._row(f"c{number}", reconcile, keys, workers)
            for number, reconcile in enumerate(reconciles)
        }
        async with self.informers:
            self.controllers = Controllers(self.context, rows)
            async with self.controllers:
                yield self.controllers

    def _row(self, name, reconcile, keys, workers):
        async def asked(key):
            self.asked.append((asyncio.get_running_loop().time(), str(key)))
            return await reconcile(key)

        watch = Watch(kind=kinds.CONFIG_MAP, keys=keys)
        controller = Controller(
            name=name, watches=(watch,), reconcile=asked, workers=workers, retry=Backoff(first=1.0, cap=4.0)
        )
        return lambda context: controller


async def satisfied(key):
    return DONE


@virtual
async def test_what_is_there_at_the_start_and_every_change_is_reconciled():
    world = World("a", "b")
    async with world.running(satisfied) as controllers:
        await controllers.wait_idle()
        assert [key for _, key in world.asked] == ["default/a", "default/b"]
        world.watch.send(change("MODIFIED", config_map("a", 6)) + change("DELETED", config_map("b", 7)))
        await asyncio.sleep(0.1)
        assert [key for _, key in world.asked[2:]] == ["default/a", "default/b"]
        assert controllers.statistics()["c0"].reconciled == 4


@virtual
async def test_again_means_after_that_time_and_not_before():
    world = World("a")
    answers = iter([Again(30.0), DONE])

    async def later(key):
        return next(answers)

    async with world.running(later):
        await asyncio.sleep(100)
    assert [at for at, _ in world.asked] == [0.0, 30.0]


@virtual
async def test_a_failure_is_tried_again_with_growing_pauses_and_shown_until_it_heals():
    world = World("a")
    tries = 0

    async def heals(key):
        nonlocal tries
        tries += 1
        if tries < 5:
            raise errors.InternalError(f"try {tries}")
        return DONE

    async with world.running(heals) as controllers:
        await asyncio.sleep(2)
        told = controllers.statistics()["c0"]
        assert (told.failed, told.delayed) == (2, 1)
        assert told.last_error == "default/a: Internal error occurred: try 2"
        await asyncio.sleep(100)
        assert controllers.statistics()["c0"].last_error == ""
    assert [at for at, _ in world.asked] == [0.0, 1.0, 3.0, 7.0, 11.0]


@virtual
async def test_a_terminal_error_waits_for_a_change():
    world = World("a")

    async def hopeless(key):
        raise Terminal("the selector matches nothing")

    async with world.running(hopeless) as controllers:
        await asyncio.sleep(200)
        assert len(world.asked) == 1
        assert "the selector matches nothing" in controllers.statistics()["c0"].last_error
        world.watch.send(change("MODIFIED", config_map("a", 6)))
        await asyncio.sleep(1)
        assert len(world.asked) == 2


@virtual
async def test_being_overtaken_is_no_failure():
    world = World("a")
    tries = iter([errors.Conflict(kinds.CONFIG_MAP, "a")])

    async def overtaken(key):
        for error in tries:
            raise error
        return DONE

    async with world.running(overtaken) as controllers:
        await asyncio.sleep(10)
        assert controllers.statistics()["c0"].failed == 0
    assert len(world.asked) == 2


@virtual
async def test_a_broken_mapping_hurts_neither_the_informer_nor_other_controllers():
    world = World("a")

    def broken(obj):
        raise KeyError("nope")

    rows = {
        "broken": world._row("broken", satisfied, broken, 1),
        "sound": world._row("sound", satisfied, own_key, 1),
    }
    async with world.informers, Controllers(world.context, rows) as controllers:
        await controllers.wait_idle()
        assert world.asked == [(0.0, "default/a")]
        assert "nope" in controllers.statistics()["broken"].last_error


@virtual
async def test_one_key_is_never_worked_on_twice_at_once_and_several_keys_are():
    world = World("a", "b")
    busy, seen = set(), []

    async def slow(key):
        assert key not in busy
        busy.add(key)
        seen.append(len(busy))
        await asyncio.sleep(5)
        busy.remove(key)
        return DONE

    async with world.running(slow, workers=3):
        await asyncio.sleep(1)
        world.watch.send(change("MODIFIED", config_map("a", 6)))
        await asyncio.sleep(20)
    assert max(seen) == 2
    assert len(world.asked) == 3


@virtual
async def test_stopping_lets_what_is_under_way_finish():
    world = World("a")
    finished = []

    async def slow(key):
        await asyncio.sleep(3)
        finished.append(key)
        return DONE

    async with world.running(slow):
        await asyncio.sleep(1)
    assert finished == [Key("default", "a")]


class Helper(Service):
    """What a controller needs while it works."""

    def __init__(self, told):
        super().__init__("helper")
        self.told = told

    async def _start(self):
        self.told.append("started")

    async def _close(self):
        self.told.append("stopped")


@virtual
async def test_a_controllers_services_live_as_long_as_it_does_and_its_feed_survives_failures():
    world, told, tries = World(), [], []

    async def reconcile(key):
        told.append(str(key))
        return DONE

    async def feed(enqueue):
        tries.append(None)
        if len(tries) < 3:
            raise ConnectionFault("the server is away")
        enqueue(Key("", "fed"))

    controller = Controller(name="fed", watches=(), reconcile=reconcile, services=(Helper(told),), feed=feed)
    async with world.informers, Controllers(world.context, {"fed": lambda context: controller}):
        await asyncio.sleep(60)
    assert told == ["started", "fed", "stopped"]
    assert len(tries) == 3


def test_metadata_is_read_from_the_whole_informer_where_there_is_one():
    informers = World().informers
    alone = informers.metadata(kinds.CONFIG_MAP)
    assert informers.metadata(kinds.CONFIG_MAP) is alone
    whole = informers.get(kinds.SECRET)
    assert informers.metadata(kinds.SECRET) is whole
    assert informers.get(kinds.SECRET, field_selector="metadata.name=a") is not whole
