"""How many replicas a HorizontalPodAutoscaler wants and how fast it gets there: tables, and properties over random states."""

from __future__ import annotations

import math
import random

import pytest

from podling.api import times
from podling.api.types import autoscaling_v2, core_v1, meta_v1
from podling.controllers.horizontalpodautoscaler import arithmetic, grouping, pace
from podling.controllers.horizontalpodautoscaler.arithmetic import Average, Tolerances, Utilization
from podling.controllers.horizontalpodautoscaler.grouping import Groups, Metric, Patience, Uncomputable
from podling.controllers.horizontalpodautoscaler.pace import Bounds, History, Moment

NOW = 1_700_000_000.0
TENTH = Tolerances(0.1, 0.1)
PATIENCE = Patience(initialization=300, readiness=30)


def pod(name="a", *, phase="Running", ready="True", age=1000, changed=900, deleted=False, requests=("500m",)):
    conditions = None
    if ready is not None:
        since = times.rfc3339(NOW - changed)
        conditions = [core_v1.PodCondition(type="Ready", status=ready, last_transition_time=since)]
    asked = [
        core_v1.ResourceRequirements(requests={"cpu": one} if one is not None else None) for one in requests
    ]
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, deletion_timestamp="x" if deleted else None),
        spec=core_v1.PodSpec(
            containers=[core_v1.Container(name=f"c{n}", resources=one) for n, one in enumerate(asked)]
        ),
        status=core_v1.PodStatus(phase=phase, conditions=conditions, start_time=times.rfc3339(NOW - age)),
    )


def values(*amounts, window=15.0):
    return {f"p{number}": Metric(amount, NOW, window) for number, amount in enumerate(amounts)}


def all_ready(metrics):
    return Groups(ready=len(metrics))


@pytest.mark.parametrize(
    ("pods", "wanted"),
    [
        (pod(), "ready"),
        (pod(deleted=True), "ignored"),
        (pod(phase="Failed"), "ignored"),
        (pod(phase="Pending"), "unready"),
        (pod(phase="Succeeded"), "ready"),
        (pod("unmeasured"), "missing"),
        (pod(ready=None), "unready"),
        (pod(age=100, ready="False", changed=90), "unready"),
        (pod(age=100, changed=10), "unready"),
        (pod(age=100, changed=20), "ready"),
        (pod(age=1000, ready="False", changed=990), "unready"),
        (pod(age=1000, ready="False", changed=900), "ready"),
    ],
    ids=[
        "runs and is ready",
        "is ending",
        "has failed",
        "does not run yet",
        "is done",
        "was not measured",
        "has no condition",
        "starts and is not ready",
        "starts and was not ready for a whole window",
        "starts and was ready for a whole window",
        "has never been ready",
        "was ready once",
    ],
)
def test_which_pods_count_by_their_cpu(pods, wanted):
    groups = grouping.grouped([pods], {"a": Metric(1, NOW, 15.0)}, resource="cpu", now=NOW, patience=PATIENCE)
    found = {"ready": groups.ready, "unready": len(groups.unready)}
    found |= {"missing": len(groups.missing), "ignored": len(groups.ignored)}
    assert {name for name, count in found.items() if count} == {wanted}


def test_by_memory_and_other_metrics_a_pod_that_starts_counts():
    starting = pod(age=10, ready="False", changed=5)
    for resource in ("memory", ""):
        metrics = {"a": Metric(1, NOW, 15)}
        assert grouping.grouped([starting], metrics, resource=resource, now=NOW, patience=PATIENCE).ready == 1


def test_requests_are_those_of_all_containers_or_of_one():
    two = pod(requests=("500m", "250m"))
    assert grouping.requests([two], resource="cpu", container="") == {"a": 750}
    assert grouping.requests([two], resource="cpu", container="c1") == {"a": 250}


@pytest.mark.parametrize(
    ("container", "words"),
    [("", "missing request for cpu in container c1 of Pod a"), ("x", "container x not found in Pod a")],
)
def test_requests_that_are_not_made_are_told(container, words):
    with pytest.raises(Uncomputable, match=words):
        grouping.requests([pod(requests=("500m", None))], resource="cpu", container=container)


def test_requests_of_a_pod_as_a_whole_go_before_its_containers():
    whole = pod(requests=(None,))
    whole.spec.resources = core_v1.ResourceRequirements(requests={"cpu": "2"})
    assert grouping.requests([whole], resource="cpu", container="") == {"a": 2000}


@pytest.mark.parametrize(
    ("current", "target", "used", "wanted"),
    [
        (3, 30, (300, 500, 700), Utilization(5, 50, 500)),
        (3, 50, (100, 300, 500), Utilization(2, 30, 300)),
        (3, 50, (400, 500, 600), Utilization(3, 50, 500)),
        (3, 50, (440, 540, 640), Utilization(3, 54, 540)),
        (3, 50, (460, 560, 660), Utilization(4, 56, 560)),
        (1, 100, (0,), Utilization(0, 0, 0)),
    ],
)
def test_replicas_by_utilization(current, target, used, wanted):
    metrics = values(*used)
    found = arithmetic.by_utilization(
        current,
        target,
        metrics=metrics,
        requests=dict.fromkeys(metrics, 1000),
        groups=all_ready(metrics),
        tolerances=TENTH,
    )
    assert found == wanted


@pytest.mark.parametrize(
    ("used", "groups", "wanted"),
    [
        ((1000, 1000), Groups(ready=2, missing={"m"}), 4),
        ((1000,), Groups(ready=1, missing={"m", "n"}), 3),
        ((100, 100), Groups(ready=2, missing={"m"}), 3),
        ((1000, 1000), Groups(ready=2, unready={"u"}), 4),
        ((100, 100), Groups(ready=2, unready={"u"}), 1),
        ((600,), Groups(ready=1, unready={"u", "v"}), 3),
    ],
    ids=[
        "missing Pods count as idle when more are wanted",
        "and may take the reason to want more away",
        "missing Pods count as busy when fewer are wanted",
        "unready Pods count as idle when more are wanted",
        "unready Pods do not count when fewer are wanted",
        "unready Pods may take the reason to want more away",
    ],
)
def test_replicas_where_something_is_not_known(used, groups, wanted):
    metrics = values(*used)
    requests = dict.fromkeys([*metrics, *groups.missing, *groups.unready], 1000)
    found = arithmetic.by_utilization(
        3, 50, metrics=metrics, requests=requests, groups=groups, tolerances=TENTH
    )
    assert found.replicas == wanted


def test_without_any_measurement_nothing_is_computed():
    with pytest.raises(Uncomputable, match="did not receive metrics for targeted pods"):
        arithmetic.by_average(1, 10, metrics=values(5), groups=Groups(unready={"p0"}), tolerances=TENTH)


def test_replicas_by_average():
    metrics = values(1000, 2000, 3000)
    found = arithmetic.by_average(3, 1000, metrics=metrics, groups=all_ready(metrics), tolerances=TENTH)
    assert found == Average(6, 2000)


@pytest.mark.parametrize(
    ("current", "usage", "target", "ready", "wanted"),
    [
        (4, 40, 10, 4, 16),
        (4, 10, 10, 4, 4),
        (4, 5, 10, 4, 2),
        (0, 25, 10, 0, 3),
        (0, 0, 10, 0, 0),
        (4, 40, 10, 2, 8),
    ],
)
def test_replicas_by_a_value_of_its_own(current, usage, target, ready, wanted):
    assert arithmetic.by_value(current, usage, target, ready=ready, tolerances=TENTH) == wanted


@pytest.mark.parametrize(
    ("current", "usage", "target", "wanted"),
    [(4, 4000, 1000, Average(4, 1000)), (4, 8000, 1000, Average(8, 2000)), (0, 2500, 1000, Average(3, 2500))],
)
def test_replicas_by_a_value_that_pods_share(current, usage, target, wanted):
    assert arithmetic.by_share(current, usage, target, tolerances=TENTH) == wanted


def test_tolerances_may_differ_by_direction():
    generous_up = Tolerances(0.0, 0.5)
    metrics = values(1400)
    assert (
        arithmetic.by_average(1, 1000, metrics=metrics, groups=all_ready(metrics), tolerances=generous_up)[0]
        == 1
    )
    assert arithmetic.by_value(10, 95, 100, ready=10, tolerances=generous_up) == 10
    assert arithmetic.by_value(100, 95, 100, ready=100, tolerances=generous_up) == 95


@pytest.mark.parametrize("seed", range(300))
def test_a_proposal_never_goes_against_what_is_measured_and_is_what_the_plain_rule_says(seed):
    chance = random.Random(seed)
    count, target = chance.randint(1, 12), chance.randint(1, 2000)
    metrics = values(*(chance.randint(0, 3000) for _ in range(count)))
    names = list(metrics)
    unready = set(chance.sample(names, chance.randint(0, count - 1)))
    missing = {f"m{number}" for number in range(chance.randint(0, 3))}
    current = count + len(missing)
    groups = Groups(ready=count - len(unready), unready=unready, missing=missing)
    found = arithmetic.by_average(current, target, metrics=metrics, groups=groups, tolerances=TENTH)
    known = [metrics[name].value for name in names if name not in unready]
    ratio = sum(known) // len(known) / target
    assert found.average == sum(known) // len(known)
    if ratio > 1:
        assert found.replicas >= min(current, math.ceil(ratio * len(known)))
        assert found.replicas <= max(current, math.ceil(ratio * len(known)))
    if ratio <= 1:
        assert found.replicas <= current
    if not missing and not (unready and ratio > 1):
        plain = current if 0.9 <= ratio <= 1.1 else math.ceil(ratio * len(known))
        assert found.replicas == plain


def rules(*policies, select="Max", window=0, **more):
    return autoscaling_v2.HPAScalingRules(
        policies=[
            autoscaling_v2.HPAScalingPolicy(type=type, value=value, period_seconds=period)
            for type, value, period in policies
        ],
        select_policy=select,
        stabilization_window_seconds=window,
        **more,
    )


def step(history, behavior, current, desired, *, now=NOW, least=1, most=100, window=300.0):
    return pace.paced(
        history,
        behavior,
        current=current,
        desired=desired,
        bounds=Bounds(least, most),
        window=window,
        now=now,
    )


def behave(up=None, down=None):
    everything = ("Percent", 100, 15)
    return autoscaling_v2.HorizontalPodAutoscalerBehavior(
        scale_up=up or rules(everything, ("Pods", 4, 15)), scale_down=down or rules(everything)
    )


@pytest.mark.parametrize(
    ("current", "desired", "replicas", "limited"),
    [
        (3, 3, 3, "DesiredWithinRange"),
        (3, 5, 5, "DesiredWithinRange"),
        (3, 50, 6, "ScaleUpLimit"),
        (1, 50, 4, "ScaleUpLimit"),
        (8, 50, 10, "TooManyReplicas"),
        (3, 0, 2, "TooFewReplicas"),
    ],
)
def test_without_behavior_size_doubles_at_most_and_stays_within_bounds(current, desired, replicas, limited):
    found = step(History(), None, current, desired, least=2, most=10)
    assert (found.replicas, found.limited.reason) == (replicas, limited)
    assert found.limited.status == (limited != "DesiredWithinRange")
    assert found.able.reason == "ReadyForNewScale"


def test_without_behavior_five_minutes_pass_before_the_size_goes_down():
    history = History(recommended=[Moment(NOW - 299, 5)])
    held = step(history, None, 5, 2)
    assert (held.replicas, held.able.reason) == (5, "ScaleDownStabilized")
    assert step(history, None, 5, 2, now=NOW + 2).replicas == 2


def test_policies_bound_what_is_added_within_their_period():
    behavior = behave(up=rules(("Pods", 2, 60)))
    history = History()
    first = step(history, behavior, 3, 50)
    assert (first.replicas, first.limited.reason) == (5, "ScaleUpLimit")
    history.note(3, 5, now=NOW, keep=60)
    assert step(history, behavior, 5, 50, now=NOW + 30).replicas == 5
    assert step(history, behavior, 5, 50, now=NOW + 61).replicas == 7


def test_policies_bound_what_is_taken_within_their_period():
    behavior = behave(down=rules(("Percent", 50, 60)))
    history = History()
    first = step(history, behavior, 8, 1)
    assert (first.replicas, first.limited.reason) == (4, "ScaleDownLimit")
    history.note(8, 4, now=NOW, keep=60)
    assert step(history, behavior, 4, 1, now=NOW + 30).replicas == 4


@pytest.mark.parametrize(("select", "replicas"), [("Max", 13), ("Min", 11), ("Disabled", 10)])
def test_of_several_policies_one_is_selected(select, replicas):
    behavior = behave(up=rules(("Pods", 1, 60), ("Percent", 30, 60), select=select))
    assert step(History(), behavior, 10, 50).replicas == replicas


@pytest.mark.parametrize(("select", "replicas"), [("Max", 7), ("Min", 9), ("Disabled", 10)])
def test_of_several_policies_one_is_selected_on_the_way_down(select, replicas):
    behavior = behave(down=rules(("Pods", 1, 60), ("Percent", 30, 60), select=select))
    assert step(History(), behavior, 10, 1).replicas == replicas


def test_a_window_for_the_way_up_takes_the_lowest_recommendation():
    history = History(recommended=[Moment(NOW - 30, 6)])
    found = step(history, behave(up=rules(("Percent", 900, 15), window=60)), 5, 9)
    assert (found.replicas, found.able.reason) == (6, "ScaleUpStabilized")


def test_no_window_means_at_once():
    history = History(recommended=[Moment(NOW - 1, 9)])
    assert step(history, behave(), 9, 3).replicas == 3


def test_a_size_between_two_windows_stays():
    history = History(recommended=[Moment(NOW - 10, 2), Moment(NOW - 5, 8)])
    behavior = behave(up=rules(("Percent", 900, 15), window=60), down=rules(("Percent", 100, 15), window=60))
    assert step(history, behavior, 5, 6).replicas == 5


def plain_up(history, policies, current, now):
    """What may be there at most, worded as the API reference words it."""
    allowed = []
    for type, value, period in policies:
        added = sum(one.amount for one in history.ups if now - one.at < period)
        taken = sum(one.amount for one in history.downs if now - one.at < period)
        begun = current - added + taken
        allowed.append(begun + value if type == "Pods" else math.ceil(begun * (1 + value / 100)))
    return max(current, *allowed)


@pytest.mark.parametrize("seed", range(200))
def test_over_an_hour_no_step_leaves_the_bounds_or_breaks_a_policy(seed):
    chance = random.Random(seed)
    policies = [
        (chance.choice(["Pods", "Percent"]), chance.randint(1, 50), chance.choice([15, 30, 60]))
        for _ in range(chance.randint(1, 3))
    ]
    behavior = behave(up=rules(*policies), down=rules(*policies, window=chance.choice([0, 60])))
    history, size, now = History(), chance.randint(1, 20), NOW
    for _ in range(240):
        desired = chance.randint(0, 60)
        found = step(history, behavior, size, desired, now=now, least=1, most=40)
        assert 1 <= found.replicas <= 40 or found.replicas == size
        if found.replicas > size:
            assert found.replicas <= plain_up(history, policies, size, now)
        if found.replicas != size:
            history.note(size, found.replicas, now=now, keep=pace.longest_period(behavior))
        assert len(history.recommended) <= 6
        assert len(history.ups) + len(history.downs) <= 10
        size, now = found.replicas, now + 15
