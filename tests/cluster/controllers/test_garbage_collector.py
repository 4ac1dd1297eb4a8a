"""The garbage collector on a whole cluster in memory.

Rows: conformance v1.24, test/e2e/apimachinery/garbage_collector.go. What a row says of Deployments and ReplicationControllers stands with
those controllers; here owners and dependents are ConfigMaps, so that nobody else takes a hand in it.
"""

import pytest
from controllers_world import ControllersWorld, reference

from podling.api import errors
from podling.api.types import core_v1, rbac_v1
from podling.testing.virtualtime import virtual

CM = core_v1.ConfigMap


def world_of(tmp_path):
    return ControllersWorld(tmp_path, with_agent=False)


def names(world):
    return [obj.metadata.name for obj in world.all(CM) if obj.metadata.name != "kube-root-ca.crt"]


@virtual
async def test_background_what_belongs_to_a_deleted_owner_goes_level_by_level(tmp_path):
    async with world_of(tmp_path) as world:
        owner = await world.create(CM, "owner")
        middle = await world.create(CM, "middle", owners=[owner])
        await world.create(CM, "leaf", owners=[middle])
        await world.create(CM, "stranger")
        await world.delete(CM, "owner", propagation_policy="Background")
        await world.until(lambda: names(world) == ["stranger"], seconds=5)


@virtual
async def test_a_dependent_of_an_owner_that_was_never_there_goes_at_once(tmp_path):
    async with world_of(tmp_path) as world:
        absent = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "no-such-uid"}
        await world.create(CM, "orphan", owners=[absent])
        await world.until(lambda: names(world) == [], seconds=5)


@virtual
async def test_an_owner_of_that_name_with_another_uid_is_not_the_owner(tmp_path):
    async with world_of(tmp_path) as world:
        owner = await world.create(CM, "owner")
        await world.create(CM, "kept", owners=[owner])
        await world.create(CM, "dependent", owners=[{**reference(owner), "uid": "an-earlier-one"}])
        await world.until(lambda: names(world) == ["kept", "owner"], seconds=5)


@virtual
async def test_an_owner_in_another_namespace_counts_as_absent_and_an_event_says_so(tmp_path):
    async with world_of(tmp_path) as world:
        await world.client.resource(core_v1.Namespace).create(
            core_v1.Namespace(metadata=core_v1.meta_v1.ObjectMeta(name="other"))
        )
        owner = await world.create(CM, "owner", namespace="other")
        await world.create(CM, "dependent", owners=[owner])
        await world.until(lambda: names(world) == [], seconds=5)
        ((type, reason, message),) = await world.events("dependent")
        uid = owner.metadata.uid
        assert (type, reason) == ("Warning", "OwnerRefInvalidNamespace")
        assert message == (
            f'ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {uid}] does not exist in namespace "default"'
        )


@virtual
async def test_an_object_without_namespace_is_never_collected_for_an_owner_that_has_one(tmp_path):
    async with world_of(tmp_path) as world:
        owner = await world.create(CM, "owner")
        role = rbac_v1.ClusterRole(metadata=core_v1.meta_v1.ObjectMeta(name="role"))
        role.metadata.owner_references = [
            core_v1.meta_v1.OwnerReference(
                api_version="v1", kind="ConfigMap", name="owner", uid=owner.metadata.uid
            )
        ]
        await world.client.resource(rbac_v1.ClusterRole).create(role)
        await world.delete(CM, "owner")
        await world.idle()
        assert await world.client.resource(rbac_v1.ClusterRole).get("role")


@virtual
async def test_foreground_the_owner_stays_until_its_blocking_dependents_are_gone(tmp_path):
    async with world_of(tmp_path) as world:
        owner = await world.create(CM, "owner")
        held = await world.create(CM, "held", owners=[reference(owner, blockOwnerDeletion=True)])
        await world.create(CM, "free", owners=[owner])
        await world.patch(CM, "held", {"metadata": {"finalizers": ["example.com/hold"]}})
        await world.delete(CM, "owner", propagation_policy="Foreground")
        await world.idle()
        kept = await world.get(CM, "owner")
        assert kept.metadata.deletion_timestamp
        assert kept.metadata.finalizers == ["foregroundDeletion"]
        assert (await world.get(CM, "held")).metadata.deletion_timestamp
        assert held.metadata.uid == (await world.get(CM, "held")).metadata.uid
        await world.patch(CM, "held", {"metadata": {"finalizers": None}})
        await world.until(lambda: names(world) == [], seconds=5)


@virtual
async def test_foreground_spares_dependents_that_have_another_owner(tmp_path):
    async with world_of(tmp_path) as world:
        owner, other = await world.create(CM, "owner"), await world.create(CM, "other")
        blocking = reference(owner, blockOwnerDeletion=True)
        await world.create(CM, "shared", owners=[blocking, other])
        await world.create(CM, "own", owners=[blocking])
        await world.delete(CM, "owner", propagation_policy="Foreground")
        await world.until(lambda: names(world) == ["other", "shared"], seconds=5)
        (left,) = (await world.get(CM, "shared")).metadata.owner_references
        assert left.uid == other.metadata.uid


@virtual
async def test_orphans_stay_without_the_reference_and_are_not_collected_later(tmp_path):
    async with world_of(tmp_path) as world:
        owner = await world.create(CM, "owner")
        await world.create(CM, "one", owners=[owner])
        await world.create(CM, "two", owners=[owner])
        await world.delete(CM, "owner", propagation_policy="Orphan")
        await world.until(lambda: names(world) == ["one", "two"], seconds=5)
        await world.idle()
        for name in ("one", "two"):
            assert not (await world.get(CM, name)).metadata.owner_references


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_a_circle_of_owners_goes_as_a_whole(tmp_path, policy):
    @virtual
    async def test():
        async with world_of(tmp_path) as world:
            a, b, c = [await world.create(CM, name) for name in "abc"]
            for name, owner in (("a", c), ("b", a), ("c", b)):
                owned = {"metadata": {"ownerReferences": [reference(owner, blockOwnerDeletion=True)]}}
                await world.patch(CM, name, owned)
            await world.delete(CM, "a", propagation_policy=policy)
            await world.until(lambda: names(world) == [], seconds=30)

    test()


@virtual
async def test_a_replication_controller_orphans_unless_told_otherwise(tmp_path):
    async with world_of(tmp_path) as world:
        rc = core_v1.ReplicationController
        owner = await world.create(
            rc,
            "old",
            spec={
                "replicas": 0,
                "selector": {"a": "b"},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "c", "image": "busybox"}]},
                },
            },
        )
        await world.create(CM, "dependent", owners=[owner])
        await world.delete(rc, "old")
        await world.until(lambda: not world.all(rc), seconds=5)
        await world.idle()
        assert names(world) == ["dependent"]


@virtual
async def test_what_lost_its_owner_while_nobody_looked_goes_at_the_start(tmp_path):
    async with world_of(tmp_path) as world:
        await world.controllers.stop()
        owner = await world.create(CM, "owner")
        await world.create(CM, "dependent", owners=[owner])
        await world.delete(CM, "owner")
        assert names(world) in (["dependent"], [])
        await world._start_controllers()
        await world.until(lambda: names(world) == [], seconds=5)
        with pytest.raises(errors.NotFound):
            await world.get(CM, "dependent")
