"""What requests become in CRI's words, what its answers mean, and who is whose: without any runtime."""

import json
from dataclasses import replace

import pytest

from podling.runtime.cri import cniplugin, codec, containers, execs, reports, requests, status, streaming
from podling.runtime.cri.config import socket_of
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerState,
    IdMapping,
    Mount,
    NamespaceMode,
    NamespaceOptions,
    Resources,
    SandboxConfig,
    SecurityContext,
    StartFault,
    Unavailable,
    Unsupported,
)

POD = SandboxConfig(
    name="p", namespace="n", uid="u", labels={"app": "p"}, annotations={"note": "x"}, log_directory="/l"
)
CREATED, RUNNING, EXITED = ContainerState.CREATED, ContainerState.RUNNING, ContainerState.EXITED


def pod_message(config=POD, features=requests.Features()):  # noqa: B008
    facts = requests.SandboxFacts.of(config, cgroup="pod-u", parent="/x/pod-u", handler="h")
    return requests.sandbox_config(config, owner="me", facts=facts, features=features)


def container_message(config, features=requests.Features(), **kept):  # noqa: B008
    facts = requests.SandboxFacts(**kept)
    return requests.container_config(config, owner="me", kept=facts, features=features)


def test_a_sandbox_comes_back_as_it_was_asked_for_without_what_is_kept_with_it():
    asked = codec.decode("PodSandboxConfig", codec.encode("PodSandboxConfig", pod_message()))
    listed = {"id": "s", "state": "SANDBOX_READY", "created_at": 5} | {
        key: asked[key] for key in ("metadata", "labels", "annotations")
    }
    seen = reports.sandbox(listed, {"network": {"ip": "10.0.0.1", "additional_ips": [{"ip": "fd::1"}]}})
    assert (seen.name, seen.namespace, seen.uid, seen.labels, seen.annotations) == (
        "p", "n", "u", {"app": "p"}, {"note": "x"},
    )  # fmt: skip
    assert seen.ips == ("10.0.0.1", "fd::1")
    kept = reports.facts(asked["annotations"])
    again = requests.sandbox_again(seen, kept)
    assert again["linux"]["cgroup_parent"] == asked["linux"]["cgroup_parent"] == "/x/pod-u"
    assert again["metadata"] == asked["metadata"]
    assert (kept.log_directory, kept.cgroup, kept.handler) == ("/l", "pod-u", "h")
    assert asked["labels"][requests.OWNER] == "me"


def test_a_sandbox_that_is_not_ready_has_no_address():
    listed = {"id": "s", "metadata": {"name": "", "namespace": "", "uid": "", "attempt": 0}, "created_at": 0}
    listed |= {"state": "SANDBOX_NOTREADY", "labels": {}, "annotations": {}}
    assert reports.sandbox(listed, {"network": {"ip": "10.0.0.1"}}, netns="/x").ips == ()


def test_a_container_shares_what_its_sandbox_shares():
    pod = replace(POD, namespaces=NamespaceOptions(network=NamespaceMode.NODE, pid=NamespaceMode.POD))
    kept = requests.SandboxFacts.of(pod, cgroup="", parent="", handler="")
    made = requests.container_config(
        ContainerConfig(name="c", image="i"), owner="me", kept=kept, features=requests.Features()
    )
    spaces = made["linux"]["security_context"]["namespace_options"]
    assert spaces == {"network": "NODE", "pid": "POD", "ipc": "POD"}


def test_a_debug_container_joins_its_target():
    made = container_message(ContainerConfig(name="c", image="i", pid_target="other"))
    spaces = made["linux"]["security_context"]["namespace_options"]
    assert (spaces["pid"], spaces["target_id"]) == ("TARGET", "other")


def test_paths_are_masked_unless_the_container_may_see_everything():
    def masked(**security):
        config = ContainerConfig(name="c", image="i", security=SecurityContext(**security))
        return bool(container_message(config)["linux"]["security_context"]["masked_paths"])

    assert masked()
    assert not masked(privileged=True)
    assert not masked(proc_mount="Unmasked")


def test_a_group_without_a_user_is_roots():
    config = ContainerConfig(name="c", image="i", security=SecurityContext(run_as_group=7))
    security = container_message(config)["linux"]["security_context"]
    assert (security["run_as_user"], security["run_as_group"]) == ({"value": 0}, {"value": 7})


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (ContainerConfig(name="c", image="i", resources=Resources(pids=5)), "a limit of processes for a container"),
        (
            ContainerConfig(
                name="c", image="i", security=SecurityContext(supplemental_groups_policy="Strict")
            ),
            "supplementalGroupsPolicy: Strict",
        ),
        (
            ContainerConfig(name="c", image="i", mounts=(Mount(container_path="/v", image="x"),)),
            "an image as volume at /v",
        ),
        (
            ContainerConfig(
                name="c", image="i", mounts=(Mount(container_path="/v", host_path="/h", recursive_readonly=True),)
            ),
            "recursiveReadOnly",
        ),
    ],
)  # fmt: skip
def test_what_the_runtime_would_pass_over_is_refused_by_name(config, what):
    with pytest.raises(Unsupported) as caught:
        container_message(config)
    assert caught.value.what == what


def test_what_a_handler_says_that_it_can_is_asked_of_it():
    able = requests.Features(recursive_read_only=True, user_namespaces=True)
    mount = Mount(container_path="/v", host_path="/h", readonly=True, recursive_readonly=True)
    made = container_message(ContainerConfig(name="c", image="i", mounts=(mount,)), able)
    assert made["mounts"][0]["recursive_read_only"]
    users = NamespaceOptions(users=(IdMapping(host=65536, container=0, length=65536),))
    config = replace(POD, namespaces=users)
    spaces = pod_message(config, able)["linux"]["security_context"]["namespace_options"]
    assert spaces["userns_options"]["uids"] == [{"host_id": 65536, "container_id": 0, "length": 65536}]
    with pytest.raises(Unsupported, match="hostUsers"):
        pod_message(config)


@pytest.mark.parametrize(("grace", "asked"), [(0, 0), (0.2, 1), (1, 1), (29.5, 30)])
def test_part_of_a_second_is_no_end_without_grace(grace, asked):
    assert requests.seconds(grace) == asked


def seen(state, **more):
    return Container(
        id="c", sandbox_id="s", name="main", attempt=0, state=state, image="i", image_id="i", created_at=1, **more
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, seen(CREATED), [CREATED]),
        (None, seen(EXITED, started_at=2, finished_at=3), [CREATED, RUNNING, EXITED]),
        (seen(CREATED), seen(EXITED, started_at=2, finished_at=3), [RUNNING, EXITED]),
        (seen(CREATED), seen(EXITED, finished_at=3), [EXITED]),
        (seen(RUNNING, started_at=2), seen(EXITED, started_at=2, finished_at=3), [EXITED]),
        (seen(RUNNING, started_at=2), seen(RUNNING, started_at=2), []),
        (seen(EXITED, started_at=2), seen(RUNNING, started_at=2), []),
    ],
)
def test_every_state_is_told_once_and_none_goes_back(old, new, told):
    steps = containers.steps(old, new)
    assert [step.state for step in steps] == told
    assert steps == [] or steps[-1] == new


def test_an_exec_is_told_from_others_by_what_it_runs_and_when_it_began():
    sessions = [
        execs.Session(1, ("sh",), 100), execs.Session(2, ("sh",), 105), execs.Session(3, ("top",), 90),
        execs.Session(4, ("late",), 200),
    ]  # fmt: skip
    roots = [
        execs.Root(11, ("sh",), 101), execs.Root(12, ("sh",), 106), execs.Root(13, ("top", "-d"), 95),
        execs.Root(14, ("sh",), 50),
    ]  # fmt: skip
    assert execs.match(sessions, roots) == {1: 11, 2: 12, 3: 13}


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"status": "Success"}, 0),
        (
            {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
            },
            7,
        ),
    ],
)
def test_the_end_of_a_command_is_a_status(told, code):
    assert streaming.exit_code(json.dumps(told).encode(), "c") == code


def test_a_command_that_never_ran_is_told_in_runcs_words():
    message = (
        'error executing command in container: failed to exec in container: failed to start exec "ab12": OCI runtime '
        'exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in '
        "$PATH: unknown"
    )
    told = {"status": "Failure", "reason": "InternalError", "message": message}
    with pytest.raises(StartFault) as caught:
        streaming.exit_code(json.dumps(told).encode(), "c")
    assert caught.value.exit_code == 127
    assert str(caught.value).endswith('c: exec: "nope": executable file not found in $PATH')


def test_containerd_tells_its_handlers_network_and_groups_in_its_own_words():
    config = {
        "containerd": {
            "defaultRuntimeName": "runc",
            "runtimes": {"runc": {"options": {"SystemdCgroup": True}}, "kata": {"options": None}},
        },
        "cni": {"confDir": "/etc/cni/net.d"},
    }
    conditions = [
        {"type": "RuntimeReady", "status": True},
        {"type": "NetworkReady", "status": False, "message": "cni plugin not initialized"},
    ]
    answer = {"status": {"conditions": conditions}, "info": {"config": json.dumps(config)}}
    answer = codec.decode("StatusResponse", codec.encode("StatusResponse", answer))
    told = status.read({"runtime_name": "containerd", "runtime_version": "1.6"}, answer)
    assert told.handlers == ("", "kata", "runc")
    assert (told.fault, told.network_fault) == ("", "cni plugin not initialized")
    assert (told.cni_folder, told.systemd_cgroup) == ("/etc/cni/net.d", True)


def test_later_runtimes_tell_their_handlers_by_cri():
    answer = {
        "runtime_handlers": [{"name": ""}, {"name": "crun", "features": {"recursive_read_only_mounts": True}}]
    }
    answer = codec.decode("StatusResponse", codec.encode("StatusResponse", answer))
    told = status.read({"runtime_name": "cri-o", "runtime_version": "1.31"}, answer)
    assert told.handlers == ("", "crun")
    assert (told.features("crun").recursive_read_only, told.features("").recursive_read_only) == (True, False)


def test_the_plugin_ends_quietly_when_nobody_answers_and_fails_when_it_should_begin(tmp_path):
    config = {"cniVersion": "0.4.0", "type": "podling", "socket": str(tmp_path / "socket")}
    assert cniplugin.answer(config, {"CNI_COMMAND": "DEL"}) == {"cniVersion": "0.4.0"}
    assert cniplugin.answer(config, {"CNI_COMMAND": "ADD"})["code"] == 11
    assert cniplugin.answer(config, {"CNI_COMMAND": "VERSION"})["supportedVersions"]


@pytest.mark.parametrize("endpoint", ["", "/run/x.sock", "tcp://127.0.0.1:1", "unix://relative"])
def test_an_endpoint_that_is_no_socket_is_refused(endpoint):
    with pytest.raises(Unavailable, match="unix:///"):
        socket_of(endpoint)
