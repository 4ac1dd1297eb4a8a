"""Which Pod of a StatefulSet is made or ended next, what it is made of, and how it is counted: without any server."""

import itertools
import random

import msgspec
import pytest

from podling.api.times import rfc3339
from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers import revisions
from podling.controllers.statefulset import claims, identity
from podling.controllers.statefulset.decide import View, next_status, plan

NOW = 1_704_067_200.0
NEW, OLD = "db-new", "db-old"


def stateful(replicas=3, *, policy="OrderedReady", type="RollingUpdate", start=None, rolling=None, **spec):
    strategy = apps_v1.StatefulSetUpdateStrategy(type=type)
    if rolling is not None:
        strategy.rolling_update = apps_v1.RollingUpdateStatefulSetStrategy(**rolling)
    return apps_v1.StatefulSet(
        metadata=meta_v1.ObjectMeta(name="db", namespace="default", uid="db", generation=2),
        spec=apps_v1.StatefulSetSpec(
            replicas=replicas,
            service_name="peers",
            selector=meta_v1.LabelSelector(match_labels={"app": "db"}),
            template=core_v1.PodTemplateSpec(
                metadata=meta_v1.ObjectMeta(labels={"app": "db"}),
                spec=core_v1.PodSpec(containers=[core_v1.Container(name="c")]),
            ),
            pod_management_policy=policy,
            update_strategy=strategy,
            ordinals=None if start is None else apps_v1.StatefulSetOrdinals(start=start),
            **spec,
        ),
    )


def pod(ordinal, hash_=NEW, *, ready=True, phase="Running", deleted=False, age=100):
    name, status = f"db-{ordinal}", "True" if ready else "False"
    condition = core_v1.PodCondition(type="Ready", status=status, last_transition_time=rfc3339(NOW - age))
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace="default",
            uid=f"uid-{name}",
            labels={"app": "db", revisions.HASH: hash_, **identity.labels(name, ordinal)},
            deletion_timestamp=rfc3339(NOW) if deleted else None,
        ),
        status=core_v1.PodStatus(phase=phase, conditions=[condition]),
    )


def view(owner, *pods, current=OLD, waiting=frozenset()):
    return View.of(owner, pods, NOW, current=current, update=NEW, waiting=waiting)


def planned(*args, **kwargs):
    made = plan(view(*args, **kwargs))
    return [ordinal for ordinal, _ in made.create], [
        int(each.metadata.name.rpartition("-")[2]) for each in made.delete
    ]


NOTHING = ([], [])


def test_pods_come_one_by_one_and_only_after_all_before_them_are_well():
    assert planned(stateful()) == ([0], [])
    assert planned(stateful(), pod(0, ready=False)) == NOTHING
    assert planned(stateful(), pod(0)) == ([1], [])
    assert planned(stateful(), pod(0), pod(1), pod(2)) == NOTHING
    assert planned(stateful(), pod(1), pod(2)) == ([0], [])


def test_a_pod_counts_as_well_once_it_was_ready_for_long_enough():
    assert planned(stateful(min_ready_seconds=10), pod(0, age=9)) == NOTHING
    assert planned(stateful(min_ready_seconds=10), pod(0, age=10)) == ([1], [])


def test_parallel_pods_come_and_go_all_at_once():
    assert planned(stateful(policy="Parallel")) == ([0, 1, 2], [])
    ill = [pod(each, ready=False) for each in range(4)]
    assert planned(stateful(1, policy="Parallel"), *ill) == ([], [3, 2, 1])


def test_a_set_shrinks_from_the_top_and_waits_for_each_to_be_gone():
    assert planned(stateful(1), pod(0), pod(1), pod(2)) == ([], [2])
    assert planned(stateful(1), pod(0), pod(1), pod(2, deleted=True)) == NOTHING
    assert planned(stateful(1), pod(0, ready=False), pod(1)) == NOTHING
    assert planned(stateful(0), pod(0), pod(1, ready=False)) == ([], [1])
    assert planned(stateful(0), pod(0, ready=False), pod(1, ready=False)) == NOTHING


def test_ordinals_start_where_they_are_told_to():
    assert planned(stateful(2, start=5)) == ([5], [])
    assert planned(stateful(2, start=1), pod(0), pod(1), pod(2)) == ([], [0])


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_no_pod_is_made_while_one_of_its_name_is_there(policy):
    assert planned(stateful(1, policy=policy), pod(0, deleted=True)) == NOTHING
    assert planned(stateful(1, policy=policy), pod(0, phase="Failed", deleted=True)) == NOTHING
    assert planned(stateful(1, policy=policy), pod(0, phase="Failed")) == ([], [0])
    assert planned(stateful(1, policy=policy), pod(0, phase="Succeeded")) == ([], [0])
    assert planned(stateful(1, policy=policy), waiting={0}) == NOTHING


def test_names_of_others_are_none_of_ours():
    for name in ("db", "db-x", "db-01", "dbs-1", "db-0-1"):
        assert identity.ordinal_of(stateful(), core_v1.Pod(metadata=meta_v1.ObjectMeta(name=name))) is None


def test_an_update_goes_down_from_the_highest_ordinal():
    old = [pod(each, OLD) for each in range(3)]
    assert planned(stateful(), *old) == ([], [2])
    assert planned(stateful(), *old[:2], pod(2, ready=False)) == NOTHING
    assert planned(stateful(), *old[:2], pod(2)) == ([], [1])
    assert planned(stateful(type="OnDelete"), *old) == NOTHING


def test_an_update_stops_at_the_partition():
    old = [pod(each, OLD) for each in range(3)]
    assert planned(stateful(rolling={"partition": 2}), *old) == ([], [2])
    assert planned(stateful(rolling={"partition": 2}), *old[:2], pod(2)) == NOTHING
    assert planned(stateful(rolling={"partition": 9}), *old) == NOTHING


def test_new_pods_below_the_partition_are_of_the_current_revision():
    owner = stateful(rolling={"partition": 1}, policy="Parallel", start=7)
    assert plan(view(owner)).create == [(7, OLD), (8, NEW), (9, NEW)]
    during = view(stateful(), pod(0, OLD), pod(2))
    assert plan(during).create == [(1, NEW)], "without a partition as many as are old stay old"
    assert plan(view(stateful(type="OnDelete"), pod(0, OLD))).create == [(1, NEW)]


def test_more_than_one_may_be_unavailable():
    old = [pod(each, OLD) for each in range(4)]
    owner = stateful(4, rolling={"max_unavailable": "50%"}, policy="Parallel")
    assert planned(owner, *old) == ([], [3, 2])
    assert planned(owner, *old[:3], pod(3, ready=False)) == ([], [2])
    assert planned(owner, *old[:3]) == ([3], [2])


def test_an_old_pod_that_is_ill_is_replaced_although_nothing_more_may_fail():
    owner = stateful(policy="Parallel")
    assert planned(owner, pod(0, OLD, ready=False), pod(1, OLD), pod(2, OLD)) == ([], [0])
    ill = [pod(each, OLD, ready=False) for each in range(3)]
    assert planned(owner, *ill) == ([], [2]), "one after the other all the same"


def test_updates_never_take_more_than_may_be_unavailable():
    """Against a plain statement of the promise, over random states."""
    chance = random.Random(1)
    for limit, _ in itertools.product((1, 2, 3), range(300)):
        pods = [
            pod(each, chance.choice((OLD, NEW)), ready=chance.random() < 0.8, deleted=chance.random() < 0.1)
            for each in range(6)
        ]
        partition = chance.randrange(6)
        owner = stateful(6, policy="Parallel", rolling={"max_unavailable": limit, "partition": partition})
        seen = view(owner, *pods)
        doomed = plan(seen).delete
        lost = [each for each in pods if each in doomed or not seen.is_healthy(each)]
        assert len(lost) <= max(limit, sum(not seen.is_healthy(each) for each in pods))
        for each in doomed:
            assert each.metadata.labels[revisions.HASH] == OLD
            assert identity.ordinal_of(owner, each) >= partition


def test_the_status_counts_and_an_update_that_is_complete_is_current():
    half = [pod(0, OLD), pod(1, OLD, ready=False), pod(2)]
    assert next_status(view(stateful(), *half)) == apps_v1.StatefulSetStatus(
        replicas=3,
        ready_replicas=2,
        available_replicas=2,
        current_replicas=2,
        updated_replicas=1,
        current_revision=OLD,
        update_revision=NEW,
        observed_generation=2,
    )
    whole = next_status(view(stateful(), *(pod(each) for each in range(3))))
    assert (whole.current_revision, whole.current_replicas, whole.updated_replicas) == (NEW, 3, 3)
    kept = next_status(view(stateful(type="OnDelete"), *(pod(each) for each in range(3))))
    assert kept.current_revision == OLD


def claim_template(name):
    return core_v1.PersistentVolumeClaim(metadata=meta_v1.ObjectMeta(name=name, labels={"tier": "x"}))


def with_claims(**policy):
    retention = apps_v1.StatefulSetPersistentVolumeClaimRetentionPolicy(**policy)
    return stateful(
        volume_claim_templates=[claim_template("data")], persistent_volume_claim_retention_policy=retention
    )


def test_a_pod_knows_its_name_its_place_and_its_claims():
    owner = with_claims()
    owner.spec.template.spec.volumes = [
        core_v1.Volume(name="data", empty_dir=core_v1.EmptyDirVolumeSource()),
        core_v1.Volume(name="tmp", empty_dir=core_v1.EmptyDirVolumeSource()),
    ]
    revision = revisions.make(owner, revisions.content(owner), 1)
    owner.spec.template.spec.containers[0].name = "changed"
    made = identity.pod_for(owner, 1, revision)
    assert made.metadata.name == made.spec.hostname == "db-1"
    assert made.spec.subdomain == "peers"
    assert made.spec.containers[0].name == "c"
    assert made.metadata.labels == {
        "app": "db",
        "controller-revision-hash": revision.metadata.name,
        "apps.kubernetes.io/pod-index": "1",
        "statefulset.kubernetes.io/pod-name": "db-1",
    }
    assert [volume.name for volume in made.spec.volumes] == ["data", "tmp"]
    assert made.spec.volumes[0].persistent_volume_claim.claim_name == "data-db-1"
    assert made.spec.volumes[0].empty_dir is None


def test_claims_bear_the_pods_name_and_the_sets_labels():
    (claim,) = claims.claims_for(with_claims(), 2)
    assert (claim.metadata.name, claim.metadata.namespace) == ("data-db-2", "default")
    assert claim.metadata.labels == {"tier": "x", "app": "db"}
    assert claim.metadata.owner_references is None


@pytest.mark.parametrize(
    ("deleted", "scaled", "kept", "condemned"),
    [
        ("Retain", "Retain", None, None),
        ("Delete", "Retain", "StatefulSet", "StatefulSet"),
        ("Retain", "Delete", None, "Pod"),
        ("Delete", "Delete", "StatefulSet", "Pod"),
    ],
)
def test_a_claim_belongs_to_whom_the_policy_says(deleted, scaled, kept, condemned):
    owner = with_claims(when_deleted=deleted, when_scaled=scaled)
    for going, wanted in ((False, kept), (True, condemned)):
        (claim,) = claims.claims_for(with_claims(), 2)
        references = claims.owners(owner, pod(2), claim, condemned=going)
        assert [each.kind for each in references or ()] == ([wanted] if wanted else [])
        claim.metadata.owner_references = references
        assert claims.owners(owner, pod(2), claim, condemned=going) is None


def test_a_claim_that_another_controls_is_left_alone():
    (claim,) = claims.claims_for(with_claims(), 2)
    other = meta_v1.OwnerReference(kind="Job", name="j", uid="j", api_version="batch/v1", controller=True)
    claim.metadata.owner_references = [other]
    owner = with_claims(when_deleted="Delete")
    assert claims.owners(owner, pod(2), claim, condemned=False) is None


def test_a_new_pod_waits_for_claims_that_went_with_an_earlier_one():
    (claim,) = claims.claims_for(with_claims(), 2)
    assert not claims.is_leaving(with_claims(), 2, claim)
    gone = msgspec.structs.replace(claim.metadata, deletion_timestamp=rfc3339(NOW))
    assert claims.is_leaving(with_claims(), 2, msgspec.structs.replace(claim, metadata=gone))
    owner = with_claims(when_scaled="Delete")
    claim.metadata.owner_references = claims.owners(owner, pod(2), claim, condemned=True)
    assert claims.is_leaving(owner, 2, claim)
