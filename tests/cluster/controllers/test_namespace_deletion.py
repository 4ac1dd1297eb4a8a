"""A namespace that is deleted says what it waits for, as the identity that may only update statuses."""

from controllers_world import ControllersWorld

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
