"""What a Deployment does next, decided on plain objects.

`world` plays the ReplicaSet controller: after each step every Pod that was asked for is there (and available, unless the test says otherwise).
"""

import pytest

from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers.deployment import generations, sizes, status
from podling.controllers.deployment.decide import decide
from podling.controllers.deployment.draft import Draft, replicas_of
from podling.controllers.hashing import short_hash

NOW = 1_704_067_200.0


def template(version, **labels):
    return core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels={"app": "web", **labels}),
        spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image=f"web:{version}")]),
    )


def deployment(replicas=3, version=1, *, surge="25%", unavailable="25%", type="RollingUpdate", **spec):
    rolling = apps_v1.RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    return apps_v1.Deployment(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", uid="d", generation=1),
        spec=apps_v1.DeploymentSpec(
            replicas=replicas,
            selector=meta_v1.LabelSelector(match_labels={"app": "web"}),
            template=template(version),
            strategy=apps_v1.DeploymentStrategy(
                type=type, rolling_update=rolling if type == "RollingUpdate" else None
            ),
            progress_deadline_seconds=600,
            revision_history_limit=spec.pop("history", 10),
            **spec,
        ),
        status=apps_v1.DeploymentStatus(),
    )


class World:
    """A Deployment and its ReplicaSets, brought forward step by step."""

    def __init__(self, wanted):
        self.deployment, self.sets, self.now, self.steps = wanted, [], NOW, []

    def step(self, *, working=lambda rs: True, old_pods_left=False):
        draft = Draft.of(self.deployment, self.sets, self.now)
        result = decide(draft, old_pods_left=old_pods_left)
        self.deployment = draft.deployment
        self.deployment.status = result
        self.sets = [each for each in draft.all if each not in draft.deleted]
        for number, each in enumerate(self.sets):
            each.metadata.uid = each.metadata.uid or f"rs-{number}"
            each.metadata.creation_timestamp = (
                each.metadata.creation_timestamp or f"2024-01-01T00:00:{len(self.sets):02}Z"
            )
            count = replicas_of(each)
            fine = (
                count if working(each) else min(count, (each.status and each.status.available_replicas) or 0)
            )
            each.status = apps_v1.ReplicaSetStatus(
                replicas=count, ready_replicas=fine or None, available_replicas=fine or None
            )
        self.steps.append(self.sizes())
        return result

    def settle(self, **how):
        for _ in range(50):
            before = self.picture()
            self.step(**how)
            if self.picture() == before:
                return self
        raise AssertionError(f"never settles: {self.steps[-5:]}")

    def sizes(self):
        """Replicas by generation, oldest first."""
        return [replicas_of(each) for each in self.sets]

    def picture(self):
        return (self.sizes(), [each.status for each in self.sets], self.deployment.status)

    def update(self, version, **spec):
        self.deployment.spec.template = template(version)
        self.deployment.metadata.generation += 1
        return self.change(**spec)

    def change(self, **spec):
        for name, value in spec.items():
            setattr(self.deployment.spec, name, value)
        return self

    def condition(self, type):
        return status.find(self.deployment.status.conditions or (), type)

    def revisions(self):
        return [generations.revision_of(each) for each in self.sets]


def test_the_first_replica_set_has_all_pods_at_once_and_is_revision_one():
    world = World(deployment(3)).settle()
    assert world.steps[0] == [3]
    (only,) = world.sets
    hash_ = only.metadata.labels[generations.HASH]
    assert only.metadata.name == f"web-{hash_}"
    assert only.spec.selector.match_labels == {"app": "web", generations.HASH: hash_}
    assert only.spec.template.metadata.labels == {"app": "web", generations.HASH: hash_}
    assert world.deployment.metadata.annotations[generations.REVISION] == "1"
    condition = world.condition("Progressing")
    assert (condition.status, condition.reason) == ("True", "NewReplicaSetAvailable")
    assert condition.message == f'ReplicaSet "web-{hash_}" has successfully progressed.'
    assert world.condition("Available").reason == "MinimumReplicasAvailable"


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [("25%", "25%", 10, (3, 2)), ("0", "0", 4, (0, 1)), (0, 0, 4, (0, 1)), ("1%", "1%", 4, (1, 0)), (5, "100%", 4, (5, 4))],
)  # fmt: skip
def test_surge_rounds_up_unavailability_down_and_something_may_always_move(
    surge, unavailable, replicas, expected
):
    if surge == "0":
        surge = unavailable = "0%"
    wanted = deployment(replicas, surge=surge, unavailable=unavailable)
    assert (sizes.max_surge(wanted), sizes.max_unavailable(wanted)) == expected


@pytest.mark.parametrize(
    ("surge", "unavailable"), [(1, 0), (0, 1), ("25%", "25%"), (10, 0), ("100%", "100%")]
)
def test_a_rolling_update_stays_within_its_bounds_at_every_step(surge, unavailable):
    world = World(deployment(10, surge=surge, unavailable=unavailable)).settle()
    world.update(2)
    least, most = sizes.min_available(world.deployment), 10 + sizes.max_surge(world.deployment)
    world.steps.clear()
    world.settle()
    assert world.sizes() == [0, 10]
    for step in world.steps:
        assert sum(step) <= most
        assert sum(step) >= least
    assert world.revisions() == [1, 2]


def test_a_rollout_that_does_not_work_keeps_the_old_pods_and_times_out():
    world = World(deployment(10)).settle()
    world.update(2)
    first = world.sets[0].metadata.name
    broken = {"working": lambda rs: rs.metadata.name == first}
    world.settle(**broken)
    assert world.sizes() == [8, 5]
    assert world.condition("Progressing").reason == "ReplicaSetUpdated"
    world.now += 601
    world.settle(**broken)
    condition = world.condition("Progressing")
    assert (condition.status, condition.reason) == ("False", "ProgressDeadlineExceeded")
    assert world.deployment.status.unavailable_replicas == 5
    world.settle()
    assert world.sizes() == [0, 10]
    assert world.condition("Progressing").reason == "NewReplicaSetAvailable"


def test_going_back_to_an_earlier_template_takes_its_replica_set_and_gives_it_a_new_number():
    world = World(deployment(3)).settle().update(2).settle().update(1).settle()
    assert world.sizes() == [3, 0]
    assert world.revisions() == [3, 2]
    assert world.deployment.metadata.annotations[generations.REVISION] == "3"
    assert world.sets[0].metadata.annotations[generations.HISTORY] == "1"


def test_scaling_in_the_middle_of_a_rollout_keeps_the_proportion():
    world = World(deployment(10, surge=3, unavailable=2)).settle().update(2)
    first = world.sets[0].metadata.name
    world.settle(working=lambda rs: rs.metadata.name == first)
    assert world.sizes() == [8, 5]
    world.change(replicas=30).settle(working=lambda rs: rs.metadata.name == first)
    assert world.sizes() == [20, 13]


def test_scaling_down_in_the_middle_takes_from_both():
    world = World(deployment(10, surge=3, unavailable=2)).settle().update(2)
    first = world.sets[0].metadata.name
    world.settle(working=lambda rs: rs.metadata.name == first)
    world.change(replicas=5)
    world.step(working=lambda rs: rs.metadata.name == first)
    assert world.sizes() == [5, 3]


def test_a_paused_deployment_scales_but_does_not_roll():
    world = World(deployment(3)).settle().update(2, paused=True).settle()
    assert world.sizes() == [3]
    assert world.condition("Progressing").reason == "DeploymentPaused"
    world.change(replicas=5).settle()
    assert world.sizes() == [5]
    world.now += 100_000
    world.change(paused=False)
    world.step()
    assert world.condition("Progressing").reason == "NewReplicaSetCreated"
    world.settle()
    assert world.sizes() == [0, 5]


def test_recreate_waits_for_the_last_old_pod():
    world = World(deployment(3, type="Recreate")).settle().update(2)
    world.step()
    assert world.sizes() == [0]
    world.step(old_pods_left=True)
    assert world.sizes() == [0]
    world.settle()
    assert world.sizes() == [0, 3]


def test_only_so_many_old_replica_sets_are_kept_and_the_lowest_revisions_go():
    world = World(deployment(1, history=2)).settle()
    for version in range(2, 7):
        world.update(version).settle()
    assert sorted(world.revisions()) == [4, 5, 6]
    world.change(revision_history_limit=0).settle()
    assert world.revisions() == [6]


def test_the_hash_follows_the_template_and_the_collisions():
    one, other = template(1), template(2)
    assert short_hash(one, None) == short_hash(template(1), None)
    hashes = {short_hash(one, None), short_hash(other, None)}
    hashes |= {short_hash(one, 1), short_hash(one, 2)}
    assert len(hashes) == 4
    assert all(set(each) <= set("bcdfghjklmnpqrstvwxz2456789") for each in hashes)
    assert generations.same_template(one, template(1, **{generations.HASH: "x"}))
    assert not generations.same_template(one, other)


def test_what_a_replica_set_cannot_do_shows_on_the_deployment():
    world = World(deployment(1)).settle()
    world.sets[0].status.conditions = [
        apps_v1.ReplicaSetCondition(
            type="ReplicaFailure", status="True", reason="FailedCreate", message="quota"
        )
    ]
    draft = Draft.of(world.deployment, world.sets, NOW)
    result = decide(draft, old_pods_left=False)
    found = status.find(result.conditions, "ReplicaFailure")
    assert (found.status, found.reason, found.message) == ("True", "FailedCreate", "quota")


def test_annotations_follow_the_deployment_but_not_those_of_kubectl():
    wanted = deployment(1)
    wanted.metadata.annotations = {
        "kubernetes.io/change-cause": "first",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    world = World(wanted).settle()
    annotations = world.sets[0].metadata.annotations
    assert annotations["kubernetes.io/change-cause"] == "first"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in annotations


def test_a_deployment_on_its_way_out_changes_nothing():
    world = World(deployment(3)).settle().update(2)
    world.deployment.metadata.deletion_timestamp = "2024-01-01T00:00:00Z"
    world.settle()
    assert world.sizes() == [3]
