"""How many Pods, which of them go first, when they count: decided without any server."""

import asyncio

import pytest

from podling.api import errors, kinds
from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers import availability, podcontrol, ranking, replicaset, replication
from podling.controllers.expectations import Expectations
from podling.controllers.reconcile import Key
from podling.controllers.slowstart import slow_start
from podling.testing.virtualtime import virtual

NOW = 1_704_067_200.0  # 2024-01-01T00:00:00Z


def at(seconds_ago):
    from podling.api.times import rfc3339

    return rfc3339(NOW - seconds_ago)


def pod(
    name, *, node="n1", phase="Running", ready=100, cost=None, restarts=0, age=200, deleted=False, **labels
):
    conditions = [
        core_v1.PodCondition(
            type="Ready",
            status="False" if ready is None else "True",
            last_transition_time=at(ready or 0),
        )
    ]
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace="default",
            uid=name,
            labels=labels,
            creation_timestamp=at(age),
            deletion_timestamp=at(0) if deleted else None,
            annotations={ranking.DELETION_COST: cost} if cost is not None else None,
        ),
        spec=core_v1.PodSpec(node_name=node),
        status=core_v1.PodStatus(
            phase=phase,
            conditions=conditions,
            container_statuses=[core_v1.ContainerStatus(name="c", restart_count=restarts)],
        ),
    )


def first(*pods, count=1, related=()):
    found = [each.metadata.name for each in ranking.excess(pods, count, related=related, now=NOW)]
    back = [each.metadata.name for each in ranking.excess(pods[::-1], count, related=related, now=NOW)]
    assert found == back, "the order in which Pods are known must not matter"
    return found


def test_the_less_a_pod_is_worth_the_earlier_it_goes():
    steady = pod("steady")
    assert first(steady, pod("unbound", node="", phase="Pending", ready=None)) == ["unbound"]
    assert first(pod("pending", phase="Pending", ready=None), pod("running", ready=None)) == ["pending"]
    assert first(steady, pod("unready", ready=None)) == ["unready"]
    assert first(steady, pod("cheap", cost="-1")) == ["cheap"]
    assert first(steady, pod("dear", cost="10")) == ["steady"]
    assert first(steady, pod("fresh", ready=1)) == ["fresh"]
    assert first(steady, pod("shaky", restarts=3)) == ["shaky"]
    assert first(steady, pod("young", age=100)) == ["young"]


def test_readiness_weighs_more_than_cost_and_cost_more_than_age():
    assert first(pod("unready", ready=None, cost="100"), pod("cheap", cost="-100")) == ["unready"]
    assert first(pod("old-and-cheap", ready=100000, cost="-1"), pod("young", ready=1)) == ["old-and-cheap"]


def test_a_cost_that_is_no_number_is_none():
    assert [ranking.deletion_cost(pod("p", cost=text)) for text in ("07", "+1", "x", "-5", "0", "9999999999")] == [
        0, 0, 0, -5, 0, 0,
    ]  # fmt: skip


def test_of_pods_of_about_one_age_the_uid_decides():
    assert first(pod("b", ready=100), pod("a", ready=101)) == ["a"]


def test_the_node_with_more_of_the_family_gives_first():
    here, there = pod("here", node="n1"), pod("there", node="n2")
    family = [here, there, pod("sister", node="n2")]
    assert first(here, there, related=family) == ["there"]


def test_all_go_when_all_are_asked_for():
    assert sorted(first(pod("a"), count=5)) == ["a"]


def test_a_pod_is_available_once_it_has_been_ready_long_enough():
    ready = pod("p", ready=30)
    assert availability.is_available(ready, 0, NOW)
    assert availability.is_available(ready, 30, NOW)
    assert not availability.is_available(ready, 31, NOW)
    assert not availability.is_available(pod("p", ready=None), 0, NOW)
    pods = [pod("a", ready=30), pod("b", ready=10), pod("c", ready=None)]
    assert availability.next_available(pods, 60, NOW) == 30
    assert availability.next_available(pods, 5, NOW) is None


def owner(replicas=3, **spec):
    template = core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels={"app": "web"}, annotations={"note": "x"}),
        spec=core_v1.PodSpec(containers=[core_v1.Container(name="c")]),
    )
    return apps_v1.ReplicaSet(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", uid="owner", generation=7),
        spec=apps_v1.ReplicaSetSpec(replicas=replicas, template=template, **spec),
    )


def status(rs, pods, *, terminating=0, failure=None):
    return replication.next_status(replicaset.FLAVOR, rs, pods, terminating, failure, NOW)


def test_a_pass_makes_or_removes_five_hundred_pods_at_most():
    assert replication.difference(owner(3), 1) == 2
    assert replication.difference(owner(0), 1) == -1
    assert replication.difference(owner(None), 0) == 1
    assert replication.difference(owner(2000), 0) == 500
    assert replication.difference(owner(0), 2000) == -500


def test_the_status_counts_pods_by_what_they_are():
    pods = [pod("a", app="web"), pod("b", ready=None, app="web"), pod("c", ready=5)]
    found = status(owner(min_ready_seconds=10), pods, terminating=2)
    assert found == apps_v1.ReplicaSetStatus(
        replicas=3,
        fully_labeled_replicas=2,
        ready_replicas=2,
        available_replicas=1,
        terminating_replicas=2,
        observed_generation=7,
    )


def test_a_failure_is_a_condition_until_it_is_over():
    rs = owner()
    rs.status = status(rs, [], failure=replication.Failure("FailedCreate", "quota exceeded"))
    (condition,) = rs.status.conditions
    assert (condition.type, condition.status, condition.reason) == ("ReplicaFailure", "True", "FailedCreate")
    assert condition.message == "quota exceeded"
    again = status(rs, [], failure=replication.Failure("FailedCreate", "other words"))
    assert again == rs.status
    assert status(rs, []).conditions is None


def test_a_pod_is_cut_from_the_template_and_shares_nothing_with_it():
    rs = owner()
    made = podcontrol.pod_from(rs.spec.template, rs)
    assert made.metadata.generate_name == "web-"
    assert made.metadata.annotations == {"note": "x"}
    (reference,) = made.metadata.owner_references
    assert (reference.uid, reference.controller, reference.block_owner_deletion) == ("owner", True, True)
    made.metadata.labels["app"] = "changed"
    made.spec.containers.clear()
    assert rs.spec.template.metadata.labels == {"app": "web"}
    assert len(rs.spec.template.spec.containers) == 1


class Shown:
    """What an informer shows."""

    def __init__(self, *pods, revision="1"):
        self.pods = {each.metadata.name: each for each in pods}
        self.revision = revision

    def get(self, namespace, name):
        return self.pods.get(name)


def test_what_was_done_is_waited_for_until_the_informer_shows_it():
    key, old, made = Key("default", "web"), pod("old"), pod("made")
    made.metadata.resource_version = "5"
    shown = Shown(old)
    expectations = Expectations(shown)
    assert expectations.satisfied(key)
    expectations.created(key, made)
    assert not expectations.satisfied(key)
    shown.revision = "6"
    assert expectations.satisfied(key)
    expectations.deleting(key, old)
    assert not expectations.satisfied(key)
    shown.pods["old"] = pod("old", deleted=True)
    assert expectations.satisfied(key)
    expectations.deleting(key, made)
    assert expectations.satisfied(key), "it is not there"


def test_a_deletion_that_failed_is_not_waited_for():
    key, old = Key("default", "web"), pod("old")
    expectations = Expectations(Shown(old))
    expectations.deleting(key, old)
    expectations.not_deleted(key, old)
    assert expectations.satisfied(key)


@pytest.mark.parametrize(("failing", "tried"), [(None, 10), (1, 1), (2, 3), (4, 7)])
def test_creating_starts_slowly_and_stops_at_the_first_bad_batch(failing, tried):
    calls, together = [], []

    async def act():
        calls.append(len(together))
        together.append(None)
        await asyncio.sleep(1)
        together.pop()
        if len(calls) >= (failing or 99):
            raise errors.InternalError("refused")

    @virtual
    async def test():
        error = await slow_start(10, act)
        assert (error is None) == (failing is None)

    test()
    assert len(calls) == tried


def test_keys_of_the_two_kinds_do_not_mix():
    assert replicaset.FLAVOR.kind is kinds.REPLICA_SET
