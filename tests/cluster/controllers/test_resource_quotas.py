"""ResourceQuotas on a whole cluster in memory: charged at the door, counted by their controller.

Rows: conformance test/e2e/apimachinery/resource_quota.go, and the rows of test/e2e/apps on controllers over quota.
"""

import asyncio

import pytest
from controllers_world import ControllersWorld, template

from podling.api import errors
from podling.api.types import apps_v1, core_v1
from podling.client.informer import Handler
from podling.testing.virtualtime import virtual

QUOTA, POD, RS, RC = core_v1.ResourceQuota, core_v1.Pod, apps_v1.ReplicaSet, core_v1.ReplicationController
LABELS = {"app": "web"}


async def watching(world):
    informer = world.seen.get(QUOTA)
    informer.add_handler(Handler(on_add=world._tell, on_update=world._tell, on_delete=world._tell))
    await informer.wait_synced()


async def quota(world, name="q", **hard):
    """A quota that is in force."""
    spec = {key: value for key, value in hard.items() if key in ("scopes", "scopeSelector")}
    amounts = {key.replace("__", "."): str(hard[key]) for key in hard if key not in spec}
    await world.create(QUOTA, name, spec={"hard": amounts, **spec})
    await world.until(lambda: used(world, name).keys() == amounts.keys(), seconds=1)


def used(world, name="q"):
    found = world.one(QUOTA, name)
    return (found.status.used if found and found.status else None) or {}


def spec(*, grace=0, **more):
    made = template(LABELS, grace=grace)["spec"]
    container = more.pop("container", {})
    made["containers"][0].update(container)
    return made | more


@virtual
async def test_a_new_quota_says_at_once_what_is_used(tmp_path):
    """Row: fill status.hard and status.used of a new quota promptly."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await world.create(core_v1.Secret, "s")
        await quota(world, pods=5, secrets=3, services=2, **{"count/deployments.apps": 1})
        own = "1"  # the server's own Service, `kubernetes`
        assert used(world) == {"pods": "0", "secrets": "1", "services": own, "count/deployments.apps": "0"}
        assert world.one(QUOTA, "q").status.hard["pods"] == "5"


@virtual
async def test_a_pod_is_charged_and_given_back_when_it_is_gone(tmp_path):
    """Row: the life of a Pod is captured by a quota."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, pods=1, requests__cpu=1)
        container = {"resources": {"requests": {"cpu": "500m"}}}
        await world.create(POD, "one", spec=spec(container=container))
        await world.until(lambda: used(world) == {"pods": "1", "requests.cpu": "500m"})
        with pytest.raises(
            errors.Forbidden, match="exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
        ):
            await world.create(POD, "two", spec=spec(container=container))
        await world.delete(POD, "one")
        await world.until(lambda: used(world) == {"pods": "0", "requests.cpu": "0"}, seconds=30)
        await world.create(POD, "two", spec=spec(container=container))


@virtual
@pytest.mark.parametrize(
    ("kind", "name", "body"),
    [
        (core_v1.ConfigMap, "configmaps", {}),
        (core_v1.Secret, "secrets", {}),
        (core_v1.Service, "services", {"spec": {"ports": [{"port": 80}]}}),
        (
            RC,
            "replicationcontrollers",
            {"spec": {"replicas": 0, "selector": LABELS, "template": template(LABELS)}},
        ),
        (
            RS,
            "count/replicasets.apps",
            {"spec": {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": template(LABELS)}},
        ),
        (
            core_v1.PersistentVolumeClaim,
            "persistentvolumeclaims",
            {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        ),
    ],
)
async def test_objects_are_counted_and_uncounted(tmp_path, kind, name, body):
    """Rows: count ConfigMaps, ReplicaSets, ReplicationControllers, Secrets and Services on create and uncount on delete."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, **{name: 5})
        before = int(used(world)[name])
        await world.create(kind, "one", **body)
        await world.until(lambda: used(world)[name] == str(before + 1), seconds=30)
        await world.patch(kind, "one", {"metadata": {"finalizers": []}})
        await world.delete(kind, "one", propagation_policy="Background")
        await world.until(lambda: used(world)[name] == str(before), seconds=30)


@virtual
@pytest.mark.parametrize(
    ("inside", "outside", "how"),
    [
        ("BestEffort", "NotBestEffort", {}),
        ("NotBestEffort", "BestEffort", {"container": {"resources": {"requests": {"cpu": "1m"}}}}),
        ("Terminating", "NotTerminating", {"activeDeadlineSeconds": 3600}),
        ("NotTerminating", "Terminating", {}),
    ],
)
async def test_each_scope_charges_its_own_pods_only(tmp_path, inside, outside, how):
    """Rows: BestEffort and NotBestEffort; Terminating and NotTerminating."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, "in", pods=5, scopes=[inside])
        await quota(world, "out", pods=5, scopes=[outside])
        await world.create(POD, "one", spec=spec(**how))
        await world.until(lambda: used(world, "in") == {"pods": "1"})
        await world.idle()
        assert used(world, "out") == {"pods": "0"}
        await world.delete(POD, "one")
        await world.until(lambda: used(world, "in") == {"pods": "0"}, seconds=30)


@virtual
async def test_a_finished_pod_gives_back_what_it_used_but_is_still_an_object(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, pods=5, **{"count/pods": 5})
        await world.create(POD, "one", spec=spec(activeDeadlineSeconds=1, restartPolicy="Never"))
        await world.until(lambda: used(world) == {"pods": "0", "count/pods": "1"}, seconds=120)


@virtual
async def test_a_changed_quota_is_taken_up_and_what_others_write_into_its_status_put_right(tmp_path):
    """Rows: update and delete; status is reconciled to the spec."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, pods=5)
        await world.patch(QUOTA, "q", {"spec": {"hard": {"pods": "3", "secrets": "2"}}})
        await world.until(lambda: used(world) == {"pods": "0", "secrets": "0"}, seconds=1)
        lie = {"status": {"hard": {"pods": "100"}, "used": {"pods": "9"}}}
        await world.patch(QUOTA, "q", lie, subresource="status")
        await world.until(lambda: used(world)["pods"] == "0", seconds=400)
        found = world.one(QUOTA, "q")
        assert found.status.hard == found.spec.hard == {"pods": "3", "secrets": "2"}
        await world.delete(QUOTA, "q")
        await world.until(lambda: world.one(QUOTA, "q") is None)


@virtual
async def test_a_controller_over_quota_says_so_until_it_is_scaled_into_it(tmp_path):
    """Row: ReplicaFailure appears when a quota blocks Pods and clears after scaling down."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, pods=2)
        asked = {"replicas": 3, "selector": LABELS, "template": template(LABELS)}
        await world.create(RC, "over", spec=asked)

        def failure():
            found = world.one(RC, "over")
            conditions = (found.status.conditions if found and found.status else None) or ()
            return [each.reason for each in conditions if each.type == "ReplicaFailure"]

        await world.until(lambda: failure() == ["FailedCreate"] and len(world.ready()) == 2)
        await world.patch(RC, "over", {"spec": {"replicas": 2}})
        await world.until(lambda: failure() == [])


@virtual
async def test_replacing_pods_at_the_limit_never_exceeds_it_and_never_gets_stuck(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await quota(world, pods=4)
        body = {"replicas": 3, "selector": {"matchLabels": LABELS}, "template": template(LABELS)}
        await world.create(RS, "web", spec=body)
        await world.until(lambda: len(world.ready()) == 3)
        most = 0
        for _ in range(6):
            doomed = world.ready()[0].metadata.name
            await world.delete(POD, doomed)
            await asyncio.sleep(0)
            most = max(most, len(world.all(POD)))
            await world.until(lambda doomed=doomed: len(world.ready()) == 3 and not world.one(POD, doomed))
        assert most <= 4
        await world.idle()
        assert used(world) == {"pods": "3"}
