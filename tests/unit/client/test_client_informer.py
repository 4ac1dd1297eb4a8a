"""The local copy equals the server's state, tells every change once, and catches who writes into it."""

import asyncio
import contextlib
from random import Random

import msgspec
import pytest

from podling.aio.tasks import cancel_and_wait
from podling.api import selectors
from podling.api.types import core_v1, meta_v1
from podling.client import Client
from podling.client.informer import Handler, Informer, MutatedObject
from podling.client.informers import Informers
from podling.testing.scripted import ScriptedTransport, others
from podling.testing.virtualtime import virtual

EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}\n'


def pod(name, revision, *, uid=None, node=None, namespace="default", labels=None, owner=None):
    owners = [meta_v1.OwnerReference(kind="ReplicaSet", name="rs", uid=owner)] if owner else None
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace=namespace,
            uid=uid or f"uid-{name}",
            resource_version=str(revision),
            labels=labels,
            owner_references=owners,
            managed_fields=[meta_v1.ManagedFieldsEntry(manager="m", fields_v1=msgspec.Raw(b"{}"))],
        ),
        spec=core_v1.PodSpec(node_name=node),
    )


def listing(revision, *pods):
    return msgspec.json.encode({"metadata": {"resourceVersion": str(revision)}, "items": pods})


def change(type, obj):
    return msgspec.json.encode({"type": type, "object": obj}) + b"\n"


def by_node(pod):
    return (pod.spec.node_name,) if pod.spec.node_name else ()


class World:
    """An informer with a script, its watch and what its handler heard."""

    def __init__(self, *, guard=False):
        self.transport = ScriptedTransport()
        self.resource = Client(self.transport).resource(core_v1.Pod)
        self.informer = Informer(self.resource, indexers={"node": by_node}, random=Random(1), guard=guard)
        self.heard = []
        self.informer.add_handler(
            Handler(
                on_add=lambda new: self.heard.append(("add", new.metadata.name)),
                on_update=lambda old, new: self.heard.append(
                    ("update", old.metadata.resource_version, new.metadata.resource_version)
                ),
                on_delete=lambda last: self.heard.append(("delete", last.metadata.name)),
            )
        )

    @contextlib.asynccontextmanager
    async def running(self, revision, *pods):
        self.transport.answer(listing(revision, *pods))
        self.watch = self.transport.stream()
        task = asyncio.get_running_loop().create_task(self.informer.run())
        try:
            await self.informer.wait_synced()
            yield self
        finally:
            await cancel_and_wait(task)

    async def see(self, *lines):
        self.watch.send(b"".join(lines))
        await asyncio.sleep(0.001)

    def names(self):
        return [pod.metadata.name for pod in self.informer.list()]


@virtual
async def test_changes_are_told_in_order_and_held():
    async with World().running(5, pod("a", 1), pod("b", 2)) as world:
        await world.see(
            change("ADDED", pod("c", 6)), change("MODIFIED", pod("a", 7)), change("DELETED", pod("b", 8))
        )
        assert world.heard == [
            ("add", "a"),
            ("add", "b"),
            ("add", "c"),
            ("update", "1", "7"),
            ("delete", "b"),
        ]
        assert sorted(world.names()) == ["a", "c"]
        assert world.informer.get("default", "a").metadata.resource_version == "7"
        assert world.informer.get("default", "b") is None
        assert world.informer.revision == "8"
        assert len(world.informer) == 2


@virtual
async def test_after_a_lost_place_it_lists_again_and_tells_only_the_difference():
    async with World().running(5, pod("a", 1), pod("b", 2), pod("c", 3)) as world:
        world.heard.clear()
        world.transport.answer(listing(90, pod("a", 1), pod("b", 80), pod("d", 81)))
        world.transport.stream()
        await world.see(EXPIRED)
        await world.transport.wait_requests(4)
        assert world.heard == [("delete", "c"), ("update", "2", "80"), ("add", "d")]
        assert dict(world.transport.requests[3].query)["resourceVersion"] == "90"
        assert world.informer.statistics().lists == 2


@virtual
async def test_an_object_made_anew_under_the_same_name_is_a_deletion_and_an_addition():
    async with World().running(5, pod("a", 1, uid="old")) as world:
        world.heard.clear()
        await world.see(change("MODIFIED", pod("a", 9, uid="new")))
        assert world.heard == [("delete", "a"), ("add", "a")]


@virtual
async def test_bookmarks_and_repeated_events_are_not_told():
    async with World().running(5, pod("a", 1)) as world:
        world.heard.clear()
        await world.see(change("BOOKMARK", pod("", 50)), change("ADDED", pod("a", 1)))
        assert world.heard == []


@virtual
async def test_indexes_follow_the_objects():
    async with World().running(5, pod("a", 1, node="n1"), pod("b", 2, node="n1"), pod("c", 3)) as world:
        assert [p.metadata.name for p in world.informer.by_index("node", "n1")] == ["a", "b"]
        await world.see(change("MODIFIED", pod("a", 6, node="n2")), change("DELETED", pod("b", 7, node="n1")))
        assert world.informer.by_index("node", "n1") == []
        assert [p.metadata.name for p in world.informer.by_index("node", "n2")] == ["a"]
        assert world.informer.index_values("node") == ["n2"]


@virtual
async def test_an_index_added_late_knows_what_is_there():
    async with World().running(5, pod("a", 1, owner="u1")) as world:
        world.informer.add_index("owner", lambda p: [o.uid for o in p.metadata.owner_references or ()])
        assert [p.metadata.name for p in world.informer.by_index("owner", "u1")] == ["a"]
        with pytest.raises(ValueError, match="another one of that name"):
            world.informer.add_index("owner", lambda p: [])


@virtual
async def test_a_handler_added_late_is_told_what_is_there():
    async with World().running(5, pod("a", 1)) as world:
        late = []
        world.informer.add_handler(Handler(on_add=lambda p: late.append(p.metadata.name)))
        assert late == ["a"]


@virtual
async def test_lists_by_namespace_and_label():
    pods = (
        pod("a", 1, labels={"app": "x"}),
        pod("b", 2, namespace="other"),
        pod("c", 3, labels={"app": "y"}),
    )
    async with World().running(5, *pods) as world:
        assert [p.metadata.name for p in world.informer.list("other")] == ["b"]
        chosen = world.informer.list(None, selectors.parse_labels("app in (x,y)"))
        assert [p.metadata.name for p in chosen] == ["a", "c"]


@virtual
async def test_managed_fields_are_not_kept():
    async with World().running(5, pod("a", 1)) as world:
        await world.see(change("ADDED", pod("b", 6)))
        assert [p.metadata.managed_fields for p in world.informer.list()] == [None, None]


@virtual
async def test_a_guard_catches_who_writes_into_a_shared_object():
    async with World(guard=True).running(5, pod("a", 1)) as world:
        world.informer.verify()
        world.informer.get("default", "a").metadata.labels = {"oops": "1"}
        with pytest.raises(MutatedObject, match="Pod default/a"):
            world.informer.verify()
        world.informer.get("default", "a").metadata.labels = None


@virtual
async def test_a_refused_list_shows_and_is_tried_again():
    world = World()
    world.transport.answer(
        b'{"kind":"Status","status":"Failure","reason":"Forbidden","code":403,"message":"no"}', status=403
    )
    async with world.running(5, pod("a", 1)):
        assert world.names() == ["a"]
        assert world.informer.last_error is None
        assert asyncio.get_running_loop().time() > 0


@virtual
async def test_one_informer_serves_all_who_ask_for_the_same():
    transport = ScriptedTransport()
    informers = Informers(Client(transport), random=Random(1))
    one = informers.get(core_v1.Pod)
    two = informers.get(core_v1.Pod, indexers={"node": by_node})
    other = informers.get(core_v1.Pod, field_selector="spec.nodeName=n1")
    assert one is two
    assert other is not one
    transport.answer(listing(5, pod("a", 1, node="n1")), when=others)
    transport.answer(listing(5), when=others)
    async with informers:
        await informers.wait_synced()
        assert len(one.by_index("node", "n1")) == 1
        late = informers.get(core_v1.Pod, namespace="late")
        transport.answer(listing(6), when=others)
        await late.wait_synced()
    assert all(not task.get_name().startswith("informers/") for task in asyncio.all_tasks())
