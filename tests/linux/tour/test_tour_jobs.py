"""Jobs and a CronJob on real containers: exit codes, indexes, sidecars, suspension, and what is left afterwards."""

from __future__ import annotations

import json
import time

import pytest
from tour_world import Kubectl, installed

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
SPACE = "jobs"
TICK = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "tick"},
    "spec": {
        "schedule": "* * * * *",
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {
                        "restartPolicy": "OnFailure",
                        "containers": [
                            {"name": "tick", "image": "busybox", "command": ["echo", "it is time"]}
                        ],
                    }
                }
            }
        },
    },
}


@pytest.fixture(scope="module")
def jobs(cluster):
    """A namespace in which a CronJob ticks from the beginning, so that a minute passes beside the other tests."""
    programs = installed()
    if not programs:
        pytest.skip("no kubectl on this machine: Jobs on real containers did NOT run")
    kubectl = Kubectl(list(programs.values())[-1], cluster)
    kubectl("create", "namespace", SPACE)
    kubectl("apply", "-n", SPACE, "-f", "-", input=json.dumps(TICK))
    yield Jobs(kubectl)
    kubectl("delete", "namespace", SPACE, "--wait")


class Jobs:
    def __init__(self, kubectl):
        self.kubectl = kubectl

    def __call__(self, *words, **how):
        return self.kubectl(*words, "-n", SPACE, **how)

    def make(self, name, script, *, restart="Never", pod=None, container=None, **spec):
        main = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **(container or {})}
        body = {"restartPolicy": restart, "terminationGracePeriodSeconds": 1, "containers": [main]}
        template = {"spec": {**body, **(pod or {})}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        self("create", "-f", "-", input=json.dumps({**job, "spec": {"template": template, **spec}}))

    def wait(self, name, condition):
        self("wait", f"job/{name}", f"--for=condition={condition}", "--timeout=50s")
        return self.status(name)

    def status(self, name):
        return json.loads(self("get", "job", name, "-o", "json"))["status"]

    def pods(self, name):
        return json.loads(self("get", "pods", "-l", f"job-name={name}", "-o", "json"))["items"]

    def until(self, what, seconds=30.0):
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end
            time.sleep(0.2)
        return found


def test_a_job_completes_and_its_logs_stay(jobs):
    jobs.make("hello", "echo done by $HOSTNAME", completions=3, parallelism=2)
    status = jobs.wait("hello", "Complete")
    assert (status["succeeded"], status.get("failed"), status["ready"]) == (3, None, 0)
    pods = jobs.pods("hello")
    assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}
    assert not any(pod["metadata"].get("finalizers") for pod in pods)
    assert "done by hello-" in jobs("logs", "job/hello")


def test_a_job_that_fails_again_and_again_gives_up(jobs):
    jobs.make("broken", "exit 3", backoffLimit=1)
    status = jobs.wait("broken", "Failed")
    (failed,) = [each for each in status["conditions"] if each["type"] == "Failed"]
    why = "Job has reached the specified backoff limit"
    assert (failed["reason"], failed["message"]) == ("BackoffLimitExceeded", why)
    assert status["failed"] == 2
    codes = [
        pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        for pod in jobs.pods("broken")
    ]
    assert codes == [3, 3]


def test_a_container_that_is_started_anew_in_place_may_yet_succeed(jobs):
    again = "test -e /seen/once && exit 0; touch /seen/once; exit 1"
    mount = {"volumeMounts": [{"name": "seen", "mountPath": "/seen"}]}
    volumes = {"volumes": [{"name": "seen", "emptyDir": {}}]}
    jobs.make("twice", again, restart="OnFailure", container=mount, pod=volumes)
    assert jobs.wait("twice", "Complete")["succeeded"] == 1
    (pod,) = jobs.pods("twice")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1


def test_each_index_knows_its_number_and_has_its_hostname(jobs):
    indexed = {"completionMode": "Indexed", "completions": 3, "parallelism": 3}
    jobs.make("fan", 'echo "$JOB_COMPLETION_INDEX on $(hostname)"', **indexed)
    assert jobs.wait("fan", "Complete")["completedIndexes"] == "0-2"
    assert sorted(jobs("logs", "-l", "job-name=fan").splitlines()) == [f"{n} on fan-{n}" for n in range(3)]


def test_one_exit_code_ends_the_job_without_another_try(jobs):
    fatal = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}
    jobs.make("fatal", "exit 42", backoffLimit=6, podFailurePolicy={"rules": [fatal]})
    status = jobs.wait("fatal", "Failed")
    (failed,) = [each for each in status["conditions"] if each["type"] == "Failed"]
    assert failed["reason"] == "PodFailurePolicy"
    assert "failed with exit code 42 matching FailJob rule at index 0" in failed["message"]
    assert status["failed"] == 1


def test_a_suspended_job_has_no_pods_until_it_is_resumed(jobs):
    jobs.make("later", "sleep 1", suspend=True)
    jobs.wait("later", "Suspended")
    assert jobs.pods("later") == []
    jobs("patch", "job/later", "-p", '{"spec": {"suspend": false}}')
    status = jobs.wait("later", "Complete")
    (suspended,) = [each for each in status["conditions"] if each["type"] == "Suspended"]
    assert (suspended["status"], suspended["reason"]) == ("False", "JobResumed")


def test_suspending_a_job_that_runs_takes_its_pods_away(jobs):
    jobs.make("pause", "sleep 600")
    jobs.until(lambda: jobs.status("pause").get("ready"))
    jobs("patch", "job/pause", "-p", '{"spec": {"suspend": true}}')
    jobs.until(lambda: not jobs.pods("pause"))
    assert not jobs.wait("pause", "Suspended").get("failed")


def test_a_sidecar_does_not_keep_a_job_from_ending(jobs):
    sidecar = {
        "name": "beside",
        "image": "busybox",
        "restartPolicy": "Always",
        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
    }
    jobs.make("accompanied", "echo work", pod={"initContainers": [sidecar]})
    assert jobs.wait("accompanied", "Complete")["succeeded"] == 1

    def beside():
        (pod,) = jobs.pods("accompanied")
        return pod["status"]["initContainerStatuses"][0]["state"].get("terminated")

    assert jobs.until(beside)["exitCode"] == 0


def test_a_job_goes_with_its_pods_when_its_time_after_the_end_is_over(jobs):
    jobs.make("brief", "true", ttlSecondsAfterFinished=1)
    jobs("wait", "job/brief", "--for=delete", "--timeout=50s")
    jobs.until(lambda: not jobs.pods("brief"))


def test_a_cron_job_has_made_its_job_by_now_and_one_is_made_by_hand(jobs):
    jobs("create", "job", "by-hand", "--from=cronjob/tick")
    jobs.wait("by-hand", "Complete")
    assert jobs("logs", "job/by-hand") == "it is time\n"

    def ticked():
        listed = json.loads(jobs("get", "jobs", "-o", "json"))["items"]
        ours = [job for job in listed if job["metadata"]["name"].startswith("tick-")]
        return [job for job in ours if job["status"].get("succeeded")]

    (first, *_) = jobs.until(ticked, 75)
    assert first["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    assert json.loads(jobs("get", "cronjob", "tick", "-o", "json"))["status"]["lastScheduleTime"]
    assert jobs("logs", f"job/{first['metadata']['name']}") == "it is time\n"
