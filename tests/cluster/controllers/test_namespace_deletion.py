"""Namespaces and their end: what is in the way is told, Pods go first.

Rows: conformance v1.24 and since, test/e2e/apimachinery/namespace.go.
"""

from controllers_world import ControllersWorld, template

from podling.api.pod import is_ready
from podling.api.types import core_v1, meta_v1
from podling.testing.virtualtime import virtual


@virtual
async def test_what_is_in_the_way_shows_in_the_conditions_until_the_namespace_is_gone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        namespaces = world.client.resource(core_v1.Namespace)
        await namespaces.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="team")))
        await world.create(core_v1.ServiceAccount, "held", namespace="team")
        await world.client.resource(core_v1.ServiceAccount).patch(
            "held", {"metadata": {"finalizers": ["example.com/hold"]}}, namespace="team"
        )
        await world.create(core_v1.Secret, "plain", namespace="team")
        await namespaces.delete("team")
        await world.idle()
        waiting = await namespaces.get("team")
        told = {each.type: (each.status, each.reason) for each in waiting.status.conditions}
        assert told["NamespaceContentRemaining"] == ("True", "SomeResourcesRemain")
        assert told["NamespaceFinalizersRemaining"] == ("True", "SomeFinalizersRemain")
        assert world.controllers.statistics()["namespace-controller"].last_error == ""
        await world.client.resource(core_v1.ServiceAccount).patch(
            "held", {"metadata": {"finalizers": None}}, namespace="team"
        )
        await world.idle()
        assert "team" not in [each.metadata.name for each in (await namespaces.list()).items]


async def namespace(world, name="team"):
    made = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name))
    return await world.client.resource(core_v1.Namespace).create(made)


@virtual
async def test_pods_go_before_anything_else_and_all_else_follows(tmp_path):
    """Rows: deletion removes every Pod, every Service; Pods before any other kind (KEP-5080); a namesake starts empty."""
    async with ControllersWorld(tmp_path) as world:
        await namespace(world)
        spec = template({"app": "web"}, grace=20)
        spec["spec"]["containers"][0]["lifecycle"] = {"preStop": {"sleep": {"seconds": 5}}}
        await world.create(core_v1.Pod, "web", namespace="team", spec=spec["spec"])
        await world.create(core_v1.Service, "web", namespace="team", spec={"ports": [{"port": 80}]})
        await world.create(core_v1.ConfigMap, "settings", namespace="team", data={"a": "b"})
        await world.until(lambda: [pod for pod in world.all(core_v1.Pod, "team") if is_ready(pod)])
        held = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.client.resource(core_v1.Pod).patch("web", held, namespace="team")
        await world.client.resource(core_v1.Namespace).delete("team")
        await world.idle()
        assert world.all(core_v1.Pod, "team")[0].metadata.deletion_timestamp is not None
        assert await world.exists(core_v1.Service, "web", "team"), "what serves a Pod outlives it"
        assert await world.exists(core_v1.ConfigMap, "settings", "team")
        waiting = await world.client.resource(core_v1.Namespace).get("team")
        told = {each.type: each.message for each in waiting.status.conditions if each.status == "True"}
        assert told["NamespaceContentRemaining"] == (
            "Some resources are remaining: pods. has 1 resource instances"
        )
        await world.client.resource(core_v1.Pod).patch(
            "web", {"metadata": {"finalizers": None}}, namespace="team"
        )
        await world.idle()
        assert "team" not in [
            each.metadata.name for each in (await world.client.resource(core_v1.Namespace).list()).items
        ]
        await namespace(world)
        for kind in (core_v1.Pod, core_v1.Service):
            assert not (await world.client.resource(kind).list(namespace="team")).items


@virtual
async def test_namespaces_are_patched_replaced_and_held_by_finalizers_of_their_own(tmp_path):
    """Rows: patch a label; replace (PUT); status read, patched and updated; add a finalizer, read it back, remove it."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        namespaces = world.client.resource(core_v1.Namespace)
        read = await namespace(world)
        assert read.status.phase == "Active"
        assert (await namespaces.patch("team", {"metadata": {"labels": {"a": "b"}}})).metadata.labels[
            "a"
        ] == "b"
        read = await namespaces.get("team")
        read.metadata.labels["a"] = "c"
        assert (await namespaces.update(read)).metadata.labels["a"] == "c"
        condition = {"type": "StatusPatch", "status": "True", "reason": "E2E", "message": "from a patch"}
        patched = await namespaces.patch(
            "team", {"status": {"conditions": [condition]}}, subresource="status"
        )
        patched.status.conditions.append(core_v1.NamespaceCondition(type="StatusUpdate", status="True"))
        updated = await namespaces.update(patched, subresource="status")
        assert [each.type for each in updated.status.conditions] == ["StatusPatch", "StatusUpdate"]
        updated.spec.finalizers.append("example.com/mine")
        held = await namespaces.update(updated, subresource="finalize")
        assert held.spec.finalizers == ["kubernetes", "example.com/mine"]
        await namespaces.delete("team")
        await world.idle()
        left = await namespaces.get("team")
        assert left.spec.finalizers == ["example.com/mine"]
        left.spec.finalizers = []
        await namespaces.update(left, subresource="finalize")
        assert "team" not in [each.metadata.name for each in (await namespaces.list()).items]
