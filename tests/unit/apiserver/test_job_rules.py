"""What is refused of Jobs and CronJobs, in upstream's words (kubernetes pkg/apis/batch/validation/validation_test.go)."""

import copy

import msgspec
import pytest

from podling.api.types import batch_v1
from podling.apiserver.defaults.batch_v1 import DEFAULTS
from podling.apiserver.validation import cron_job, job

LABELS = {
    "controller-uid": "u",
    "job-name": "work",
    "batch.kubernetes.io/controller-uid": "u",
    "batch.kubernetes.io/job-name": "work",
}
POD = {
    "restartPolicy": "Never",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "containers": [
        {"name": "c", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}
    ],
}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
INDEXED = {"completionMode": "Indexed", "completions": 4, "parallelism": 4}
SELECTOR = {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}


def made(*, name="work", status=None, pod=None, labels=None, **spec):
    template = copy.deepcopy(TEMPLATE)
    template["spec"].update(pod or {})
    template["metadata"]["labels"].update(labels or {})
    body = {
        "metadata": {"name": name, "uid": "u"},
        "spec": {"selector": SELECTOR, "template": template, **spec},
        "status": status or {},
    }
    found = msgspec.convert(body, batch_v1.Job)
    DEFAULTS["Job"](found)
    return found


def texts(faults):
    return [str(fault) for fault in faults]


def codes(*values, operator="In", **more):
    return {
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onExitCodes": {"operator": operator, "values": [*values], **more}}
            ]
        }
    }


def rule(**fields):
    return {"podFailurePolicy": {"rules": [fields]}}


def success(**fields):
    return {**INDEXED, "successPolicy": {"rules": [fields]}}


CONDITION = {"type": "DisruptionTarget", "status": "True"}
ACTIONS = '"Count", "FailIndex", "FailJob", "Ignore"'


@pytest.mark.parametrize(
    "spec",
    [
        {},
        INDEXED,
        {**INDEXED, "backoffLimitPerIndex": 1, "maxFailedIndexes": 4},
        codes(1, 2, 255),
        codes(0, operator="NotIn", containerName="c"),
        rule(action="Ignore", onPodConditions=[CONDITION]),
        {**INDEXED, "backoffLimitPerIndex": 1, **rule(action="FailIndex", onPodConditions=[CONDITION])},
        success(succeededCount=4),
        success(succeededIndexes="0-1,3", succeededCount=3),
        {"managedBy": "example.com/queue"},
        {"podReplacementPolicy": "Failed"},
    ],
)
def test_what_is_meant_to_be_accepted_is(spec):
    assert texts(job.create(made(**spec))) == []


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"),
        ({**INDEXED, "backoffLimitPerIndex": -1}, "spec.backoffLimitPerIndex: Invalid value: -1: must be greater than or equal to 0"),
        ({**INDEXED, "maxFailedIndexes": 1}, "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"),
        ({**INDEXED, "backoffLimitPerIndex": 1, "maxFailedIndexes": 5}, "spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions"),
        ({"completionMode": "Indexed", "parallelism": 1}, "spec.completions: Required value: when completion mode is Indexed"),
        ({**INDEXED, "parallelism": 100_001}, "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"),
        ({"completionMode": "Indexed", "completions": 100_001, "parallelism": 1, "backoffLimitPerIndex": 1}, "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000"),
        ({"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1}, "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index"),
        ({"completionMode": "Odd"}, 'spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"'),
        ({"managedBy": ""}, "spec.managedBy: Required value"),
        ({"managedBy": "queue"}, 'spec.managedBy: Invalid value: "queue": must be a domain-prefixed path (such as "acme.io/foo")'),
        ({"managedBy": "a.io/" + "x" * 59}, "spec.managedBy: Too long: may not be more than 63 bytes"),
        ({"podReplacementPolicy": "Never"}, 'spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"'),
        ({**codes(1), "podReplacementPolicy": "TerminatingOrFailed"}, 'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'),
        ({**codes(1), "pod": {"restartPolicy": "OnFailure"}}, 'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified'),
        (codes(0), "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"),
        (codes(2, 1), "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered"),
        (codes(1, 1), "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Duplicate value: 1"),
        (codes(), "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []: at least one value is required"),
        (codes(*range(1, 257)), "spec.podFailurePolicy.rules[0].onExitCodes.values: Too many: 256: must have at most 255 items"),
        (codes(1, operator=""), 'spec.podFailurePolicy.rules[0].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]'),
        (codes(1, containerName="x"), 'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template'),
        (rule(action="Stop", onPodConditions=[CONDITION]), f'spec.podFailurePolicy.rules[0].action: Unsupported value: "Stop": supported values: {ACTIONS}'),
        (rule(action="", onPodConditions=[CONDITION]), 'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'),
        (rule(action="FailIndex", onPodConditions=[CONDITION]), 'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set'),
        (rule(action="Ignore"), "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"),
        ({"successPolicy": {"rules": [{"succeededCount": 1}]}, "completionMode": "NonIndexed"}, None),
        ({**INDEXED, "successPolicy": {"rules": []}}, "spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified"),
        (success(), "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified"),
        (success(succeededCount=5), "spec.successPolicy.rules[0].succeededCount: Invalid value: 5: must be less than or equal to 4 (the number of specified completions)"),
        (success(succeededCount=3, succeededIndexes="0-1"), "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)"),
        (success(succeededIndexes="4"), 'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "4": error parsing succeededIndexes: too large index: "4"'),
        (success(succeededIndexes="2,1"), 'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "2,1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1'),
        (success(succeededIndexes="a"), 'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "a": error parsing succeededIndexes: cannot convert string to integer for index: "a"'),
        ({"name": "x" * 62, **INDEXED, "labels": {"job-name": "x" * 62, "batch.kubernetes.io/job-name": "x" * 62}}, f'metadata.name: Invalid value: "{"x" * 62}": will not able to create pod with invalid DNS label: {"x" * 62}-3'),
        ({"labels": {"job-name": "mine"}}, None),
    ],
)  # fmt: skip
def test_what_is_refused(spec, fault):
    found = texts(job.create(made(**spec)))
    if fault is None:
        (fault,) = found
        known = (
            "spec.successPolicy: Invalid value: ",
            "spec.template.metadata.labels[job-name]: Invalid value: ",
        )
        assert fault.startswith(known)
        assert fault.endswith(("requires indexed completion mode", "must be 'work'"))
    else:
        assert found == [fault]


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({"parallelism": 1}, {"parallelism": 5, "suspend": True, "backoffLimit": 9}, []),
        ({"completions": 2}, {"completions": 3}, ["spec.completions"]),
        (INDEXED, {**INDEXED, "completions": 6, "parallelism": 6}, []),
        (INDEXED, {**INDEXED, "completions": 6}, ["spec.completions"]),
        (INDEXED, {"completions": 4, "parallelism": 4}, ["spec.completionMode"]),
        ({}, codes(1), ["spec.podFailurePolicy"]),
        ({"managedBy": "a.io/b"}, {"managedBy": "a.io/c"}, ["spec.managedBy"]),
        (success(succeededCount=1), success(succeededCount=2), ["spec.successPolicy"]),
        ({}, {"pod": {"nodeSelector": {"a": "b"}}}, ["spec.template"]),
        ({"suspend": True}, {"pod": {"nodeSelector": {"a": "b"}}, "labels": {"l": "m"}}, []),
        ({"suspend": True}, {"pod": {"schedulingGates": [{"name": "a.io/g"}]}}, []),
        ({"suspend": True}, {"pod": {"hostNetwork": True}}, ["spec.template"]),
        ({"suspend": True, "status": {"active": 1}}, {"pod": {"nodeSelector": {"a": "b"}}}, ["spec.template"]),
    ],
)  # fmt: skip
def test_what_may_change(before, after, fields):
    found = [fault.field for fault in job.update(made(**after), made(**before))]
    assert found == fields


def met(*types):
    return [{"type": type, "status": "True"} for type in types]


START, END = "2024-05-01T10:00:00Z", "2024-05-01T11:00:00Z"
DONE = {
    "startTime": START,
    "completionTime": END,
    "succeeded": 1,
    "conditions": met("SuccessCriteriaMet", "Complete"),
}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"active": 1, "startTime": START}, None),
        ({"startTime": START}, DONE, None),
        ({"conditions": met("FailureTarget")}, {}, "cannot disable the terminal FailureTarget=True condition"),
        ({"conditions": met("SuccessCriteriaMet")}, {}, "cannot disable the SuccessCriteriaMet=True condition"),
        ({"startTime": START}, {**DONE, "conditions": met("Complete")}, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"),
        ({"startTime": START}, {"startTime": START, "conditions": met("Failed")}, "cannot set Failed=True condition without the FailureTarget=true condition"),
        ({"startTime": START}, {"startTime": START, "conditions": met("FailureTarget", "SuccessCriteriaMet")}, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
        ({"startTime": START}, {**DONE, "active": 1}, "active>0 is invalid for finished job"),
        ({"startTime": START}, {**DONE, "terminating": 1}, "terminating>0 is invalid for finished job"),
        ({"startTime": START}, {**DONE, "completionTime": None}, "completionTime is required for Complete jobs"),
        ({"startTime": START}, {**DONE, "uncountedTerminatedPods": {"succeeded": ["x"]}}, "uncountedTerminatedPods needs to be empty for finished job"),
        ({}, {**DONE, "startTime": None}, "startTime is required for finished job"),
        ({"startTime": END}, {**DONE, "startTime": END, "completionTime": START}, "completionTime cannot be set before startTime"),
        (DONE, {**DONE, "completionTime": "2024-05-01T12:00:00Z"}, "completionTime cannot be mutated"),
        ({"startTime": START}, {}, "startTime cannot be removed for unsuspended job"),
        ({"failed": 2}, {"failed": 1}, "cannot decrease the failed counter"),
        ({"succeeded": 2}, {"succeeded": 1}, "cannot decrease the succeeded counter"),
        ({}, {"ready": 1}, "cannot set more ready pods than active"),
        ({}, {"completedIndexes": "0"}, "cannot set non-empty completedIndexes when non-indexed completion mode"),
        ({}, {"failedIndexes": ""}, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"),
        ({}, {"uncountedTerminatedPods": {"failed": [""]}}, "must not be empty"),
        ({}, {"terminating": -1}, "must be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_steps_of_a_status(before, after, why):
    found = [fault.detail for fault in job.update_status(made(status=after), made(status=before))]
    assert found == ([why] if why else [])


def test_indexes_of_a_status():
    spec = {**INDEXED, "backoffLimitPerIndex": 1}
    faults = job.update_status(
        made(status={"completedIndexes": "0-2", "failedIndexes": "2,9"}, **spec), made(**spec)
    )
    assert texts(faults) == [
        'status.failedIndexes: Invalid value: "2,9": error parsing failedIndexes: too large index: "9"',
        'status.failedIndexes: Invalid value: "2,9": failedIndexes and completedIndexes overlap at index: 2',
    ]


def cron(name="tick", template=None, **spec):
    body = {
        "metadata": {"name": name},
        "spec": {
            "schedule": "* * * * *",
            "jobTemplate": {"spec": {"template": TEMPLATE, **(template or {})}},
            **spec,
        },
    }
    found = msgspec.convert(body, batch_v1.CronJob)
    DEFAULTS["CronJob"](found)
    return found


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"schedule": "@hourly", "timeZone": "Europe/Berlin"}, None),
        ({"timeZone": "Etc/GMT+5"}, None),
        ({"schedule": ""}, "spec.schedule: Required value"),
        ({"schedule": "61 * * * *"}, 'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'),
        ({"schedule": "TZ=UTC * * * * *"}, 'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'),
        ({"timeZone": ""}, 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'),
        ({"timeZone": "../etc"}, 'spec.timeZone: Invalid value: "../etc": unknown time zone ../etc'),
        ({"timeZone": "Europe/Atlantis"}, 'spec.timeZone: Invalid value: "Europe/Atlantis": unknown time zone Europe/Atlantis'),
        ({"timeZone": "Continental/Very-Long-Name-Indeed"}, 'spec.timeZone: Invalid value: "Continental/Very-Long-Name-Indeed": unknown time zone Continental/Very-Long-Name-Indeed'),
        ({"concurrencyPolicy": "Wait"}, 'spec.concurrencyPolicy: Unsupported value: "Wait": supported values: "Allow", "Forbid", "Replace"'),
        ({"startingDeadlineSeconds": -1}, "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"),
        ({"failedJobsHistoryLimit": -1}, "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0"),
        ({"name": "x" * 53}, f'metadata.name: Invalid value: "{"x" * 53}": must be no more than 52 characters'),
        ({"template": {"manualSelector": True}}, 'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"'),
    ],
)  # fmt: skip
def test_cron_jobs(spec, fault):
    assert texts(cron_job.create(cron(**spec))) == ([fault] if fault else [])


def test_local_is_no_time_zone():
    first, *_ = texts(cron_job.create(cron(timeZone="Local")))
    where = "https://www.iana.org/time-zones"
    assert (
        first
        == f'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in {where}'
    )


def test_a_zone_in_the_schedule_may_stay_but_not_beside_one_in_its_own_field():
    old = cron(schedule="TZ=UTC 0 * * * *")
    assert texts(cron_job.update(cron(schedule="TZ=UTC 5 * * * *"), old)) == []
    both = texts(cron_job.update(cron(schedule="TZ=UTC 5 * * * *", timeZone="UTC"), old))
    assert both == [
        'spec.schedule: Invalid value: "TZ=UTC 5 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule'
    ]
    assert texts(cron_job.update(cron("x" * 53), cron("x" * 53))) == []
