"""The arithmetic of rollouts against plain statements of what the API reference promises, over many random states.

Each promise is written down here in the simplest way there is: fractions for percentages, counting for bounds.
"""

import math
import random
from fractions import Fraction

from podling.api.times import rfc3339
from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers import revisions
from podling.controllers.daemonset import decide as daemons
from podling.controllers.deployment import rollout, scaling, sizes
from podling.controllers.deployment.draft import DESIRED, MAX, Draft

NOW = 1_704_067_200.0
STATES = range(1500)
LIMITS = (0, 1, 2, 5, "0%", "1%", "25%", "34%", "50%", "100%")


def deployment(replicas, surge, unavailable):
    rolling = apps_v1.RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    return apps_v1.Deployment(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", uid="d"),
        spec=apps_v1.DeploymentSpec(
            replicas=replicas,
            selector=meta_v1.LabelSelector(),
            template=core_v1.PodTemplateSpec(),
            strategy=apps_v1.DeploymentStrategy(type="RollingUpdate", rolling_update=rolling),
        ),
        status=apps_v1.DeploymentStatus(),
    )


def replica_set(name, size, available=None, *, annotations=None):
    return apps_v1.ReplicaSet(
        metadata=meta_v1.ObjectMeta(
            name=name, uid=name, creation_timestamp=f"2024-01-01T00:00:0{name[-1]}Z", annotations=annotations
        ),
        spec=apps_v1.ReplicaSetSpec(
            replicas=size, selector=meta_v1.LabelSelector(), template=core_v1.PodTemplateSpec()
        ),
        status=apps_v1.ReplicaSetStatus(
            replicas=size, available_replicas=size if available is None else available
        ),
    )


def plain(limit, of, rounded):
    if isinstance(limit, int):
        return limit
    return rounded(Fraction(int(limit[:-1]), 100) * of)


def fence(replicas, surge, unavailable):
    more, fewer = plain(surge, replicas, math.ceil), plain(unavailable, replicas, math.floor)
    return (more, fewer) if more or fewer else (0, 1)


def specs(sets):
    return [each.spec.replicas for each in sets]


def left_available(sets):
    """How many available Pods are there at least once the ReplicaSets have come to their sizes: others go first."""
    return sum(min(each.status.available_replicas, each.spec.replicas) for each in sets)


def test_surge_rounds_up_and_unavailability_down_for_every_limit_and_size():
    for replicas in range(40):
        for surge in LIMITS:
            for unavailable in LIMITS:
                owner = deployment(replicas, surge, unavailable)
                more, fewer = fence(replicas, surge, unavailable)
                assert sizes.max_surge(owner) == more
                assert sizes.max_unavailable(owner) == min(fewer, replicas)


def test_no_step_of_a_rolling_update_leaves_its_bounds_or_takes_what_must_stay_available():
    chance = random.Random(1)
    for _ in STATES:
        replicas, surge, unavailable = chance.randint(0, 12), chance.choice(LIMITS), chance.choice(LIMITS)
        owner = deployment(replicas, surge, unavailable)
        wanted = [chance.randint(0, 8) for _ in range(3)]
        sets = [replica_set(f"s{n}", size, chance.randint(0, size)) for n, size in enumerate(wanted)]
        draft = Draft.of(owner, sets, NOW)
        new = draft.all[-1]
        before, available = sum(wanted), left_available(sets)
        rollout.roll(draft, new)
        more, fewer = fence(replicas, surge, unavailable)
        assert sum(specs(draft.all)) <= max(before, replicas + more)
        assert left_available(draft.all) >= min(available, replicas - min(fewer, replicas), replicas)
        assert new.spec.replicas <= max(replicas, 0)
        assert all(after <= size for after, size in zip(specs(draft.all)[:-1], wanted[:-1], strict=True))


def test_a_rolling_update_always_comes_to_its_end_when_its_pods_do_well():
    chance = random.Random(2)
    for _ in range(300):
        replicas = chance.randint(0, 12)
        owner = deployment(replicas, chance.choice(LIMITS), chance.choice(LIMITS))
        sets = [replica_set(f"s{n}", chance.randint(0, 8)) for n in range(3)]
        for _ in range(60):
            draft = Draft.of(owner, sets, NOW)
            if not rollout.roll(draft, draft.all[-1]):
                break
            sets = [replica_set(each.metadata.name, each.spec.replicas) for each in draft.all]
        assert specs(sets) == [0, 0, replicas]


def test_scaling_in_a_rollout_gives_each_its_share_and_uses_all_there_is():
    chance = random.Random(3)
    for _ in STATES:
        before, after = chance.randint(2, 20), chance.randint(1, 40)
        surge = chance.randint(0, 4)
        parts = [chance.randint(1, 10) for _ in range(chance.randint(2, 4))]
        noted = {DESIRED: str(before), MAX: str(sum(parts))}
        sets = [replica_set(f"s{n}", size, 0, annotations=dict(noted)) for n, size in enumerate(parts)]
        draft = Draft.of(deployment(after, surge, 1), sets, NOW)
        scaling.scale(draft, draft.all[-1])
        goals, allowed = specs(draft.all), after + surge
        if allowed == sum(parts):
            assert goals == parts
            continue
        assert sum(goals) == allowed
        shares = [Fraction(size * allowed, sum(parts)) for size in parts]
        far = [abs(goal - share) > 1 for goal, share in zip(goals, shares, strict=True)]
        assert sum(far) <= 2, "only the largest takes what rounding leaves, and the last what is left of it"
        is_growing = allowed > sum(parts)
        pairs = zip(goals, parts, strict=True)
        assert all(goal >= part if is_growing else goal <= part for goal, part in pairs)


def daemon_set(surge, unavailable):
    rolling = apps_v1.RollingUpdateDaemonSet(max_surge=surge, max_unavailable=unavailable)
    return apps_v1.DaemonSet(
        metadata=meta_v1.ObjectMeta(name="d", namespace="default", uid="d", generation=2),
        spec=apps_v1.DaemonSetSpec(
            selector=meta_v1.LabelSelector(match_labels={"app": "d"}),
            template=core_v1.PodTemplateSpec(spec=core_v1.PodSpec(containers=[core_v1.Container(name="c")])),
            update_strategy=apps_v1.DaemonSetUpdateStrategy(type="RollingUpdate", rolling_update=rolling),
        ),
    )


def daemon(node, version, *, ready):
    truth = "True" if ready else "False"
    condition = core_v1.PodCondition(type="Ready", status=truth, last_transition_time=rfc3339(NOW - 100))
    name = f"{version}-{node}"
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name, namespace="default", uid=name, labels={revisions.HASH: version}
        ),
        spec=core_v1.PodSpec(node_name=node),
        status=core_v1.PodStatus(phase="Running", conditions=[condition]),
    )


def test_daemons_are_replaced_only_as_far_as_nodes_may_be_without_and_surge_only_as_far_as_allowed():
    chance = random.Random(4)
    for _ in STATES:
        names = [f"n{number}" for number in range(chance.randint(1, 8))]
        surges = chance.random() < 0.5
        limit = chance.choice([each for each in LIMITS if each not in (0, "0%")])
        owner = daemon_set(limit, 0) if surges else daemon_set(0, limit)
        most = plain(limit, len(names), math.ceil)
        nodes = [
            core_v1.Node(metadata=meta_v1.ObjectMeta(name=name), spec=core_v1.NodeSpec()) for name in names
        ]
        pods = []
        for name in names:
            olds, news = chance.choice([(1, 0), (1, 0), (0, 1), (1, 1) if surges else (0, 0)])
            pods += [daemon(name, "old", ready=chance.random() < 0.8)] * olds
            pods += [daemon(name, "new", ready=chance.random() < 0.8)] * news
        view = daemons.View.of(owner, nodes, pods, "new", NOW)
        plan = daemons.update(view)
        well = {pod.spec.node_name for pod in pods if view.is_available(pod)}
        if surges:
            assert not plan.delete, "the old one goes when the new one is there"
            coming = [
                pod for pod in pods if view.is_new(pod) and not view.is_available(pod)
                and any(not view.is_new(each) and each.spec.node_name == pod.spec.node_name for each in pods)
            ]  # fmt: skip
            begun = [name for name in plan.create if name in well]
            assert len(begun) <= max(0, most - len(coming))
        else:
            assert not plan.create
            assert all(not view.is_new(pod) for pod in plan.delete)
            taken = {pod.spec.node_name for pod in plan.delete} & well
            assert len(taken) <= max(0, most - (len(names) - len(well)))
