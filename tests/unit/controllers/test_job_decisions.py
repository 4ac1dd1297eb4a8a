"""What a Job decides, from its Pods alone: whom to make and delete, whether it is over, and whom to count."""

import itertools
import random

import pytest

from podling.api.times import rfc3339
from podling.api.types import batch_v1, core_v1, meta_v1
from podling.controllers.job import conditions, counting, decide, indexes, policies, verdict
from podling.controllers.job.draft import pod_for
from podling.controllers.job.pods import FAILURES, FINALIZER, IGNORED, INDEX, ended_at
from podling.controllers.job.view import Streak, View, delay_after

NOW = 1_704_067_200.0


def job(*, status=None, **spec):
    spec = {"parallelism": 2, "completions": 2, "backoff_limit": 6, "completion_mode": "NonIndexed", **spec}
    template = core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels={"app": "work"}),
        spec=core_v1.PodSpec(
            containers=[core_v1.Container(name="c")], restart_policy=spec.pop("restart", "Never")
        ),
    )
    return batch_v1.Job(
        metadata=meta_v1.ObjectMeta(name="work", namespace="default", uid="job"),
        spec=batch_v1.JobSpec(template=template, **spec),
        status=status or batch_v1.JobStatus(start_time=rfc3339(NOW)),
    )


def pod(
    name, phase="Running", *, index=None, code=1, tracked=True, deleted=False, ago=0, conditions=(), **notes
):
    end = core_v1.ContainerStateTerminated(
        exit_code=0 if phase == "Succeeded" else code, finished_at=rfc3339(NOW - ago)
    )
    state = core_v1.ContainerState(terminated=end) if phase in ("Failed", "Succeeded") else None
    annotations = {} if index is None else {INDEX: str(index)}
    annotations |= {
        {"failures": FAILURES, "ignored": IGNORED}[key]: str(number) for key, number in notes.items()
    }
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace="default",
            uid=name,
            annotations=annotations,
            creation_timestamp=rfc3339(NOW - ago),
            deletion_timestamp=rfc3339(NOW - ago) if deleted else None,
            finalizers=[FINALIZER] if tracked else None,
        ),
        status=core_v1.PodStatus(
            phase=phase,
            container_statuses=[core_v1.ContainerStatus(name="c", state=state)],
            conditions=list(conditions),
        ),
    )


def view(owner, *pods, stripped=(), known=None, now=NOW):
    return View(owner, list(pods), frozenset(stripped), known, now)


def names(pods):
    return [each.metadata.name for each in pods]


@pytest.mark.parametrize(
    ("held", "text"),
    [((), ""), ((0,), "0"), ((0, 1), "0,1"), ((0, 1, 2, 4), "0-2,4"), ((1, 3, 4, 5, 9), "1,3-5,9")],
)
def test_indexes_are_written_as_upstream_writes_them(held, text):
    assert indexes.render(held) == text
    assert indexes.parse(text, 10) == set(held)


def test_indexes_out_of_reach_and_nonsense_are_passed_over():
    assert indexes.parse("0-7,x,-,3-a,9", 4) == {0, 1, 2, 3}
    assert indexes.parse(None, 4) == frozenset()


def test_any_set_of_indexes_survives_being_written():
    chance = random.Random(1)
    for _ in range(300):
        held = {index for index in range(40) if chance.random() < 0.5}
        assert indexes.parse(indexes.render(held), 40) == held


def test_makes_no_more_pods_than_are_still_needed():
    status = batch_v1.JobStatus(succeeded=8)
    assert decide.manage(view(job(parallelism=5, completions=10, status=status))).create == [None, None]
    assert decide.manage(view(job(parallelism=5, completions=10))).create == [None] * 5
    assert decide.manage(view(job(parallelism=0, completions=10))).create == []
    assert decide.manage(view(job(parallelism=1000, completions=1000))).create == [None] * decide.BURST


def test_pods_beyond_parallelism_go_and_nothing_is_made_meanwhile():
    plan = decide.manage(view(job(parallelism=1, completions=5), pod("a"), pod("b", "Pending")))
    assert (names(plan.delete), plan.create) == (["b"], [])


def test_free_indexes_are_filled_from_the_lowest():
    status = batch_v1.JobStatus(completed_indexes="0,2", succeeded=2)
    owner = job(parallelism=3, completions=6, completion_mode="Indexed", status=status)
    assert decide.manage(view(owner, pod("a", index=3))).create == [1, 4]


def test_pods_with_the_same_index_or_none_are_taken_away():
    owner = job(parallelism=3, completions=3, completion_mode="Indexed")
    held = [pod("a", index=0), pod("b", "Pending", index=0), pod("c"), pod("d", index=7)]
    assert sorted(names(decide.manage(view(owner, *held)).delete)) == ["b", "c", "d"]


def test_a_pod_on_its_way_out_keeps_its_place_where_only_failed_ones_are_replaced():
    leaving = pod("a", deleted=True)
    assert decide.manage(view(job(completions=2, pod_replacement_policy="Failed"), leaving)).create == [None]
    plan = decide.manage(view(job(pod_replacement_policy="TerminatingOrFailed"), leaving, known=Streak()))
    assert plan.again == pytest.approx(10), "it counts as a failure, and is replaced after a while"


def test_the_wait_doubles_from_ten_seconds_to_six_minutes():
    assert [delay_after(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 320, 360]
    assert delay_after(10_000) == 360


def test_a_success_ends_the_waiting():
    failed = [pod("a", "Failed", ago=50), pod("b", "Failed", ago=5)]
    assert view(job(), *failed).streak == Streak(2, NOW - 5)
    assert decide.manage(view(job(), *failed)).again == 15
    assert view(job(), *failed, pod("c", "Succeeded", ago=1)).streak == Streak()
    assert view(job(), *failed, pod("c", "Succeeded", ago=20)).streak == Streak(1, NOW - 5)
    counted = [pod("a", "Failed", ago=50, tracked=False), pod("b", "Failed", ago=5)]
    assert view(job(), *counted, known=Streak(4, NOW - 50)).streak == Streak(5, NOW - 5)


def test_foretold_ends_stand_whatever_happens_later():
    told = verdict.condition("FailureTarget", "DeadlineExceeded", "late", NOW)
    status = batch_v1.JobStatus(conditions=[told], succeeded=2)
    assert verdict.foretell(view(job(status=status))) is told


def test_a_job_fails_by_its_limits():
    reason = lambda seen: (verdict.foretell(seen) or batch_v1.JobCondition()).reason  # noqa: E731
    failed = [pod("a", "Failed"), pod("b", "Failed")]
    assert reason(view(job(backoff_limit=2), *failed)) is None
    assert reason(view(job(backoff_limit=1), *failed)) == "BackoffLimitExceeded"
    assert reason(view(job(active_deadline_seconds=5), now=NOW + 4)) is None
    assert reason(view(job(active_deadline_seconds=5), now=NOW + 5)) == "DeadlineExceeded"
    assert reason(view(job(active_deadline_seconds=5, suspend=True), now=NOW + 9)) is None


def rule(action, **by):
    return batch_v1.PodFailurePolicyRule(action=action, **by)


def codes(operator, *values, container=None):
    return batch_v1.PodFailurePolicyOnExitCodesRequirement(
        operator=operator, values=list(values), container_name=container
    )


def test_the_first_rule_that_fits_a_failure_decides():
    evicted = batch_v1.PodFailurePolicyOnPodConditionsPattern(type="DisruptionTarget", status="True")
    policy = batch_v1.PodFailurePolicy(
        rules=[
            rule("Ignore", on_pod_conditions=[evicted]),
            rule("FailJob", on_exit_codes=codes("In", 42, container="c")),
            rule("Count", on_exit_codes=codes("NotIn", 7)),
        ]
    )
    disrupted = core_v1.PodCondition(type="DisruptionTarget", status="True")
    assert not policies.judge_failure(policy, pod("a", "Failed", code=42, conditions=[disrupted])).counts
    assert policies.judge_failure(policy, pod("a", "Failed", code=42)) == policies.Match(
        "FailJob", "Container c for pod default/a failed with exit code 42 matching FailJob rule at index 1"
    )
    assert policies.judge_failure(policy, pod("a", "Failed", code=3)).action == "Count"
    assert policies.judge_failure(policy, pod("a", "Failed", code=7)) == policies.Match()
    assert policies.judge_failure(None, pod("a", "Failed")).counts


def test_success_is_enough_by_count_by_indexes_or_by_both():
    def met(done, **asked):
        policy = batch_v1.SuccessPolicy(rules=[batch_v1.SuccessPolicyRule(**asked)])
        return policies.succeeded_enough(policy, frozenset(done), 10) == "Matched rules at index 0"

    assert (met({1}, succeeded_count=2), met({1, 5}, succeeded_count=2)) == (False, True)
    assert (met({0}, succeeded_indexes="0,2"), met({0, 2}, succeeded_indexes="0,2")) == (False, True)
    both = {"succeeded_indexes": "0-4", "succeeded_count": 2}
    assert (met({0, 7, 8}, **both), met({0, 4}, **both)) == (False, True)


def per_index(**spec):
    spec = {
        "backoff_limit_per_index": 1,
        "backoff_limit": 2**31 - 1,
        "parallelism": 4,
        "completions": 4,
        **spec,
    }
    return job(completion_mode="Indexed", **spec)


def test_an_index_is_lost_when_its_own_tries_are_used_up():
    first, last = pod("a", "Failed", index=0, failures=0), pod("b", "Failed", index=1, failures=1)
    seen = view(per_index(), first, last, pod("c", index=2), pod("d", index=3))
    assert (seen.lost, names(seen.awaiting.values())) == ({1}, ["a"])
    assert decide.manage(seen).again == 10
    assert decide.manage(view(seen.job, *seen.pods, now=NOW + 10)).create == [0]
    assert names(counting.tally(seen, None).strip) == ["b"], "a is kept until another takes its place"
    made = pod_for(seen.job, 0, first)
    assert made.metadata.annotations[FAILURES] == "1"
    replaced = view(seen.job, *seen.pods, pod("e", index=0, failures=1))
    assert names(counting.tally(replaced, None).strip) == ["a", "b"]


def test_a_failure_that_is_ignored_does_not_cost_the_index_a_try():
    ignore = rule("Ignore", on_exit_codes=codes("In", 5))
    owner = per_index(pod_failure_policy=batch_v1.PodFailurePolicy(rules=[ignore]))
    ended = pod("a", "Failed", index=0, failures=1, code=5)
    assert view(owner, ended).lost == frozenset()
    notes = pod_for(owner, 0, ended).metadata.annotations
    assert (notes[FAILURES], notes[IGNORED]) == ("1", "1")


def test_a_job_fails_by_its_indexes_at_once_or_when_all_are_settled():
    lost = [pod(f"p{index}", "Failed", index=index, failures=1) for index in range(2)]
    told = verdict.foretell(view(per_index(max_failed_indexes=1), *lost))
    assert (told.type, told.reason) == ("FailureTarget", "MaxFailedIndexesExceeded")
    assert verdict.foretell(view(per_index(), *lost)) is None
    done = [pod(f"p{index}", "Succeeded", index=index) for index in (2, 3)]
    assert verdict.foretell(view(per_index(), *lost, *done)).reason == "FailedIndexes"


def test_a_pod_is_named_then_let_go_then_counted():
    seen = view(job(), pod("a", "Succeeded"), pod("b", "Failed"), pod("c"))
    first = counting.tally(seen, None)
    named = first.status.uncounted_terminated_pods
    assert (named.succeeded, named.failed, first.status.succeeded) == (["a"], ["b"], None)
    assert names(first.strip) == ["a", "b"]
    last = counting.settled(first.status, {"b", "c"})
    assert (last.succeeded, last.failed, counting.is_settled(last)) == (1, None, False)
    again = counting.tally(view(job(status=last), *seen.pods, stripped={"a"}), None)
    assert (again.status.succeeded, again.status.uncounted_terminated_pods.failed) == (1, ["b"])
    assert names(again.strip) == ["b"]


def test_a_status_names_so_many_pods_at_most():
    many = [pod(f"p{number}", "Succeeded") for number in range(counting.MOST + 5)]
    found = counting.tally(view(job(completions=1000), *many), None)
    assert (len(found.strip), found.partial) == (counting.MOST, True)


def test_when_the_job_has_failed_so_have_its_running_pods_but_not_when_it_succeeded():
    for reason, failed in (("FailureTarget", ["a"]), ("SuccessCriteriaMet", None)):
        found = counting.tally(view(job(), pod("a")), verdict.condition(reason, "r", "m", NOW))
        assert (names(found.strip), found.status.uncounted_terminated_pods.failed) == (["a"], failed)


@pytest.mark.parametrize("mode", ["NonIndexed", "Indexed"])
def test_repeating_any_of_the_writes_changes_no_count(mode):
    """All orders of two rounds over the same Pods, each left off after any of its writes."""
    ends = [pod(f"p{n}", "Succeeded" if n % 3 else "Failed", index=n) for n in range(6)]
    for stops in itertools.product(range(4), repeat=3):
        status, free = batch_v1.JobStatus(), set()
        for stop in (*stops, 3):
            owner = job(completions=6, completion_mode=mode, status=status)
            seen = view(owner, *ends, stripped=free)
            found = counting.tally(seen, None)
            if stop >= 1:
                status = found.status
            if stop >= 2:
                free |= (
                    {each.metadata.uid for each in found.strip[: stop * 2]}
                    if stop == 2
                    else set(names(found.strip))
                )
            if stop >= 3:
                status = counting.settled(status, {each.metadata.uid for each in ends} - free)
        assert (status.succeeded, status.failed) == (4, 2), stops
        assert counting.is_settled(status)


def test_a_condition_keeps_its_time_while_it_stands():
    status = batch_v1.JobStatus()
    assert conditions.put(status, verdict.condition("Suspended", "r", "m", NOW))
    assert not conditions.put(status, verdict.condition("Suspended", "r", "m", NOW + 9))
    assert [each.last_transition_time for each in status.conditions] == [rfc3339(NOW)]


def test_a_pod_has_ended_with_its_last_container_or_when_it_was_asked_to_go():
    assert ended_at(pod("a", "Failed", ago=30)) == NOW - 30
    assert ended_at(pod("a", deleted=True, ago=4)) == NOW - 4


def test_hostnames_and_generated_names_tell_the_index():
    owner = job(completion_mode="Indexed")
    owner.metadata.name = "w" * 63
    made = pod_for(owner, 12)
    assert made.metadata.generate_name == "w" * 54 + "-12-"
    assert made.spec.hostname == "w" * 63 + "-12"
    assert pod_for(job(), None).metadata.generate_name == "work-"
