"""ReplicaSets and ReplicationControllers on a whole cluster in memory.

Rows: conformance v1.24, test/e2e/apps/replica_set.go and rc.go, kubectl's rc row; each behaviour is asserted for both kinds.
"""

import pytest
from controllers_world import ControllersWorld, template

from podling.api.types import apps_v1, core_v1
from podling.testing.virtualtime import virtual

RS, RC, POD = apps_v1.ReplicaSet, core_v1.ReplicationController, core_v1.Pod
LABELS = {"app": "web"}


def both(test):
    """Run the test once for each kind."""

    @pytest.mark.parametrize("kind", [RS, RC], ids=["ReplicaSet", "ReplicationController"])
    def run(kind, tmp_path):
        virtual(test)(kind, tmp_path)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def spec(kind, replicas, **more):
    selector = {"matchLabels": LABELS} if kind is RS else LABELS
    container = {name: more.pop(name) for name in list(more) if name in ("image", "readinessProbe")}
    return {"replicas": replicas, "selector": selector, "template": template(LABELS, **container), **more}


def scale(replicas):
    return {"spec": {"replicas": replicas}}


def status_of(world, kind, name="web"):
    found = world.one(kind, name)
    return found.status if found else None


@both
async def test_makes_as_many_pods_as_asked_for_and_follows_scaling(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 3))
        await world.until(lambda: len(world.ready()) == 3)
        await world.until(lambda: status_of(world, kind).available_replicas == 3)
        status = status_of(world, kind)
        assert (status.replicas, status.fully_labeled_replicas, status.ready_replicas) == (3, 3, 3)
        assert status.observed_generation == 1
        assert all(pod.metadata.name.startswith("web-") for pod in world.pods())
        await world.patch(kind, "web", scale(5))
        await world.until(lambda: len(world.ready()) == 5)
        await world.patch(kind, "web", scale(1))
        await world.until(lambda: len(world.all(POD)) == 1 and status_of(world, kind).replicas == 1)
        assert status_of(world, kind).observed_generation == 3
        created = [event for event in await world.events("web") if event[1] == "SuccessfulCreate"]
        deleted = [event for event in await world.events("web") if event[1] == "SuccessfulDelete"]
        assert (len(created), len(deleted)) == (5, 4)


@both
async def test_replaces_a_pod_that_is_deleted_and_one_that_failed(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 2))
        await world.until(lambda: len(world.ready()) == 2)
        first, second = (pod.metadata.name for pod in world.pods())
        await world.delete(POD, first)
        await world.until(lambda: len(world.ready()) == 2 and not world.one(POD, first))
        await world.patch(POD, second, {"spec": {"activeDeadlineSeconds": 1}})
        running = lambda: [pod for pod in world.ready() if pod.status.phase == "Running"]  # noqa: E731
        await world.until(lambda: len(running()) == 2 and second not in names(running()))
        assert world.one(POD, second), "a failed Pod is left for its user to look at"


def names(objects):
    return [obj.metadata.name for obj in objects]


@both
async def test_adopts_matching_pods_and_releases_those_that_match_no_longer(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(POD, "stray", labels=LABELS, spec=template(LABELS)["spec"])
        await world.until(lambda: len(world.ready()) == 1)
        owner = await world.create(kind, "web", spec=spec(kind, 1))
        await world.until(lambda: world.one(POD, "stray").metadata.owner_references)
        (reference,) = world.one(POD, "stray").metadata.owner_references
        assert (reference.uid, reference.controller) == (owner.metadata.uid, True)
        await world.idle()
        assert names(world.pods()) == ["stray"]
        await world.patch(POD, "stray", {"metadata": {"labels": {"app": "other"}}})
        await world.until(lambda: len(world.ready()) == 2)
        await world.until(lambda: not world.one(POD, "stray").metadata.owner_references)
        assert status_of(world, kind).replicas == 1


@both
async def test_what_somebody_else_controls_is_not_taken_over(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        other = await world.create(core_v1.ConfigMap, "other")
        owned = {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": other.metadata.uid}
        await world.create(
            POD,
            "theirs",
            labels=LABELS,
            spec=template(LABELS)["spec"],
            owners=[{**owned, "controller": True}],
        )
        await world.create(kind, "web", spec=spec(kind, 1))
        await world.until(lambda: len(world.ready()) == 2)
        assert world.one(POD, "theirs").metadata.owner_references[0].uid == other.metadata.uid


@both
async def test_the_template_is_a_cookie_cutter(kind, tmp_path):
    """Changing it never changes Pods that exist; editing a Pod never changes its owner."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 1))
        (pod,) = await world.until(world.ready)
        changed = {"spec": {"template": {"metadata": {"annotations": {"new": "yes"}}}}}
        await world.patch(kind, "web", changed)
        await world.patch(POD, pod.metadata.name, {"metadata": {"annotations": {"mine": "yes"}}})
        await world.idle()
        (kept,) = world.pods()
        assert kept.metadata.uid == pod.metadata.uid
        assert kept.metadata.annotations == {"mine": "yes"}
        assert (await world.get(kind, "web")).spec.template.metadata.annotations == {"new": "yes"}
        await world.patch(kind, "web", scale(2))
        await world.until(lambda: len(world.ready()) == 2)
        assert {(each.metadata.annotations or {}).get("new") for each in world.pods()} == {None, "yes"}


@both
async def test_a_pod_counts_as_available_only_after_min_ready_seconds(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 1, minReadySeconds=30))
        await world.until(lambda: status_of(world, kind) and status_of(world, kind).ready_replicas == 1)
        begun = world.clock.now()
        assert not status_of(world, kind).available_replicas
        await world.until(lambda: status_of(world, kind).available_replicas == 1)
        assert 29 <= world.clock.now() - begun <= 31


@both
async def test_pods_that_are_refused_are_a_condition_that_goes_when_the_trouble_does(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        refused = spec(kind, 4)
        refused["template"]["spec"]["serviceAccountName"] = "missing"
        await world.create(kind, "web", spec=refused)
        await world.until(lambda: status_of(world, kind) and status_of(world, kind).conditions)
        (condition,) = status_of(world, kind).conditions
        assert (condition.type, condition.status, condition.reason) == (
            "ReplicaFailure",
            "True",
            "FailedCreate",
        )
        assert 'serviceaccount "missing" not found' in condition.message
        assert ("Warning", "FailedCreate") in {event[:2] for event in await world.events("web")}
        await world.create(core_v1.ServiceAccount, "missing")
        await world.until(lambda: len(world.ready()) == 4)
        await world.until(lambda: not status_of(world, kind).conditions)


@both
async def test_the_cheapest_pods_go_first(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 3))
        await world.until(lambda: len(world.ready()) == 3)
        dear = world.pods()[1].metadata.name
        costs = {"controller.kubernetes.io/pod-deletion-cost": "100"}
        await world.patch(POD, dear, {"metadata": {"annotations": costs}})
        await world.until(lambda: world.one(POD, dear).metadata.annotations)
        await world.patch(kind, "web", scale(1))
        await world.until(lambda: names(world.pods()) == [dear])


@both
async def test_never_more_pods_than_asked_for_however_the_informers_lag(kind, tmp_path):
    """Every reconcile is woken many times while its own writes are still on their way."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 40))
        await world.until(lambda: len(world.ready()) == 40)
        created = [event for event in await world.events("web") if event[1] == "SuccessfulCreate"]
        assert len(world.all(POD)) == 40
        assert len(created) <= 40
        assert world.controllers.statistics()[f"{kind.__name__.lower()}-controller"].failed == 0


@both
async def test_background_deletion_takes_the_pods_along(kind, tmp_path):
    """Row: background-deleting a ReplicationController removes the pods it made."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 2))
        await world.until(lambda: len(world.ready()) == 2)
        await world.delete(kind, "web", propagation_policy="Background")
        await world.until(lambda: not world.all(POD), seconds=30)


@both
async def test_foreground_deletion_keeps_the_owner_until_its_last_pod_is_gone(kind, tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 2))
        await world.until(lambda: len(world.ready()) == 2)
        await world.delete(kind, "web", propagation_policy="Foreground")
        await world.until(lambda: len(world.all(POD)) < 2 or not world.pods())
        assert world.one(kind, "web")
        await world.until(lambda: not world.one(kind, "web"), seconds=60)
        assert not world.all(POD)


@both
async def test_orphaned_pods_live_on_and_are_adopted_by_the_next_owner(kind, tmp_path):
    """Row: orphan deletion of a ReplicationController leaves its pods alive."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(kind, "web", spec=spec(kind, 2))
        await world.until(lambda: len(world.ready()) == 2)
        before = names(world.pods())
        await world.delete(kind, "web", propagation_policy="Orphan")
        await world.until(lambda: not world.one(kind, "web"), seconds=60)
        await world.idle()
        assert names(world.ready()) == before
        assert not any(pod.metadata.owner_references for pod in world.pods())
        heir = await world.create(kind, "heir", spec=spec(kind, 2))
        await world.until(lambda: all(pod.metadata.owner_references for pod in world.pods()))
        await world.until(lambda: status_of(world, kind, "heir").ready_replicas == 2)
        assert names(world.pods()) == before
        assert {pod.metadata.owner_references[0].uid for pod in world.pods()} == {heir.metadata.uid}
