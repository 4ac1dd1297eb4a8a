"""The newest kubectl, unmodified, through the day of a Pod on real containers."""

from __future__ import annotations

import ipaddress
import json
import re

import pytest
from tour_world import MYAPP

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]


@pytest.fixture
def myapp(kubectl):
    """The tutorial's Pod, Ready."""
    assert "pod/myapp-pod created" in kubectl("apply", "-f", MYAPP)
    assert "pod/myapp-pod condition met" in kubectl("wait", "--for=condition=Ready", "pod/myapp-pod")
    yield "myapp-pod"
    kubectl.remove("myapp-pod")


def document(kubectl, name):
    return json.loads(kubectl("get", "pod", name, "-o", "json"))


def test_apply_and_get_wide(kubectl, myapp, cluster):
    assert "pod/myapp-pod unchanged" in kubectl("apply", "-f", MYAPP)
    head, row = kubectl("get", "pods", "-o", "wide").splitlines()
    assert head.split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    name, ready, status, restarts, _, address, node = row.split()[:7]
    assert (name, ready, status, restarts, node) == (myapp, "1/1", "Running", "0", cluster.name)
    assert ipaddress.ip_address(address).is_private


def test_describe_tells_the_whole_story(kubectl, myapp):
    said = kubectl("describe", "pod", myapp)
    pod = document(kubectl, myapp)
    for expected in (
        r"^Name: +myapp-pod$",
        r"^Labels: +app=myapp$",
        r"^Status: +Running$",
        rf"^IP: +{pod['status']['podIP']}$",
        r"^    Image: +busybox$",
        r"^    Container ID: +\S+://[0-9a-f]{64}$",
        r"^    State: +Running$",
        r"^    Restart Count: +0$",
        r"^  Ready +True",
        r"^QoS Class: +BestEffort$",
        r"Scheduled .*Successfully assigned default/myapp-pod to",
        r"Started .*Started container myapp-container|Started .*Container started",
    ):
        assert re.search(expected, said, re.MULTILINE), f"{expected} is missing in\n{said}"
    events = kubectl("get", "events", "--field-selector", f"involvedObject.uid={pod['metadata']['uid']}")
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        assert re.search(rf"Normal +{reason} +pod/myapp-pod", events), events


def test_logs_follow_until_the_pod_is_deleted(kubectl, myapp):
    assert kubectl("logs", myapp) == "Hello Kubernetes!\n"
    with kubectl.following("logs", "-f", "--timestamps", myapp) as screen:
        screen.wait_for(r"^\d{4}-\d\d-\d\dT\S+ Hello Kubernetes!$")
        kubectl("delete", "pod", myapp, "--now")
        assert screen.wait_end() == 0


def test_exec_on_a_terminal(kubectl, myapp):
    with kubectl.at_terminal("exec", "-it", myapp, "--", "sh") as screen:
        screen.wait_for(r"/ # ")
        screen.type("tty; stty size; hostname\n")
        screen.wait_for(r"^/dev/pts/\d+\r$")
        screen.wait_for(r"^33 101\r$")
        screen.wait_for(r"^myapp-pod\r$")
        screen.type("exit 7\n")
        assert screen.wait_end() == 7
    assert "command terminated with exit code 7" in screen.text


def test_exec_carries_both_streams_and_the_exit_code(kubectl, myapp):
    done = kubectl.run(
        "exec", "-i", myapp, "--", "sh", "-c", "cat; echo bad >&2; exit 3", input="a line\n" * 9000
    )
    assert (done.returncode, done.stdout) == (3, "a line\n" * 9000)
    assert done.stderr == "bad\ncommand terminated with exit code 3\n"
    assert "not found" in kubectl("exec", myapp, "--", "no-such-program", code=1)
    assert "container nope is not valid for pod" in kubectl("exec", myapp, "-c", "nope", "--", "true", code=1)


def test_watching_pods_come_and_go(kubectl):
    with kubectl.following("get", "pods", "-w", "-l", "app=myapp") as screen:
        kubectl("apply", "-f", MYAPP)
        screen.wait_for(r"^NAME +READY +STATUS +RESTARTS +AGE$")
        screen.wait_for(r"^myapp-pod +0/1 +Pending +0")
        screen.wait_for(r"^myapp-pod +1/1 +Running +0")
        kubectl("delete", "pod", "myapp-pod", "--now", "--wait=false")
        screen.wait_for(r"^myapp-pod +1/1 +Terminating +0")
        kubectl("wait", "--for=delete", "pod/myapp-pod")
    assert 'pods "myapp-pod" not found' in kubectl("get", "pod", "myapp-pod", code=1)


def test_label_annotate_and_patch(kubectl, myapp):
    assert "labeled" in kubectl("label", "pod", myapp, "tier=front", "app-")
    assert "annotated" in kubectl("annotate", "pod", myapp, "note=a b")
    strategic = '{"spec":{"containers":[{"name":"myapp-container","image":"busybox:latest"}]}}'
    assert "patched" in kubectl("patch", "pod", myapp, "-p", strategic)
    merge = '{"metadata":{"labels":{"tier":"back"}}}'
    assert "patched" in kubectl("patch", "pod", myapp, "--type=merge", "-p", merge)
    steps = '[{"op":"add","path":"/metadata/labels/step","value":"one"}]'
    assert "patched" in kubectl("patch", "pod", myapp, "--type=json", "-p", steps)
    pod = document(kubectl, myapp)
    assert pod["metadata"]["labels"] == {"tier": "back", "step": "one"}
    assert pod["metadata"]["annotations"]["note"] == "a b"
    [container] = pod["spec"]["containers"]
    assert container["image"] == "busybox:latest"
    assert container["command"][0] == "sh"
    refused = kubectl("patch", "pod", myapp, "-p", '{"spec":{"nodeName":"elsewhere"}}', code=1)
    assert "pod updates may not change fields other than" in refused


def test_edit_and_replace(kubectl, myapp):
    text = kubectl("get", "pod", myapp, "-o", "yaml")
    assert "\n  - command:\n    - sh\n    - -c\n    - echo Hello Kubernetes! && sleep 3600\n" in text
    changed = text.replace("app: myapp", "app: replaced", 2)
    assert "pod/myapp-pod replaced" in kubectl("replace", "-f", "-", input=changed)
    stale = kubectl("replace", "-f", "-", input=text, code=1)
    assert "the object has been modified; please apply your changes to the latest version" in stale
    editor = {"KUBE_EDITOR": "sed -i 's/app: replaced/app: edited/'"}
    assert "pod/myapp-pod edited" in kubectl("edit", "pod", myapp, env=editor)
    assert document(kubectl, myapp)["metadata"]["labels"] == {"app": "edited"}


def test_diff_shows_what_apply_would_change(kubectl, myapp, tmp_path):
    assert kubectl("diff", "-f", MYAPP) == ""
    wanted = tmp_path / "wanted.yaml"
    with open(MYAPP) as file:
        wanted.write_text(file.read().replace("app: myapp", "app: other"))
    said = kubectl("diff", "-f", str(wanted), code=1)
    assert re.search(r"^-    app: myapp$", said, re.MULTILINE)
    assert re.search(r"^\+    app: other$", said, re.MULTILINE)
    assert document(kubectl, myapp)["metadata"]["labels"] == {"app": "myapp"}


def test_cp_both_ways(kubectl, myapp, tmp_path):
    there = tmp_path / "there"
    (there / "deep").mkdir(parents=True)
    (there / "deep" / "bytes").write_bytes(bytes(range(256)) * 4000)
    (there / "text").write_text("grüße\n")
    kubectl("cp", str(there), f"{myapp}:/tmp/copied")
    assert kubectl("exec", myapp, "--", "cat", "/tmp/copied/text") == "grüße\n"
    back = tmp_path / "back"
    kubectl("cp", f"{myapp}:/tmp/copied", str(back))
    assert (back / "deep" / "bytes").read_bytes() == bytes(range(256)) * 4000
    kubectl("cp", f"{myapp}:/tmp/copied/text", str(tmp_path / "one"))
    assert (tmp_path / "one").read_text() == "grüße\n"


def test_what_there_is_and_what_it_means(kubectl):
    resources = kubectl("api-resources")
    assert re.search(r"^pods +po +v1 +true +Pod$", resources, re.MULTILINE)
    assert re.search(r"^deployments +deploy +apps/v1 +true +Deployment$", resources, re.MULTILINE)
    explained = kubectl("explain", "pod.spec")
    assert re.search(r"^KIND: +Pod$", explained, re.MULTILINE)
    assert re.search(r"^  containers\t<\[\]Container> -required-$", explained, re.MULTILINE)


def test_bad_input_is_refused_in_kubernetes_words(kubectl, tmp_path):
    with open(MYAPP) as file:
        good = file.read()
    empty = kubectl("apply", "-f", "-", input=good.replace("image: busybox", "image: ''"), code=1)
    assert 'The Pod "myapp-pod" is invalid: spec.containers[0].image: Required value' in empty
    typo = kubectl("apply", "-f", "-", input=good.replace("image:", "imagine:"), code=1)
    assert 'strict decoding error: unknown field "spec.containers[0].imagine"' in typo
    broken = tmp_path / "broken.yaml"
    broken.write_text(good + "  bad: [\n")
    assert "error parsing" in kubectl("apply", "-f", str(broken), code=1)
    assert 'pods "nope" not found' in kubectl("logs", "nope", code=1)


def test_run_and_wait_for_the_end(kubectl):
    said = kubectl(
        "run",
        "once",
        "--image=busybox",
        "--restart=Never",
        "--attach=false",
        "--",
        "sh",
        "-c",
        "echo out; exit 4",
    )
    assert "pod/once created" in said
    kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/once")
    [status] = document(kubectl, "once")["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 4
    assert kubectl("logs", "once") == "out\n"
    kubectl.remove("once")
