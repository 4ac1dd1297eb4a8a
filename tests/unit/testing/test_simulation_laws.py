"""The laws of the simulation find what breaks them: shown on small pictures, as a law that never speaks proves nothing."""

import pytest

from podling.api import kinds
from podling.api.types import apps_v1, batch_v1, core_v1, meta_v1, policy_v1
from podling.testing.simulation.laws import Picture, settled
from podling.testing.simulation.witness import Witness

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


def cron(**status):
    spec = batch_v1.CronJobSpec(
        job_template=batch_v1.JobTemplateSpec(),
        schedule="* * * * *",
        successful_jobs_history_limit=0,
        failed_jobs_history_limit=1,
    )
    return batch_v1.CronJob(metadata=meta("tick"), spec=spec, status=batch_v1.CronJobStatus(**status))


def job_of(owner, minute, verdict="Complete"):
    made = job(conditions=[batch_v1.JobCondition(type=verdict, status="True")])
    stamp = {"batch.kubernetes.io/cronjob-scheduled-timestamp": f"1970-01-01T00:{minute:02}:00Z"}
    made.metadata = meta(f"tick-{minute}", owner, annotations=stamp)
    return made


def test_a_cron_job_that_keeps_too_much_forgets_or_never_ends_is_told():
    owner = cron(last_schedule_time="1970-01-01T00:02:00Z")
    assert breaches(owner, job_of(owner, 2, "Failed")) == []
    assert breaches(owner, job_of(owner, 2)) == ["CronJob tick keeps 1 Jobs that are Complete, more than 0"]
    assert breaches(owner, job_of(owner, 3, "Failed")) == [
        "CronJob tick has forgotten ['tick-3'], knows 1970-01-01T00:02:00Z"
    ]
    runs = cron(active=[core_v1.ObjectReference(name="tick-1")])
    assert breaches(runs) == ["CronJob tick says that ['tick-1'] run"]


def test_a_time_of_a_schedule_that_comes_twice_is_told():
    owner = cron()
    first, second = job_of(owner, 1), job_of(owner, 2)
    assert seen((None, first), (None, second)) == []
    assert seen((None, first), (first, None), (None, first)) == [
        "Job tick-1 is made for a time that has had its Job"
    ]


def test_a_budget_that_counts_wrongly_is_told():
    owner = replica_set(replicas=4, ready_replicas=4, available_replicas=4)
    owner.status.replicas = 4
    pods = [pod(f"p{number}", owner) for number in range(4)]
    for each in pods:
        each.metadata.labels = {"app": "web"}
    spec = policy_v1.PodDisruptionBudgetSpec(
        max_unavailable="34%", selector=meta_v1.LabelSelector(match_labels={"app": "web"})
    )
    budget = policy_v1.PodDisruptionBudget(metadata=meta("guard"), spec=spec)
    counts = {"expected_pods": 4, "desired_healthy": 2, "current_healthy": 4}
    budget.status = policy_v1.PodDisruptionBudgetStatus(
        **counts, disruptions_allowed=2, observed_generation=1
    )
    assert breaches(owner, *pods, budget) == []
    budget.status.disruptions_allowed = 3
    assert breaches(owner, *pods, budget) == [
        "PodDisruptionBudget guard says [4, 2, 4, 3], None; it is [4, 2, 4, 2]"
    ]


def test_a_pod_that_comes_out_of_turn_is_told():
    spec = apps_v1.StatefulSetSpec(
        selector=meta_v1.LabelSelector(),
        template=core_v1.PodTemplateSpec(),
        pod_management_policy="OrderedReady",
    )
    owner = apps_v1.StatefulSet(metadata=meta("db"), spec=spec)
    first, second = pod("db-0", owner), pod("db-1", owner)
    assert seen((None, owner), (None, first), (None, second)) == []
    first.status.conditions[0].status = "False"
    assert seen((None, owner), (None, first), (None, second)) == ["Pod db-1 comes although db-0 is not ready"]
