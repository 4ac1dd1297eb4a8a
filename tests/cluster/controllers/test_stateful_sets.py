"""StatefulSets on a cluster in memory: stable names, order, updates, claims.

Rows: conformance v1.24, test/e2e/apps/statefulset.go.
"""

import collections

from controllers_world import ControllersWorld, template

from podling.api.types import apps_v1, core_v1
from podling.client import PatchType
from podling.testing.virtualtime import virtual

SET, POD, CLAIM, CR = (
    apps_v1.StatefulSet,
    core_v1.Pod,
    core_v1.PersistentVolumeClaim,
    apps_v1.ControllerRevision,
)
LABELS = {"app": "db"}


def spec(replicas=3, *, pod=None, **more):
    made = template(LABELS)
    made["spec"].update(pod or {})
    return {
        "replicas": replicas,
        "serviceName": "peers",
        "selector": {"matchLabels": LABELS},
        "template": made,
        **more,
    }


def image(name):
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": name}]}}}}


def rolling(**how):
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": how}}


def names(pods):
    return [pod.metadata.name for pod in pods]


def images(world):
    return [pod.spec.containers[0].image.rpartition(":")[2] for pod in world.all(POD)]


class Watched:
    """What happened to Pods, in order: (verb, name)."""

    def __init__(self, world):
        self.world, self.seen, self.steps, self.most = world, {}, [], 0

    def look(self):
        there = {pod.metadata.name: pod for pod in self.world.all(POD)}
        for name in sorted(there.keys() - self.seen.keys()):
            self.steps.append(("made", name))
        for name in sorted(self.seen.keys() - there.keys()):
            self.steps.append(("gone", name))
        for name in sorted(there.keys() & self.seen.keys()):
            if there[name].metadata.uid != self.seen[name].metadata.uid:
                self.steps += [("gone", name), ("made", name)]
        self.seen = there

    async def until(self, condition, **how):
        def both():
            self.look()
            return condition()

        return await self.world.until(both, **how)


def complete(world, count=3):
    status = world.one(SET, "db").status
    generation = world.one(SET, "db").metadata.generation
    return (
        status is not None
        and status.observed_generation == generation
        and status.replicas == status.available_replicas == count
        and status.updated_replicas == (count or None)
        and status.current_revision == status.update_revision
        and len(world.ready()) == len(world.all(POD)) == count
    )


async def started(world, **more):
    await world.create(SET, "db", spec=spec(**more))
    await world.until(lambda: complete(world))


async def scale(world, replicas):
    await world.patch(SET, "db", {"spec": {"replicas": replicas}}, type=PatchType.MERGE)


async def roll(world, tag):
    await world.patch(SET, "db", image(f"busybox:{tag}"), type=PatchType.STRATEGIC)


async def claims(world):
    return {each.metadata.name: each for each in (await world.client.resource(CLAIM).list()).items}


def storage(**policy):
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made = {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": request}]}
    return {**made, "persistentVolumeClaimRetentionPolicy": policy} if policy else made


@virtual
async def test_pods_come_in_order_with_names_that_last(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(SET, "db", spec=spec())
        seen = Watched(world)
        await seen.until(lambda: complete(world))
        assert seen.steps == [("made", f"db-{each}") for each in range(3)]
        first = world.pods()[0]
        assert (first.spec.hostname, first.spec.subdomain) == ("db-0", "peers")
        assert first.metadata.labels["apps.kubernetes.io/pod-index"] == "0"
        assert first.metadata.labels["statefulset.kubernetes.io/pod-name"] == "db-0"
        await world.delete(POD, "db-1")
        await seen.until(
            lambda: complete(world) and world.one(POD, "db-0").metadata.uid and len(seen.steps) == 5
        )
        assert seen.steps[3:] == [("gone", "db-1"), ("made", "db-1")]
        assert world.one(POD, "db-0").metadata.uid == first.metadata.uid


@virtual
async def test_scaling_goes_up_and_down_in_order_and_waits_while_a_pod_is_ill(tmp_path):
    """Row: ordered scaling."""
    async with ControllersWorld(tmp_path) as world:
        await started(world)
        seen = Watched(world)
        seen.look()
        await scale(world, 1)
        await seen.until(lambda: complete(world, 1))
        assert seen.steps[3:] == [("gone", "db-2"), ("gone", "db-1")]
        gate = {"spec": {"readinessGates": [{"conditionType": "example.com/in"}]}}
        wider = {"spec": {"replicas": 3, "template": gate}}
        await world.patch(SET, "db", wider, type=PatchType.STRATEGIC)
        await world.idle()
        assert names(world.all(POD)) == ["db-0", "db-1"], "db-1 is not ready, so db-2 has to wait"


@virtual
async def test_parallel_sets_wait_for_nobody(tmp_path):
    """Row: parallel pod management scales without waiting for unhealthy pods."""
    async with ControllersWorld(tmp_path) as world:
        gates = {"readinessGates": [{"conditionType": "example.com/in"}]}
        await world.create(SET, "db", spec=spec(pod=gates, podManagementPolicy="Parallel"))
        await world.until(lambda: names(world.all(POD)) == ["db-0", "db-1", "db-2"])
        await scale(world, 1)
        await world.until(lambda: names(world.all(POD)) == ["db-0"])


@virtual
async def test_a_pod_that_failed_is_made_anew_and_never_twice(tmp_path):
    """Row: delete and recreate a stateful pod that went Failed."""
    async with ControllersWorld(tmp_path) as world:
        await started(world)
        before = world.one(POD, "db-1").metadata.uid
        await world.patch(POD, "db-1", {"spec": {"activeDeadlineSeconds": 1}})
        await world.until(
            lambda: (
                world.one(POD, "db-1") and world.one(POD, "db-1").metadata.uid != before and complete(world)
            )
        )
        assert ("Warning", "RecreatingFailedPod") in {event[:2] for event in await world.events("db")}


@virtual
async def test_a_name_is_free_again_only_when_its_pod_is_gone(tmp_path):
    """A Pod held by a finalizer keeps its name: at most one of each, ever."""
    async with ControllersWorld(tmp_path) as world:
        await started(world)
        held = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.patch(POD, "db-2", held, type=PatchType.MERGE)
        uid = world.one(POD, "db-2").metadata.uid
        await world.delete(POD, "db-2")
        await world.idle()
        assert world.one(POD, "db-2").metadata.uid == uid
        await world.patch(POD, "db-2", {"metadata": {"finalizers": None}}, type=PatchType.MERGE)
        await world.until(lambda: complete(world) and world.one(POD, "db-2").metadata.uid != uid)


@virtual
async def test_an_update_replaces_one_pod_at_a_time_and_can_be_undone(tmp_path):
    """Row: update one pod at a time; status names both revisions; reverting reuses the earlier revision."""
    async with ControllersWorld(tmp_path) as world:
        await started(world)
        first = world.one(SET, "db").status.current_revision
        seen, ready, revisions = Watched(world), [], set()
        seen.look()

        def over():
            status = world.one(SET, "db").status
            ready.append(len(world.ready()))
            revisions.add((status.current_revision == first, status.update_revision == first))
            return complete(world) and images(world) == ["2", "2", "2"]

        await roll(world, 2)
        await seen.until(over)
        assert [name for verb, name in seen.steps[3:] if verb == "made"] == ["db-2", "db-1", "db-0"]
        assert min(ready) == 2
        assert (True, False) in revisions
        known = {each.metadata.name: each for each in (await world.client.resource(CR).list()).items}
        assert sorted(each.revision for each in known.values()) == [1, 2]
        await world.patch(SET, "db", bytes(known[first].data), type=PatchType.STRATEGIC)
        await world.until(lambda: complete(world) and images(world) == ["1", "1", "1"])
        assert world.one(SET, "db").status.current_revision == first
        known = (await world.client.resource(CR).list()).items
        assert sorted(each.revision for each in known) == [2, 3]


@virtual
async def test_a_partition_holds_back_lower_ordinals_even_when_they_are_made_anew(tmp_path):
    """Row: update only ordinals at or above partition; recreated lower ordinals keep the previous revision."""
    async with ControllersWorld(tmp_path) as world:
        await started(world, **rolling(partition=2))
        await roll(world, 2)
        await world.until(lambda: images(world) == ["1", "1", "2"] and len(world.ready()) == 3)
        uid = world.one(POD, "db-0").metadata.uid
        await world.delete(POD, "db-0")
        await world.until(lambda: len(world.ready()) == 3 and world.one(POD, "db-0").metadata.uid != uid)
        assert images(world) == ["1", "1", "2"]
        status = (await world.get(SET, "db")).status
        assert status.current_revision != status.update_revision
        await world.patch(SET, "db", {"spec": rolling(partition=0)}, type=PatchType.MERGE)
        await world.until(lambda: complete(world) and images(world) == ["2", "2", "2"])


@virtual
async def test_on_delete_leaves_the_pods_to_the_user(tmp_path):
    """A template is a cookie cutter: what has been cut stays as it is."""
    async with ControllersWorld(tmp_path) as world:
        await started(world, updateStrategy={"type": "OnDelete"})
        await roll(world, 2)
        await world.idle()
        assert images(world) == ["1", "1", "1"]
        await world.delete(POD, "db-1")
        await world.until(lambda: len(world.ready()) == 3 and images(world) == ["1", "2", "1"])


@virtual
async def test_only_so_many_earlier_revisions_are_kept(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await started(world, revisionHistoryLimit=1)
        for tag in (2, 3, 4):
            await roll(world, tag)
            await world.until(lambda: complete(world) and set(images(world)) == {str(tag)})  # noqa: B023
        await world.idle()
        known = (await world.client.resource(CR).list()).items
        assert sorted(each.revision for each in known) == [3, 4]


@virtual
async def test_a_set_takes_over_pods_that_are_called_as_its_own_and_no_others(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await started(world)
        before = {pod.metadata.name: pod.metadata.uid for pod in world.pods()}
        await world.delete(SET, "db", propagation_policy="Orphan")
        await world.until(lambda: all(not pod.metadata.owner_references for pod in world.pods()))
        await world.create(POD, "stranger", labels=LABELS, spec=template(LABELS)["spec"])
        await started_again(world)
        after = {pod.metadata.name: pod for pod in world.pods()}
        assert {name: after[name].metadata.uid for name in before} == before
        assert not after["stranger"].metadata.owner_references


async def started_again(world):
    await world.create(SET, "db", spec=spec())
    owned = collections.Counter()

    def all_owned():
        owned.clear()
        for pod in world.pods():
            owned.update(each.kind for each in pod.metadata.owner_references or ())
        return owned == {"StatefulSet": 3}

    await world.until(all_owned)


@virtual
async def test_every_pod_has_claims_of_its_own_and_they_outlive_it(tmp_path):
    """Nobody binds claims here, so the Pods are not run."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(SET, "db", spec=spec(podManagementPolicy="Parallel", **storage()))
        await world.until(lambda: len(world.pods()) == 3)
        found = await claims(world)
        assert sorted(found) == ["data-db-0", "data-db-1", "data-db-2"]
        assert found["data-db-0"].metadata.labels == LABELS
        volume = world.pods()[1].spec.volumes[0]
        assert (volume.name, volume.persistent_volume_claim.claim_name) == ("data", "data-db-1")
        await world.delete(CLAIM, "data-db-1")
        await world.idle()
        assert sorted(await claims(world)) == sorted(found), "a Pod that still waits gets its claim back"
        await world.delete(SET, "db")
        await world.until(lambda: not world.all(POD))
        await world.idle()
        assert sorted(await claims(world)) == sorted(found)


@virtual
async def test_claims_go_with_the_pod_or_the_set_where_the_policy_says_so(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        policy = storage(whenDeleted="Delete", whenScaled="Delete")
        await world.create(SET, "db", spec=spec(podManagementPolicy="Parallel", **policy))
        await world.until(lambda: len(world.pods()) == 3)
        await scale(world, 1)
        await world.until(lambda: names(world.all(POD)) == ["db-0"])
        await world.idle()
        found = await claims(world)
        assert list(found) == ["data-db-0"]
        assert [each.kind for each in found["data-db-0"].metadata.owner_references] == ["StatefulSet"]
        retain = {"whenDeleted": "Retain", "whenScaled": "Retain"}
        change = {"spec": {"persistentVolumeClaimRetentionPolicy": retain}}
        await world.patch(SET, "db", change, type=PatchType.MERGE)
        await world.idle()
        assert not (await claims(world))["data-db-0"].metadata.owner_references


@virtual
async def test_each_pod_waits_until_the_one_before_was_ready_for_long_enough(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(SET, "db", spec=spec(minReadySeconds=30))
        await world.until(lambda: len(world.ready()) == 2)
        status = (await world.get(SET, "db")).status
        assert status.available_replicas == 1
        began = world.clock.now()
        await world.until(lambda: complete(world))
        assert world.clock.now() - began >= 60


@virtual
async def test_an_update_may_take_two_pods_at_once(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await started(world, podManagementPolicy="Parallel", **rolling(maxUnavailable=2))
        fewest = []

        def over():
            fewest.append(len(world.ready()))
            return complete(world) and images(world) == ["2", "2", "2"]

        await roll(world, 2)
        await world.until(over)
        assert min(fewest) == 1


@virtual
async def test_sets_are_listed_by_label_and_deleted_together_with_their_pods(tmp_path):
    """Rows: list by label, patch, deletecollection; status patch visible to later reads."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(SET, "db", labels=LABELS, spec=spec(1))
        await world.until(lambda: complete(world, 1))
        condition = {"type": "StatusPatched", "status": "True"}
        await world.patch(SET, "db", {"status": {"conditions": [condition]}}, subresource="status")
        await scale(world, 2)
        await world.until(lambda: complete(world, 2))
        sets = world.client.resource(SET)
        (read,) = (await sets.list(label_selector="app=db")).items
        assert [each.type for each in read.status.conditions] == ["StatusPatched"], "what others say is kept"
        await sets.delete_collection(namespace="default", label_selector="app=db")
        await world.until(lambda: not world.all(POD))
