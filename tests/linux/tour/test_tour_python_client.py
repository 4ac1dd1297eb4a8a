"""The official Python client on a real cluster: create, watch, exec, delete."""

from __future__ import annotations

from contextlib import closing, contextmanager

import pytest
import yaml
from kubernetes import client, config, stream, watch
from tour_world import LIMIT, MYAPP

pytestmark = pytest.mark.linux
NAMESPACE = "default"


@pytest.fixture
def core(cluster):
    api = config.new_client_from_config(str(cluster.kubeconfig))
    yield client.CoreV1Api(api)
    api.rest_client.pool_manager.clear()
    api.close()


def follow(core, name, until, *, since=None):
    """Watch one Pod until something is true of its event; all events so far as (type, phase)."""
    seen = []
    more = {"resource_version": since} if since else {}
    stream_of = watch.Watch().stream(
        core.list_namespaced_pod,
        NAMESPACE,
        field_selector=f"metadata.name={name}",
        timeout_seconds=int(LIMIT),
        **more,
    )
    with closing(stream_of):
        for event in stream_of:
            seen.append((event["type"], event["object"].status.phase))
            if until(event):
                return seen
    raise AssertionError(f"the watch ended after {seen}")


def is_ready(event):
    conditions = event["object"].status.conditions or []
    return any(one.type == "Ready" and one.status == "True" for one in conditions)


@contextmanager
def session(core, *command, name, stdin=False):
    """An exec session. The client leaves the socket of one that has ended open, so it is closed by hand."""
    opened = stream.stream(
        core.connect_get_namespaced_pod_exec,
        name,
        NAMESPACE,
        command=list(command),
        stderr=True,
        stdout=True,
        stdin=stdin,
        tty=False,
        _preload_content=False,
    )
    try:
        yield opened
    finally:
        opened.close()
        opened.sock.shutdown()


def test_a_pod_from_creation_to_deletion(core):
    with open(MYAPP) as file:
        manifest = yaml.safe_load(file)
    manifest["metadata"]["name"] = name = "from-python"
    manifest["spec"]["terminationGracePeriodSeconds"] = 1
    created = core.create_namespaced_pod(NAMESPACE, manifest)
    assert created.metadata.uid
    seen = follow(core, name, is_ready)
    assert seen[0] == ("ADDED", "Pending")
    assert seen[-1] == ("MODIFIED", "Running")

    assert core.read_namespaced_pod_log(name, NAMESPACE) == "Hello Kubernetes!\n"
    check_sessions(core, name)

    patched = core.patch_namespaced_pod(name, NAMESPACE, {"metadata": {"labels": {"app": "changed"}}})
    assert patched.metadata.labels == {"app": "changed"}
    found = core.list_namespaced_pod(NAMESPACE, label_selector="app=changed").items
    assert [(pod.metadata.name, pod.status.phase) for pod in found] == [(name, "Running")]

    core.delete_namespaced_pod(name, NAMESPACE)
    since = patched.metadata.resource_version
    assert follow(core, name, lambda event: event["type"] == "DELETED", since=since)
    with pytest.raises(client.ApiException) as gone:
        core.read_namespaced_pod(name, NAMESPACE)
    assert gone.value.status == 404


def check_sessions(core, name):
    with session(core, "sh", "-c", "echo $HOSTNAME; echo bad >&2", name=name) as heard:
        heard.run_forever(timeout=LIMIT)
        assert (heard.read_stdout(), heard.read_stderr()) == (f"{name}\n", "bad\n")
        assert heard.returncode == 0
    with session(core, "sh", "-c", "read line; echo got $line; exit 3", name=name, stdin=True) as talked:
        talked.write_stdin("a word\n")
        talked.run_forever(timeout=LIMIT)
        assert talked.read_stdout() == "got a word\n"
        assert talked.returncode == 3


def test_errors_are_status_objects(core):
    with pytest.raises(client.ApiException) as refused:
        core.create_namespaced_pod(NAMESPACE, {"metadata": {"name": "Bad_Name"}, "spec": {"containers": []}})
    assert (refused.value.status, refused.value.reason) == (422, "Unprocessable Entity")
    assert '"field":"spec.containers"' in refused.value.body.replace(": ", ":")
    with pytest.raises(client.ApiException) as missing:
        core.delete_namespaced_pod("nope", NAMESPACE)
    assert missing.value.status == 404
