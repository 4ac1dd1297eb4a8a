"""How a budget is counted, and what an eviction takes off it."""

import pytest

from podling.api import disruption, errors
from podling.api.types import core_v1, meta_v1, policy_v1
from podling.apiserver.subresources import eviction
from podling.controllers.disruption import decide, stale

NOW = 1_700_000_000.0
GRANTED = "2023-11-14T22:13:20Z"  # NOW


def budget(*, generation=1, status=None, **spec):
    return policy_v1.PodDisruptionBudget(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", generation=generation),
        spec=policy_v1.PodDisruptionBudgetSpec(**spec),
        status=status,
    )


def pod(name, *, ready=True, going=False, phase="Running", conditions=()):
    told = [core_v1.PodCondition(type="Ready", status=str(ready)), *conditions]
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, deletion_timestamp=GRANTED if going else None),
        status=core_v1.PodStatus(phase=phase, conditions=told),
    )


@pytest.mark.parametrize(
    ("spec", "expected", "desired"),
    [
        ({"min_available": 2}, 5, 2),
        ({"min_available": "50%"}, 7, 4),
        ({"min_available": "0%"}, 7, 0),
        ({"max_unavailable": 1}, 7, 6),
        ({"max_unavailable": "30%"}, 7, 4),
        ({"max_unavailable": 10}, 7, 0),
        ({}, 0, 0),
    ],
)
def test_a_plain_number_counts_pods_and_all_else_counts_what_the_owners_want(spec, expected, desired):
    """Five Pods are there, their owners want seven; percentages are rounded up."""
    assert decide.expected(budget(**spec), pods=5, scale=7) == (expected, desired)


def test_healthy_is_what_is_ready_stays_and_was_not_granted_an_eviction():
    pods = [pod("a"), pod("b", ready=False), pod("c", going=True), pod("d"), pod("e")]
    granted = decide.granted(pods, {"d": GRANTED, "c": GRANTED, "gone": GRANTED}, now=NOW + 60)
    assert granted.pending == {"d": GRANTED}
    assert granted.look_again == 60
    assert decide.healthy(pods, granted.pending) == 2


def test_a_pod_that_was_granted_an_eviction_and_is_still_there_after_two_minutes_counts_again():
    pods = [pod("a")]
    granted = decide.granted(pods, {"a": GRANTED}, now=NOW + 121)
    assert (granted.pending, granted.overdue, granted.look_again) == ({}, pods, None)


@pytest.mark.parametrize(
    ("expected", "desired", "healthy", "allowed", "reason"),
    [
        (3, 2, 3, 1, "SufficientPods"),
        (3, 2, 2, 0, "InsufficientPods"),
        (3, 2, 0, 0, "InsufficientPods"),
        (0, 0, 0, 0, "InsufficientPods"),
    ],
)
def test_as_many_may_go_as_are_healthy_beyond_need(expected, desired, healthy, allowed, reason):
    status = decide.status(
        budget(generation=4), expected=expected, desired=desired, healthy=healthy, pending={}, now=NOW
    )
    (condition,) = status.conditions
    assert status.disruptions_allowed == allowed
    assert (status.observed_generation, condition.observed_generation) == (4, 4)
    assert (condition.type, condition.reason) == ("DisruptionAllowed", reason)
    assert condition.status == str(bool(allowed))


def test_the_condition_keeps_its_time_while_it_says_the_same_and_others_stay():
    foreign = meta_v1.Condition(type="Mine", status="True")
    status = disruption.new_status()
    status.conditions = [foreign]
    disruption.show_allowed(status, now=NOW)
    disruption.show_allowed(status, now=NOW + 60)
    assert status.conditions[0] is foreign
    assert status.conditions[1].last_transition_time == GRANTED
    status.disruptions_allowed = 1
    disruption.show_allowed(status, now=NOW + 60)
    assert status.conditions[1].last_transition_time != GRANTED


def test_a_budget_that_cannot_be_counted_allows_nothing_and_says_why():
    before = policy_v1.PodDisruptionBudgetStatus(disruptions_allowed=2, current_healthy=3)
    after = decide.failed_status(budget(status=before), "found no controllers", now=NOW)
    assert (after.disruptions_allowed, after.current_healthy) == (0, 3)
    (condition,) = after.conditions
    assert (condition.status, condition.reason) == ("False", "SyncFailed")
    assert condition.message == "found no controllers"
    assert before.disruptions_allowed == 2, "what informers hold is read-only"


def test_an_empty_selector_covers_all_pods_and_none_at_all_covers_none():
    everything = budget(selector=meta_v1.LabelSelector())
    assert disruption.covers(everything, None)
    assert disruption.covers(everything, {"app": "x"})
    assert not disruption.covers(budget(), {"app": "x"})


def target(at, *, status="True", reason="EvictionByEvictionAPI"):
    return core_v1.PodCondition(
        type="DisruptionTarget", status=status, reason=reason, last_transition_time=at
    )


def test_a_disruption_that_never_came_is_taken_back_after_two_minutes():
    spared = pod("a", conditions=[target(GRANTED)])
    assert stale.seconds_to_stale(spared, NOW + 20) == 100
    assert stale.seconds_to_stale(spared, NOW + 200) == 0
    for other in (
        pod("a"),
        pod("a", going=True, conditions=[target(GRANTED)]),
        pod("a", phase="Failed", conditions=[target(GRANTED)]),
        pod("a", conditions=[target(GRANTED, reason="TerminationByKubelet")]),
        pod("a", conditions=[target(GRANTED, status="False")]),
    ):
        assert stale.seconds_to_stale(other, NOW + 200) is None


def counted(**status):
    return policy_v1.PodDisruptionBudgetStatus(**{"observed_generation": 1, **status})


def test_an_eviction_takes_one_off_and_notes_the_pod():
    allowing = budget(status=counted(disruptions_allowed=1))
    disruption.show_allowed(allowing.status, now=NOW - 60)
    eviction.spend(allowing, "web-1", now=NOW)
    assert allowing.status.disruptions_allowed == 0
    assert allowing.status.disrupted_pods == {"web-1": GRANTED}
    assert allowing.status.conditions[0].reason == "InsufficientPods"


@pytest.mark.parametrize(
    ("generation", "status", "retry_after", "cause"),
    [
        (
            2,
            {"disruptions_allowed": 5},
            10,
            "The disruption budget web is still being processed by the server.",
        ),
        (
            1,
            {"desired_healthy": 3, "current_healthy": 2},
            None,
            "The disruption budget web needs 3 healthy pods and has 2 currently",
        ),
        (
            1,
            {"desired_healthy": 1, "current_healthy": 2},
            None,
            "The disruption budget web does not allow evicting pods currently",
        ),
    ],
)
def test_a_refused_eviction_says_what_the_budget_lacks(generation, status, retry_after, cause):
    with pytest.raises(errors.TooManyRequests) as caught:
        eviction.spend(budget(generation=generation, status=counted(**status)), "p", now=NOW)
    refused = caught.value.status()
    assert refused.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused.details.retry_after_seconds == retry_after
    assert [(each.reason, each.message) for each in refused.details.causes] == [("DisruptionBudget", cause)]


def test_a_failed_count_is_named_before_its_numbers():
    failed = counted(desired_healthy=3, current_healthy=2)
    disruption.show_failure(failed, "no scale", now=NOW)
    with pytest.raises(errors.TooManyRequests) as caught:
        eviction.spend(budget(status=failed), "p", now=NOW)
    assert caught.value.causes[0].message == (
        "The disruption budget web does not allow evicting pods currently because it failed sync: no scale"
    )


def test_a_status_that_makes_no_sense_forbids():
    with pytest.raises(errors.Forbidden, match="pdb disruptions allowed is negative"):
        eviction.spend(budget(status=counted(disruptions_allowed=-1)), "p", now=NOW)
    crowded = counted(disruptions_allowed=1, disrupted_pods={str(n): GRANTED for n in range(2001)})
    with pytest.raises(errors.Forbidden, match="DisruptedPods map too big"):
        eviction.spend(budget(status=crowded), "p", now=NOW)
