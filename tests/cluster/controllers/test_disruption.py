"""Budgets and evictions on a cluster in memory.

Rows: conformance v1.24, test/e2e/apps/disruption.go; since v1.24, sig-apps / job (DisruptionTarget).
"""

import asyncio

import pytest
from controllers_world import ControllersWorld, template

from podling.api import errors
from podling.api.types import apps_v1, core_v1, meta_v1, policy_v1
from podling.client import PatchType
from podling.testing.virtualtime import virtual

PDB, POD, DEPLOYMENT = policy_v1.PodDisruptionBudget, core_v1.Pod, apps_v1.Deployment
LABELS = {"app": "web"}
SELECTOR = {"matchLabels": LABELS}
NOT_YET = {"readinessGates": [{"conditionType": "example.com/in"}]}


async def evict(world, name, *, namespace="default", **options):
    eviction = policy_v1.Eviction(
        metadata=meta_v1.ObjectMeta(name=name, namespace=namespace),
        delete_options=meta_v1.DeleteOptions(**options) if options else None,
    )
    await world.client.resource(POD).create_subresource(name, "eviction", eviction, namespace=namespace)


async def deployment(world, replicas=3, *, ready=True):
    made = template(LABELS)
    if not ready:
        made["spec"].update(NOT_YET)
    await world.create(DEPLOYMENT, "web", spec={"replicas": replicas, "selector": SELECTOR, "template": made})
    running = (
        world.ready if ready else lambda: [each for each in world.pods() if each.status.phase == "Running"]
    )
    await world.until(lambda: len(running()) == replicas)


async def budget(world, name="web", *, selector=SELECTOR, **spec):
    await world.create(PDB, name, spec={"selector": selector, **spec})
    await settled(world, name)


async def settled(world, name="web"):
    """The budget's status, counted for what there is now."""
    await world.idle()
    return (await world.get(PDB, name)).status


def numbers(status):
    return (
        status.expected_pods,
        status.desired_healthy,
        status.current_healthy,
        status.disruptions_allowed,
    )


@virtual
async def test_the_controller_writes_into_the_status_how_many_may_go(tmp_path):
    """Row: disruption controller writes allowed disruptions into budget status; with the Deployment's scale for percentages."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(PDB, "web", spec={"selector": SELECTOR, "minAvailable": "50%"})
        assert numbers((await world.get(PDB, "web")).status) == (0, 0, 0, 0), "shown from the start"
        await deployment(world, 4)
        assert numbers(await settled(world)) == (4, 2, 4, 2)
        await world.patch(DEPLOYMENT, "web", {"spec": {"replicas": 6}})
        await world.until(lambda: len(world.ready()) == 6)
        status = await settled(world)
        assert numbers(status) == (6, 3, 6, 3)
        assert [(each.type, each.status, each.reason) for each in status.conditions] == [
            ("DisruptionAllowed", "True", "SufficientPods")
        ]
        assert status.observed_generation == 1
        assert world.controllers.statistics()["disruption-controller"].last_error == ""


@virtual
async def test_an_eviction_is_refused_while_the_budget_forbids_it_and_permitted_once_it_changes(tmp_path):
    """Row: refuse eviction while the budget forbids it; permit once the budget changes."""
    async with ControllersWorld(tmp_path) as world:
        await deployment(world)
        await budget(world, minAvailable=3)
        victim = world.pods()[0].metadata.name
        with pytest.raises(errors.TooManyRequests) as caught:
            await evict(world, victim)
        assert str(caught.value) == "Cannot evict pod as it would violate the pod's disruption budget."
        assert caught.value.causes[0].reason == "DisruptionBudget"
        assert "needs 3 healthy pods and has 3 currently" in caught.value.causes[0].message
        await world.patch(PDB, "web", {"spec": {"minAvailable": 2}})
        await settled(world)
        await evict(world, victim)
        ended = await world.exists(POD, victim)
        told = [each for each in ended.status.conditions if each.type == "DisruptionTarget"]
        assert [(each.status, each.reason, each.message) for each in told] == [
            ("True", "EvictionByEvictionAPI", "Eviction API: evicting")
        ]
        await world.until(lambda: world.one(POD, victim) is None and len(world.ready()) == 3)


@virtual
async def test_a_disruption_is_spent_once_however_many_ask_at_the_same_time(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployment(world, 4)
        await budget(world, maxUnavailable=1)
        names = [each.metadata.name for each in world.pods()]
        answers = await asyncio.gather(*(evict(world, name) for name in names), return_exceptions=True)
        granted = [name for name, answer in zip(names, answers, strict=True) if answer is None]
        assert {type(answer) for answer in answers if answer is not None} == {errors.TooManyRequests}
        assert len(granted) == 1
        await world.until(lambda: world.one(POD, granted[0]) is None and len(world.ready()) == 4)
        status = await settled(world)
        assert status.disruptions_allowed == 1, "the Pod that replaces it brings the disruption back"
        assert not status.disrupted_pods


@virtual
async def test_pods_that_serve_nobody_need_no_permission(tmp_path):
    """Pending, finished and ending Pods; and with a dry run nobody is ended and nothing is spent."""
    async with ControllersWorld(tmp_path) as world:
        await world.create(
            POD, "pending", labels=LABELS, spec={**template({})["spec"], "nodeSelector": {"no": "where"}}
        )
        await world.create(POD, "ready", labels=LABELS, spec=template({})["spec"])
        await world.until(lambda: len(world.ready()) == 1)
        await budget(world, minAvailable=2)
        await evict(world, "pending")
        assert await world.exists(POD, "pending") is None
        with pytest.raises(errors.TooManyRequests):
            await evict(world, "ready")
        await world.patch(PDB, "web", {"spec": {"minAvailable": 0}})
        before = await settled(world)
        await evict(world, "ready", dry_run=["All"])
        assert (await world.get(PDB, "web")).status == before
        assert (await world.get(POD, "ready")).metadata.deletion_timestamp is None


@virtual
async def test_unhealthy_pods_go_by_the_budgets_policy(tmp_path):
    """KEP-3017: IfHealthyBudget, the default, lets them go only while enough others are healthy; AlwaysAllow at any time."""
    async with ControllersWorld(tmp_path) as world:
        await deployment(world, ready=False)
        await budget(world, minAvailable=1)
        ill = world.pods()[0].metadata.name
        with pytest.raises(errors.TooManyRequests):
            await evict(world, ill)
        await world.patch(PDB, "web", {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}})
        await settled(world)
        await evict(world, ill)
        await world.until(lambda: world.one(POD, ill) is None)
        await world.create(POD, "well", labels=LABELS, spec=template({})["spec"])
        await world.until(lambda: len(world.ready()) == 1)
        await world.patch(PDB, "web", {"spec": {"unhealthyPodEvictionPolicy": "IfHealthyBudget"}})
        assert (await settled(world)).disruptions_allowed == 0
        await evict(world, world.pods()[0].metadata.name)


@virtual
async def test_preconditions_and_names_are_held_to(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world.create(POD, "web", labels=LABELS, spec=template({})["spec"])
        await world.until(world.ready)
        with pytest.raises(errors.Conflict, match="the UID in the precondition"):
            await evict(world, "web", preconditions=meta_v1.Preconditions(uid="another"))
        with pytest.raises(errors.Conflict, match="the ResourceVersion in the precondition"):
            await evict(world, "web", preconditions=meta_v1.Preconditions(resource_version="1"))
        eviction = policy_v1.Eviction(metadata=meta_v1.ObjectMeta(name="other"))
        with pytest.raises(errors.BadRequest, match="name in URL does not match"):
            await world.client.resource(POD).create_subresource(
                "web", "eviction", eviction, namespace="default"
            )
        revision = (await world.get(POD, "web")).metadata.resource_version
        await evict(world, "web", preconditions=meta_v1.Preconditions(resource_version=revision))
        await world.until(lambda: world.one(POD, "web") is None)


@virtual
async def test_a_pod_under_two_budgets_cannot_be_evicted(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployment(world, 1)
        await budget(world, "one", maxUnavailable=1)
        await budget(world, "two", selector={}, maxUnavailable=1)
        with pytest.raises(errors.ApiError, match="more than one PodDisruptionBudget") as caught:
            await evict(world, world.pods()[0].metadata.name)
        assert caught.value.code == 500
        told = await world.events(world.pods()[0].metadata.name)
        assert "MultiplePodDisruptionBudgets" in [reason for _, reason, _ in told]


@virtual
async def test_pods_whose_owners_have_no_scale_cannot_be_counted_and_so_not_be_disrupted(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await budget(world, maxUnavailable=1)
        await world.create(
            apps_v1.DaemonSet, "web", spec={"selector": SELECTOR, "template": template(LABELS)}
        )
        await world.until(lambda: len(world.ready()) == 1)
        await world.idle()
        status = (await world.get(PDB, "web")).status
        (condition,) = status.conditions
        assert (condition.status, condition.reason) == ("False", "SyncFailed")
        assert condition.message == "daemonsets.apps does not implement the scale subresource"
        with pytest.raises(errors.TooManyRequests) as caught:
            await evict(world, world.pods()[0].metadata.name)
        assert "because it failed sync" in caught.value.causes[0].message


@virtual
async def test_an_eviction_that_was_granted_and_not_carried_out_lapses(tmp_path):
    """The Pod counts as healthy again after two minutes, and a condition that never came true is taken back."""
    async with ControllersWorld(tmp_path) as world:
        await deployment(world)
        await budget(world, maxUnavailable=1)
        spared = world.pods()[0].metadata.name
        read = await world.get(PDB, "web")
        read.status.disruptions_allowed = 0
        read.status.disrupted_pods = {spared: "2023-11-14T22:15:00Z"}
        await world.client.resource(PDB).update(read, subresource="status")
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        condition["lastTransitionTime"] = "2023-11-14T22:15:00Z"
        await world.patch(
            POD,
            spared,
            {"status": {"conditions": [condition]}},
            type=PatchType.STRATEGIC,
            subresource="status",
        )
        await settled(world)
        await settled(world)
        await settled(world)
        assert numbers((await world.get(PDB, "web")).status) == (3, 2, 3, 1)
        told = {each.type: each for each in (await world.get(POD, spared)).status.conditions}
        assert (told["DisruptionTarget"].status, told["DisruptionTarget"].reason) == ("False", None)
        assert "NotDeleted" in [reason for _, reason, _ in await world.events(spared)]


@virtual
async def test_budgets_are_listed_everywhere_patched_replaced_and_deleted_together(tmp_path):
    """Rows: create, update, patch and delete; status accepts update and patch; list over all namespaces, deletecollection."""
    async with ControllersWorld(tmp_path) as world:
        budgets = world.client.resource(PDB)
        namespace = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="other"))
        await world.client.resource(core_v1.Namespace).create(namespace)
        await world.create(PDB, "one", labels=LABELS, spec={"selector": SELECTOR, "minAvailable": 1})
        await world.create(PDB, "two", labels=LABELS, spec={"selector": SELECTOR, "maxUnavailable": "10%"})
        await world.create(PDB, "far", namespace="other", labels=LABELS, spec={"selector": SELECTOR})
        listed = (await budgets.list(label_selector="app=web")).items
        assert sorted(each.metadata.name for each in listed) == ["far", "one", "two"]
        read = await world.get(PDB, "one")
        read.spec.min_available = 2
        assert (await budgets.update(read)).metadata.generation == 2
        patched = await world.patch(PDB, "one", {"spec": {"minAvailable": "70%"}})
        assert (patched.spec.min_available, patched.metadata.generation) == ("70%", 3)
        shown = await world.patch(
            PDB, "two", {"status": {"disruptedPods": {"p": "2023-11-14T22:15:00Z"}}}, subresource="status"
        )
        assert shown.status.disrupted_pods == {"p": "2023-11-14T22:15:00Z"}
        await budgets.delete_collection(namespace="default", label_selector="app=web")
        assert [each.metadata.name for each in (await budgets.list()).items] == ["far"]


@virtual
async def test_budgets_that_make_no_sense_are_refused_in_upstreams_words(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        for spec, words in (
            ({"minAvailable": 1, "maxUnavailable": 1}, "minAvailable and maxUnavailable cannot be both set"),
            (
                {"minAvailable": -1},
                "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                {"maxUnavailable": "110%"},
                'spec.maxUnavailable: Invalid value: "110%": must not be greater than 100%',
            ),
            (
                {"maxUnavailable": "some"},
                'spec.maxUnavailable: Invalid value: "some": a valid percent string',
            ),
            (
                {"unhealthyPodEvictionPolicy": "Never"},
                'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": '
                'supported values: "AlwaysAllow", "IfHealthyBudget"',
            ),
        ):
            with pytest.raises(errors.Invalid) as caught:
                await world.create(PDB, "web", spec={"selector": SELECTOR, **spec})
            assert words in str(caught.value)
        await world.create(PDB, "web", spec={"selector": SELECTOR, "minAvailable": 1})
        broken = [{"type": "X", "status": "True", "lastTransitionTime": "2023-11-14T22:15:00Z"}]
        with pytest.raises(errors.Invalid, match=r"conditions\[0\].reason: Required value: must be set"):
            await world.patch(PDB, "web", {"status": {"conditions": broken}}, subresource="status")
