"""The laws of the simulation find what breaks them: shown on small pictures, as a law that never speaks proves nothing."""

import pytest

from podling.api import kinds
from podling.api.types import apps_v1, batch_v1, core_v1, meta_v1
from podling.testing.simulation.laws import Picture, Witness, settled

NOW = 100.0


def owned_by(owner):
    return [
        meta_v1.OwnerReference(
            api_version="v1", kind=type(owner).__name__, name=owner.metadata.name, uid=owner.metadata.uid, controller=True
        )
    ]  # fmt: skip


def meta(name, owner=None, **more):
    return meta_v1.ObjectMeta(
        name=name,
        uid=f"uid-{name}",
        generation=1,
        owner_references=owned_by(owner) if owner else None,
        **more,
    )


def replica_set(name="web", replicas=1, owner=None, **status):
    return apps_v1.ReplicaSet(
        metadata=meta(name, owner),
        spec=apps_v1.ReplicaSetSpec(replicas=replicas, selector=meta_v1.LabelSelector()),
        status=apps_v1.ReplicaSetStatus(observed_generation=1, **status),
    )


def pod(name, owner, *, phase="Running", index=None):
    ready = core_v1.PodCondition(type="Ready", status="True")
    annotations = {"batch.kubernetes.io/job-completion-index": index} if index is not None else None
    return core_v1.Pod(
        metadata=meta(name, owner, annotations=annotations),
        spec=core_v1.PodSpec(containers=[]),
        status=core_v1.PodStatus(phase=phase, conditions=[ready]),
    )


def job(**status):
    spec = batch_v1.JobSpec(completions=3, template=core_v1.PodTemplateSpec())
    return batch_v1.Job(metadata=meta("work"), spec=spec, status=batch_v1.JobStatus(**status))


def deployment(replicas, surge):
    rolling = apps_v1.RollingUpdateDeployment(max_surge=surge, max_unavailable=0)
    strategy = apps_v1.DeploymentStrategy(type="RollingUpdate", rolling_update=rolling)
    spec = apps_v1.DeploymentSpec(
        replicas=replicas,
        selector=meta_v1.LabelSelector(),
        template=core_v1.PodTemplateSpec(),
        strategy=strategy,
    )
    return apps_v1.Deployment(metadata=meta("web"), spec=spec)


def breaches(*objects):
    there = {}
    for each in objects:
        there.setdefault(kinds.of(type(each)), []).append(each)
    return settled(Picture(there))


def seen(*changes, exact=True):
    witness = Witness(exact=exact)
    for old, new in changes:
        witness.see(old, new, NOW)
    return witness.breaches


def test_a_replica_set_that_has_what_it_asks_for_breaks_no_law():
    owner = replica_set(replicas=1, ready_replicas=1, available_replicas=1)
    owner.status.replicas = 1
    assert breaches(owner, pod("a", owner)) == []


def test_a_surplus_pod_and_a_status_that_is_wrong_are_told():
    owner = replica_set(replicas=1, ready_replicas=1)
    assert breaches(owner, pod("a", owner), pod("b", owner)) == [
        "ReplicaSet web has 2 Pods instead of 1",
        "ReplicaSet web says [0, 1, 0] of 2 Pods",
    ]


def test_what_has_lost_its_owner_and_what_never_goes_is_told():
    gone = replica_set("gone")
    stuck = pod("stuck", None)
    stuck.metadata.deletion_timestamp = "2024-01-01T00:00:00Z"
    assert breaches(pod("left", gone), stuck) == [
        "Pod left is left behind by ReplicaSet gone",
        "Pod stuck is for ever on its way out: None",
    ]


def test_a_job_that_is_not_over_is_told():
    assert breaches(job())[0].startswith("Job work is not over")


def test_making_more_pods_than_were_asked_for_is_told_unless_answers_are_lost():
    owner = replica_set(replicas=1)
    changes = [(None, owner), (None, pod("a", owner)), (None, pod("b", owner))]
    assert seen(*changes) == ["ReplicaSet web makes 2 Pods instead of 1"]
    assert seen(*changes, exact=False) == []


def test_growing_beyond_the_surge_is_told():
    top = deployment(2, surge=1)
    old, new, grown = (replica_set(name, size, top) for name, size in (("old", 2), ("new", 1), ("new", 2)))
    assert seen((None, top), (None, old), (None, new)) == []
    assert "grows to" in seen((None, top), (None, old), (None, new), (new, grown))[0]
    assert "grows to" in seen((None, top), (None, old), (None, grown))[0]


@pytest.mark.parametrize(
    "changes",
    [
        [(None, job(succeeded=1))],
        [(None, pod("a", job(), phase="Succeeded")), (job(succeeded=1), job(succeeded=2))],
        [(None, pod("a", job(), phase="Succeeded")), (job(succeeded=1), job())],
        [(None, job(uncounted_terminated_pods=batch_v1.UncountedTerminatedPods(succeeded=["x", "x"])))],
        [
            (None, pod("a", job(), phase="Succeeded", index="0")),
            (None, job(succeeded=1, completed_indexes="1")),
        ],
    ],
    ids=["of none", "too many", "forgotten", "twice", "wrong index"],
)
def test_a_job_that_counts_wrongly_is_told(changes):
    assert seen(*changes)


def test_a_job_that_counts_what_has_succeeded_is_right():
    ended = pod("a", job(), phase="Succeeded", index="0")
    assert seen((None, ended), (job(), job(succeeded=1, completed_indexes="0"))) == []
