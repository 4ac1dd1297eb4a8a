"""What a CronJob decides, from its status, its Jobs and the time alone.

Source: kubernetes pkg/controller/cronjob (utils_test.go, cronjob_controllerv2_test.go).
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api import cron as schedules
from podling.api.times import parse, rfc3339
from podling.api.types import batch_v1, core_v1, meta_v1
from podling.controllers.cronjob import active, history, starts
from podling.controllers.cronjob.decide import decide
from podling.controllers.cronjob.draft import SCHEDULED, job_for, scheduled_for

TEN = parse("2024-05-01T10:00:00Z")
MINUTE, HOUR = 60, 3600


def cron(schedule="0 * * * *", *, created=TEN, deleting=False, **spec):
    template = batch_v1.JobTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels={"app": "work"}, annotations={"a": "b"}, finalizers=["x/y"]),
        spec=batch_v1.JobSpec(parallelism=3),
    )
    return batch_v1.CronJob(
        metadata=meta_v1.ObjectMeta(
            name="tick",
            namespace="default",
            uid="cron",
            creation_timestamp=rfc3339(created),
            deletion_timestamp=rfc3339(created) if deleting else None,
        ),
        spec=batch_v1.CronJobSpec(
            schedule=schedule, job_template=template, **{"concurrency_policy": "Allow", **spec}
        ),
    )


def status(*names, last=None, succeeded=None):
    return batch_v1.CronJobStatus(
        active=[core_v1.ObjectReference(name=name, namespace="default", uid=name) for name in names] or None,
        last_schedule_time=rfc3339(last) if last else None,
        last_successful_time=rfc3339(succeeded) if succeeded else None,
    )


def job(name, end=None, *, start=TEN, at=None, deleting=False):
    conditions = [batch_v1.JobCondition(type=end, status="True")] if end else None
    return batch_v1.Job(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace="default",
            uid=name,
            annotations={SCHEDULED: rfc3339(at)} if at else None,
            deletion_timestamp=rfc3339(TEN) if deleting else None,
        ),
        status=batch_v1.JobStatus(
            start_time=rfc3339(start) if start else None,
            completion_time=rfc3339(start + 60) if end == "Complete" else None,
            conditions=conditions,
        ),
    )


@pytest.mark.parametrize(
    ("spec", "before", "now", "start"),
    [
        ({}, status(), TEN + 30 * MINUTE, None),
        ({}, status(), TEN + HOUR, TEN + HOUR),
        ({}, status(), TEN + 90 * MINUTE, TEN + HOUR),
        ({}, status(), TEN + 3.5 * HOUR, TEN + 3 * HOUR),  # only the latest of those that were missed
        ({}, status(last=TEN + HOUR), TEN + 90 * MINUTE, None),
        ({"suspend": True}, status(), TEN + HOUR, None),
        ({"starting_deadline_seconds": 600}, status(), TEN + HOUR + 10 * MINUTE, None),
        ({"starting_deadline_seconds": 601}, status(), TEN + HOUR + 10 * MINUTE, TEN + HOUR),
        ({}, status("other"), TEN + HOUR, TEN + HOUR),
        ({"concurrency_policy": "Replace"}, status("other"), TEN + HOUR, TEN + HOUR),
        ({"concurrency_policy": "Forbid"}, status("other"), TEN + HOUR, None),
        ({"concurrency_policy": "Forbid"}, status(), TEN + HOUR, TEN + HOUR),
        ({}, status(f"tick-{int(TEN + HOUR) // 60}"), TEN + HOUR, None),  # it runs already
        ({"deleting": True}, status(), TEN + HOUR, None),
        ({"schedule": "@every 90m"}, status(last=TEN), TEN + 100 * MINUTE, TEN + 90 * MINUTE),
        ({"time_zone": "Asia/Kolkata"}, status(), TEN + HOUR, TEN + 30 * MINUTE),
    ],
)  # fmt: skip
def test_whether_a_job_is_started(spec, before, now, start):
    assert decide(cron(**spec), before, now=now).start == start


@pytest.mark.parametrize(
    ("spec", "before", "now", "again"),
    [
        ({}, status(), TEN + 30 * MINUTE, 30 * MINUTE),
        ({}, status(), TEN + HOUR, HOUR),
        ({}, status(last=TEN + HOUR), TEN + 90 * MINUTE, 30 * MINUTE),
        ({"concurrency_policy": "Forbid"}, status("other"), TEN + HOUR, HOUR),
        ({"starting_deadline_seconds": 60}, status(), TEN + 90 * MINUTE, 30 * MINUTE),
        ({"suspend": True}, status(), TEN, None),
        ({"schedule": "0 0 31 2 *"}, status(), TEN, None),
    ],
)
def test_when_it_is_looked_at_again(spec, before, now, again):
    found = decide(cron(**spec), before, now=now).again
    assert found == (pytest.approx(again + starts.DELAY) if again is not None else None)


@pytest.mark.parametrize(
    ("spec", "now", "event"),
    [
        ({"schedule": "x"}, TEN, ("UnparseableSchedule", 'unparseable schedule: "x" : expected exactly 5 fields, found 1: [x]')),
        ({"schedule": "0 0 31 2 *"}, TEN, ("InvalidSchedule", "invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second")),
        ({"time_zone": "Mars/Base"}, TEN, ("UnknownTimeZone", 'invalid timeZone: "Mars/Base": unknown time zone Mars/Base')),
        ({"schedule": "TZ=UTC 0 * * * *"}, TEN, ("UnsupportedSchedule", 'CRON_TZ or TZ used in schedule "TZ=UTC 0 * * * *" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details')),
        ({}, TEN + 101 * HOUR, ("TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")),
    ],
)  # fmt: skip
def test_what_is_told(spec, now, event):
    assert decide(cron(**spec), status(), now=now).told == [("Warning", *event)]


def test_a_hundred_missed_starts_are_not_worth_a_word():
    assert decide(cron(), status(), now=TEN + 100 * HOUR).told == []


def test_a_changed_schedule_looks_ahead_only():
    changed = TEN + 90 * MINUTE
    assert decide(cron(), status(), since=changed, now=changed).start is None
    assert decide(cron(), status(), since=changed, now=TEN + 2 * HOUR).start == TEN + 2 * HOUR


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        ["* * * * *", "*/7 * * * *", "30 6-16/4 * * 1-5", "0 0 * * *", "@every 11m", "0 9 * * 1"]
    ),
    st.integers(0, 20 * 86400),
)
def test_the_latest_start_is_found_without_counting_all(schedule, elapsed):
    """Plain model: step through every start."""
    made, now = schedules.parse(schedule), TEN + elapsed
    passed, at = [], made.next(TEN)
    while at <= now:
        passed.append(at)
        at = made.next(at)
    found = starts.most_recent(made, TEN, now)
    assert found.at == (passed[-1] if passed else None)


def test_the_job_is_cut_from_the_template_and_named_for_its_minute():
    made = job_for(cron(time_zone="Europe/Berlin"), TEN)
    assert made.metadata.name == f"tick-{int(TEN) // 60}"
    assert made.metadata.labels == {"app": "work"}
    assert made.metadata.annotations == {"a": "b", SCHEDULED: "2024-05-01T12:00:00+02:00"}
    assert made.metadata.finalizers is None
    (owner,) = made.metadata.owner_references
    assert (owner.kind, owner.uid, owner.controller, owner.block_owner_deletion) == (
        "CronJob",
        "cron",
        True,
        True,
    )
    assert made.spec.parallelism == 3
    assert scheduled_for(cron(), made) == TEN
    assert job_for(cron(), TEN).metadata.annotations[SCHEDULED] == "2024-05-01T10:00:00Z"


def test_a_job_that_was_made_and_not_written_down_is_entered():
    """So a start that was made before a crash is not made again, whether its Job still runs or has ended."""
    name = f"tick-{int(TEN + HOUR) // 60}"
    for end, listed in ((None, {name}), ("Complete", set()), ("Failed", set())):
        books = status()
        assert active.account(cron(), books, [job(name, end, at=TEN + HOUR)]) == []
        assert (active.uids(books), books.last_schedule_time) == (listed, rfc3339(TEN + HOUR))
        assert decide(cron(), books, now=TEN + HOUR).start is None


def test_ended_jobs_leave_the_list_and_the_latest_success_stays():
    books = status("a", "b", "c", succeeded=TEN)
    told = active.account(
        cron(),
        books,
        [job("a", "Complete", start=TEN + 300), job("b", "Failed"), job("c"), job("d", "Complete")],
    )
    assert active.uids(books) == {"c"}
    assert books.last_successful_time == rfc3339(TEN + 360)
    assert told == [
        ("Normal", "SawCompletedJob", "Saw completed job: a, status: Complete"),
        ("Normal", "SawCompletedJob", "Saw completed job: b, status: Failed"),
    ]


def test_a_job_that_is_going_or_a_strangers_is_not_entered():
    books, name = status(), f"tick-{int(TEN) // 60}"
    told = active.account(cron(), books, [job(name, at=TEN, deleting=True), job("other")])
    assert books.active is None
    what = "Saw a job that the controller did not create or forgot"
    assert {message for _, _, message in told} == {f"{what}: {name}", f"{what}: other"}


def test_the_oldest_ended_jobs_go_each_kind_by_its_own_limit():
    jobs = [job(f"s{n}", "Complete", start=TEN + n) for n in range(4)]
    jobs += [
        job("f1", "Failed", start=TEN + 1),
        job("f0", "Failed", start=TEN),
        job("r"),
        job("n", "Failed", start=None),
    ]

    def surplus(**limits):
        return [each.metadata.name for each in history.surplus(cron(**limits), jobs)]

    assert surplus(successful_jobs_history_limit=3, failed_jobs_history_limit=1) == ["s0", "f0", "f1"]
    assert surplus(successful_jobs_history_limit=0) == ["s0", "s1", "s2", "s3"]
    assert surplus() == []
