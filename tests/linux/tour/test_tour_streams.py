"""attach by unmodified kubectl: the streams of a container's own process, over WebSocket and SPDY."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest
from tour_world import LIMIT

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
SWITCHES = ("true", "false")
"""Of `KUBECTL_REMOTE_COMMAND_WEBSOCKETS`: WebSocket or SPDY."""


@pytest.fixture(params=SWITCHES, ids=["websocket", "spdy"])
def either(request, kubectl):
    """kubectl over one of the two protocols."""
    kubectl.environment["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = request.param
    return kubectl


@pytest.fixture
def start(kubectl):
    """Start a Pod whose one container runs a script; removed at the end."""
    made = []

    def create(name, script, **container):
        main = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **container}
        spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [main]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        made.append(name)
        kubectl("create", "-f", "-", input=json.dumps(pod))
        kubectl("wait", "--for=condition=Ready", f"pod/{name}")
        return name

    yield create
    if made:
        kubectl.remove(*made)


def test_run_attached_ends_with_the_command(either):
    words = ("run", "once", "-i", "--rm", "--restart=Never", "--image=busybox", "--")
    done = either.run(*words, "sh", "-c", "cat; echo bad >&2; exit 3", input="a line\n" * 5000)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("a line\n") == 5000
    assert "bad\n" in done.stdout + done.stderr
    assert 'pods "once" not found' in either("get", "pod", "once", code=1)


def test_run_on_a_terminal(either):
    words = ("run", "shell", "-it", "--rm", "--restart=Never", "--image=busybox", "--", "sh")
    with either.at_terminal(*words) as screen:
        screen.wait_for(r"/ # |try pressing enter")
        screen.type("until stty size | grep 33; do :; done; tty\n")
        screen.wait_for(r"^33 101\r$")
        screen.wait_for(r"^/dev/pts/0\r$|^/dev/console\r$")
        screen.type("exit 7\n")
        assert screen.wait_end() == 7
    assert 'pods "shell" not found' in either("get", "pod", "shell", code=1)


def test_attach_shows_what_is_written_from_now_on_and_ends_with_the_container(either, start):
    pod = start("talk", "read go; echo out; echo err >&2; exit 5", stdin=True, stdinOnce=True)
    done = either.run("attach", "-i", pod, input="go\n")
    assert (done.returncode, "out\n" in done.stdout, "err\n" in done.stderr) == (0, True, True), done


def test_much_output_arrives_whole(either, start):
    size = 20_000_000
    pod = start("much", f"read go; yes 0123456789abcdef | head -c {size}", stdin=True, stdinOnce=True)
    done = subprocess.run(
        [either.program, "attach", "-i", "-q", pod],
        input=b"go\n",
        capture_output=True,
        timeout=LIMIT,
        env=either.environment,
        check=True,
    )
    line = b"0123456789abcdef\n"
    whole = (line * (size // len(line) + 1))[:size]
    assert len(done.stdout) == size
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(whole).digest()


def test_much_input_arrives_whole_where_it_is_read_slowly(either, start):
    """More than any of the parts on the way may hold: each of them has to stop reading and to go on."""
    pod = start("reads", "sleep 1000")
    sent = "0123456789abcdef\n" * 1_000_000
    read = "sleep 1; sha256sum"
    done = either.run("exec", "-i", pod, "--", "sh", "-c", read, input=sent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == hashlib.sha256(sent.encode()).hexdigest()


def test_who_leaves_an_attach_leaves_the_container_running(either, start):
    pod = start("stays", "while read word; do echo got $word; done", stdin=True)
    for word in ("one", "two"):
        with either.at_terminal("attach", "-i", pod) as screen:
            screen.type(f"{word}\n")
            screen.wait_for(f"got {word}")
            screen.interrupt()
            screen.wait_end()
    assert json.loads(either("get", "pod", pod, "-o", "json"))["status"]["phase"] == "Running"


def test_attach_that_cannot_be_says_why(kubectl, start):
    pod = start("plain", "sleep 1000")
    assert "container nope not found in pod plain" in kubectl("attach", pod, "-c", "nope", code=1)
    assert 'pods "none" not found' in kubectl("attach", "none", code=1)
