"""Every kubectl of this machine through the short way of a Pod: whatever version a user has, it works."""

from __future__ import annotations

import re

import pytest
from tour_world import MYAPP, Kubectl, installed

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
SUPPORTED = range(27, 34)
FIRST_WITH_WEBSOCKETS = 29
"""Older versions exec over SPDY only; newer ones do when they are told to."""

FIRST_WITH_WHOAMI = 28
"""1.27 asks for versions of SelfSubjectReview that Kubernetes 1.37 does not serve either."""


@pytest.fixture(params=SUPPORTED, ids=lambda minor: f"1.{minor}")
def version(request, cluster):
    programs = installed()
    if request.param not in programs:
        pytest.skip(f"no kubectl 1.{request.param} on this machine: it was NOT tested")
    return request.param, Kubectl(programs[request.param], cluster)


def test_the_short_way(version):
    minor, kubectl = version
    assert f"v1.{minor}." in kubectl("version", "--client")
    assert "pod/myapp-pod created" in kubectl("apply", "-f", MYAPP)
    try:
        assert "pod/myapp-pod condition met" in kubectl("wait", "--for=condition=Ready", "pod/myapp-pod")
        assert "pod/myapp-pod unchanged" in kubectl("apply", "-f", MYAPP)
        assert re.search(r"^myapp-pod +1/1 +Running +0 ", kubectl("get", "pods"), re.MULTILINE)
        assert kubectl("logs", "myapp-pod") == "Hello Kubernetes!\n"
        assert "Started" in kubectl("describe", "pod", "myapp-pod")
        check_exec(minor, kubectl)
    finally:
        kubectl.remove("myapp-pod")
    assert 'pods "myapp-pod" not found' in kubectl("get", "pod", "myapp-pod", code=1)


def check_exec(minor, kubectl):
    words = ("exec", "-i", "myapp-pod", "--", "sh", "-c", "cat; echo bad >&2; exit 5")
    for switch in ("false", "true") if minor >= FIRST_WITH_WEBSOCKETS else ("false",):
        env = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": switch}
        done = kubectl.run(*words, input="a line\n" * 20000, env=env)
        assert (done.returncode, len(done.stdout)) == (5, 140000), done.stderr
        assert done.stderr == "bad\ncommand terminated with exit code 5\n"
    with kubectl.at_terminal("exec", "-it", "myapp-pod", "--", "sh") as screen:
        screen.wait_for(r"/ # ")
        screen.type("stty size\n")
        screen.wait_for(r"^33 101\r$")
        screen.type("exit 7\n")
        assert screen.wait_end() == 7


def test_explanations_and_typed_commands(version):
    minor, kubectl = version
    assert re.search(
        r"^  containers\t<\[\]Container> -required-$", kubectl("explain", "pod.spec"), re.MULTILINE
    )
    if minor >= FIRST_WITH_WHOAMI:
        assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert "configmap/typed created" in kubectl("create", "configmap", "typed", "--from-literal=a=b")
    assert kubectl("get", "configmap", "typed", "-o", "jsonpath={.data.a}") == "b"
    assert 'configmap "typed" deleted' in kubectl("delete", "configmap", "typed")
    assert kubectl("create", "token", "default").count(".") == 2


def test_a_typo_is_refused(version):
    _, kubectl = version
    with open(MYAPP) as file:
        typo = file.read().replace("image:", "imagine:")
    said = kubectl("apply", "-f", "-", input=typo, code=1)
    assert 'unknown field "spec.containers[0].imagine"' in said
