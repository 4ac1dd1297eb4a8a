"""HorizontalPodAutoscalers over simulated containers whose usage the test sets: sizes, conditions, Events, in virtual time."""

from __future__ import annotations

import asyncio
import json

import pytest
from controllers_world import ControllersWorld, template

from podling.api.types import apps_v1, autoscaling_v2, core_v1
from podling.testing.virtualtime import virtual

HPA, DEPLOYMENT = autoscaling_v2.HorizontalPodAutoscaler, apps_v1.Deployment
LABELS = {"app": "web"}
MIB = 1 << 20


def resource(name="cpu", **target):
    kind = "Utilization" if "averageUtilization" in target else "AverageValue"
    return {"type": "Resource", "resource": {"name": name, "target": {"type": kind, **target}}}


async def deployed(world, replicas=1, *, requests=("cpu", "100m"), name="web", containers=None, **more):
    pods = template(LABELS, resources={"requests": dict([requests])})
    if containers:
        pods["spec"]["containers"] = containers
    await world.create(
        DEPLOYMENT,
        name,
        spec={"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": pods},
        **more,
    )
    await world.until(lambda: len(world.ready()) == replicas)


async def autoscaled(world, *metrics, name="scaler", target=None, most=10, least=1, **spec):
    reference = target or {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"scaleTargetRef": reference, "minReplicas": least, "maxReplicas": most, "metrics": list(metrics)}
    return await world.create(HPA, name, spec={**body, **spec})


def use(world, **usage):
    """All containers use so much from now on."""
    for machine in world.machines.values():
        for life in machine.lives.values():
            machine.use(life, **usage)


async def keep_using(world, total, seconds):
    """For so long all Pods together use so many cores, shared evenly."""
    for _ in range(seconds // 5):
        pods = max(1, len(world.ready()))
        use(world, cpu=total / pods)
        await asyncio.sleep(5)


def wanted(world, name="web"):
    return world.one(DEPLOYMENT, name).spec.replicas


async def conditions(world, name="scaler"):
    hpa = await world.get(HPA, name)
    return {
        one.type: (one.status, one.reason, one.message)
        for one in (hpa.status and hpa.status.conditions) or ()
    }


@virtual
async def test_load_adds_replicas_until_it_is_shared_and_silence_takes_them_after_five_minutes(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world)
        await autoscaled(world, resource(averageUtilization=50))
        await keep_using(world, 0.3, 600)
        size = wanted(world)
        assert size in (6, 7)  # what is within the tolerance depends on what was seen on the way
        hpa = await world.get(HPA, "scaler")
        assert hpa.status.current_replicas == hpa.status.desired_replicas == size
        (metric,) = hpa.status.current_metrics
        assert metric.resource.name == "cpu"
        assert metric.resource.current.average_utilization == pytest.approx(300 / size, abs=2)
        assert hpa.status.last_scale_time
        began = world.clock.now()
        use(world, cpu=0.001)
        await world.until(lambda: wanted(world) == 1)
        assert 290 < world.clock.now() - began < 345
        told = [
            (reason, message)
            for _, reason, message in await world.events("scaler")
            if reason == "SuccessfulRescale"
        ]
        above = "cpu resource utilization (percentage of request) above target"
        assert ("SuccessfulRescale", f"New size: 4; reason: {above}") in told
        assert told[-1] == ("SuccessfulRescale", "New size: 1; reason: All metrics below target")


@virtual
async def test_conditions_say_what_was_done_and_what_limits(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, 2, requests=("memory", "10Mi"))
        use(world, memory=5 * MIB)
        await autoscaled(world, resource("memory", averageUtilization=50), least=2, most=3)
        await world.idle()
        found = await conditions(world)
        assert found == {
            "AbleToScale": ("True", "ReadyForNewScale", "recommended size matches current size"),
            "ScalingActive": (
                "True",
                "ValidMetricFound",
                "the HPA was able to successfully calculate a replica count from memory resource utilization "
                "(percentage of request)",
            ),
            "ScalingLimited": (
                "False",
                "DesiredWithinRange",
                "the desired count is within the acceptable range",
            ),
        }
        use(world, memory=50 * MIB)
        await world.until(lambda: wanted(world) == 3)
        await asyncio.sleep(40)
        found = await conditions(world)
        assert found["ScalingLimited"] == (
            "True",
            "TooManyReplicas",
            "the desired replica count is more than the maximum replica count",
        )


@virtual
async def test_an_average_value_needs_no_requests(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, requests=("cpu", "1"))
        use(world, memory=30 * MIB)
        await autoscaled(world, resource("memory", averageValue="10Mi"))
        await world.until(lambda: wanted(world) == 3)


@virtual
async def test_a_container_is_measured_alone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        asked = {"requests": {"memory": "10Mi"}}
        both = [{"name": name, "image": "busybox:1", "resources": asked} for name in ("main", "side")]
        await deployed(world, containers=both)
        machine = world.machines["node-1"]
        for life in machine.lives.values():
            machine.use(life, memory=(20 if life.status.name == "side" else 90) * MIB)
        source = {
            "name": "memory",
            "container": "side",
            "target": {"type": "Utilization", "averageUtilization": 100},
        }
        await autoscaled(world, {"type": "ContainerResource", "containerResource": source})
        await world.until(lambda: wanted(world) == 2)
        await asyncio.sleep(30)
        hpa = await world.get(HPA, "scaler")
        assert hpa.status.current_metrics[0].container_resource.container == "side"


@virtual
async def test_the_largest_proposal_counts(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, requests=("cpu", "1"))
        use(world, memory=30 * MIB)
        await autoscaled(world, resource(averageUtilization=50), resource("memory", averageValue="10Mi"))
        await world.until(lambda: wanted(world) == 3)


@virtual
async def test_bounds_hold_without_any_metric(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, 1)
        await autoscaled(world, resource(averageUtilization=50), least=3)
        await world.until(lambda: wanted(world) == 3)
        message = "New size: 3; reason: Current number of replicas below Spec.MinReplicas"
        assert ("Normal", "SuccessfulRescale", message) in await world.events("scaler")
        await world.patch(HPA, "scaler", {"spec": {"minReplicas": 1, "maxReplicas": 2}})
        await world.until(lambda: wanted(world) == 2)
        message = "New size: 2; reason: Current number of replicas above Spec.MaxReplicas"
        assert ("Normal", "SuccessfulRescale", message) in await world.events("scaler")


@virtual
async def test_at_zero_replicas_scaling_is_off(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, 0)
        await autoscaled(world, resource(averageUtilization=50))
        await world.idle()
        assert (await conditions(world))["ScalingActive"] == (
            "False",
            "ScalingDisabled",
            "scaling is disabled since the replica count of the target is zero",
        )
        assert wanted(world) == 0


@virtual
async def test_behavior_sets_the_pace(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, requests=("memory", "10Mi"))
        use(world, memory=100 * MIB)
        policy = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
        behavior = {
            "scaleUp": {"policies": policy},
            "scaleDown": {"selectPolicy": "Disabled"},
        }
        began = world.clock.now()
        await autoscaled(world, resource("memory", averageUtilization=50), most=3, behavior=behavior)
        await world.until(lambda: wanted(world) == 3)
        assert 55 < world.clock.now() - began < 100
        use(world, memory=1)
        await asyncio.sleep(420)
        assert wanted(world) == 3


@virtual
async def test_a_tolerance_of_its_own_per_direction(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, 2, requests=("memory", "10Mi"))
        use(world, memory=7 * MIB)
        behavior = {"scaleUp": {"tolerance": "0.5"}}
        await autoscaled(world, resource("memory", averageUtilization=50), behavior=behavior)
        await asyncio.sleep(120)
        assert wanted(world) == 2
        use(world, memory=8 * MIB)
        await world.until(lambda: wanted(world) == 4)


FAILED = "the HPA was unable to compute the replica count: "


@pytest.mark.parametrize(
    ("metric", "reason", "words"),
    [
        (
            resource(averageUtilization=50),
            "FailedGetResourceMetric",
            "failed to get cpu utilization: missing request for cpu in container main of Pod ",
        ),
        (
            {
                "type": "Pods",
                "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "1"}},
            },
            "FailedGetPodsMetric",
            "unable to get metric qps: unable to fetch metrics from custom metrics API: no custom metrics API "
            "(custom.metrics.k8s.io) registered",
        ),
        (
            {
                "type": "Object",
                "object": {
                    "metric": {"name": "qps"},
                    "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "s"},
                    "target": {"type": "Value", "value": "1"},
                },
            },
            "FailedGetObjectMetric",
            "unable to get metric qps: Service on default s/unable to fetch metrics from custom metrics API: no custom "
            "metrics API (custom.metrics.k8s.io) registered",
        ),
        (
            {
                "type": "External",
                "external": {
                    "metric": {"name": "queue"},
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
            },
            "FailedGetExternalMetric",
            "failed to get queue external metric: unable to get external metric default/queue/nil: unable to fetch "
            "metrics from external metrics API: the server could not find the requested resource (get "
            "queue.external.metrics.k8s.io)",
        ),
    ],
    ids=["no request", "custom", "object", "external"],
)
def test_a_metric_that_cannot_be_had_is_told_and_changes_nothing(tmp_path, metric, reason, words):
    virtual(unmeasured)(tmp_path, metric, reason, words)


async def unmeasured(tmp_path, metric, reason, words):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, 2, requests=("memory", "1Mi"))
        await autoscaled(world, metric)
        await world.idle()
        status, found, message = (await conditions(world))["ScalingActive"]
        assert (status, found) == ("False", reason)
        assert message.startswith(FAILED + words)
        told = {(type, reason): message for type, reason, message in await world.events("scaler")}
        assert told["Warning", reason].startswith(words)
        whole = told["Warning", "FailedComputeMetricsReplicas"]
        assert whole.startswith("invalid metrics (1 invalid out of 1), first error is: failed to get ")
        assert wanted(world) == 2


@virtual
async def test_one_metric_that_cannot_be_had_keeps_from_going_down_only(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world, 2, requests=("memory", "10Mi"))
        use(world, memory=1)
        await autoscaled(world, resource("memory", averageUtilization=50), resource(averageUtilization=50))
        await asyncio.sleep(420)
        assert wanted(world) == 2
        use(world, memory=20 * MIB)
        await world.until(lambda: wanted(world) == 4)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"},
            'deployments.apps "none" not found',
        ),
        (
            {"apiVersion": "g.io/v1", "kind": "Thing", "name": "x"},
            'no matches for kind "Thing" in group "g.io"',
        ),
    ],
)
def test_a_target_that_is_not_there(tmp_path, target, words):
    virtual(untargeted)(tmp_path, target, words)


async def untargeted(tmp_path, target, words):
    async with ControllersWorld(tmp_path) as world:
        await autoscaled(world, resource(averageUtilization=50), target=target)
        await world.idle()
        unable = f"the HPA controller was unable to get the target's current scale: {words}"
        assert (await conditions(world))["AbleToScale"] == ("False", "FailedGetScale", unable)
        assert ("Warning", "FailedGetScale", words) in await world.events("scaler")


@virtual
async def test_two_autoscalers_of_the_same_pods_stand_in_each_others_way(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world)
        await autoscaled(world, resource(averageUtilization=50))
        await autoscaled(world, resource("memory", averageValue="1Mi"), name="web2")
        await world.idle()
        words = "pods by selector app=web are controlled by multiple HPAs: [default/scaler default/web2]"
        assert (await conditions(world, "web2"))["ScalingActive"] == ("False", "AmbiguousSelector", words)
        await world.delete(HPA, "scaler")
        await world.idle()
        assert (await conditions(world, "web2"))["ScalingActive"][1] == "ValidMetricFound"


@virtual
async def test_its_own_status_does_not_wake_it(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world)
        hpa = await autoscaled(world, resource(averageUtilization=50))
        await asyncio.sleep(150)
        loop = next(one for one in world.controllers._loops if one.controller.name.startswith("horizontal"))
        assert loop.statistics().reconciled < 35
        later = await world.get(HPA, "scaler")
        assert later.status.observed_generation == hpa.metadata.generation


@virtual
async def test_an_autoscaler_of_v1_is_one_of_cpu(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await deployed(world)
        use(world, cpu=0.2)
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "maxReplicas": 5,
                "targetCPUUtilizationPercentage": 100,
            },
        }
        path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
        await world.client._caller.call("POST", path, body=json.dumps(body).encode())
        await world.until(lambda: wanted(world) == 2)


@virtual
async def test_a_stateful_set_and_a_controller_of_old_are_scaled_alike(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        pods = template(LABELS)
        await world.create(
            core_v1.ReplicationController, "web", spec={"replicas": 1, "selector": LABELS, "template": pods}
        )
        await world.until(lambda: len(world.ready()) == 1)
        use(world, memory=30 * MIB)
        target = {"apiVersion": "v1", "kind": "ReplicationController", "name": "web"}
        await autoscaled(world, resource("memory", averageValue="10Mi"), target=target)
        await world.until(lambda: len(world.pods()) == 3)


@virtual
async def test_an_autoscaler_that_is_there_before_its_pods_acts_as_soon_as_they_are_measured(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await autoscaled(world, resource(averageUtilization=50))
        pods = template(LABELS, resources={"requests": {"cpu": "100m"}})
        pods["metadata"]["annotations"] = {"simulated.podling.dev/cpu": "0.1"}
        selector = {"matchLabels": LABELS}
        await world.create(DEPLOYMENT, "web", spec={"replicas": 1, "selector": selector, "template": pods})
        began = world.clock.now()
        await world.until(lambda: wanted(world) == 2)
        assert world.clock.now() - began < 8
