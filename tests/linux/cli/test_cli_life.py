"""A cluster's life by the command line: up, down, killed, up again, gone; Pods survive what they are promised to survive."""

from __future__ import annotations

import re
import signal
import socket
import subprocess

from cli_world import EXAMPLES, LIMIT, PODLING, Cli

PAGE = str(EXAMPLES / "sidecar-pod.yaml")
HELLO = str(EXAMPLES / "myapp-pod.yaml")
BRIEF = """
apiVersion: v1
kind: Pod
metadata: {name: brief}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: busybox, command: [sleep, "3600"]}]
"""


def test_up_says_what_it_does_and_what_to_type_next(cli):
    said = cli.up("--kubeconfig", str(cli.kubeconfig)).out
    for part in ("runtime", "certificates", "store", "API server", "network", "node"):
        assert re.search(rf"✓ +\d+ ms +{part}", said), part
    assert f"kubectl --kubeconfig {cli.kubeconfig} get nodes" in said
    status = cli.status()
    assert (status["state"], status["nodes"], status["runtime"]) == ("ready", {cli.name: "Ready"}, "oci")
    again = cli("up")
    assert "is up already" in again.out
    assert cli.status()["pid"] == status["pid"]
    (row,) = cli.raw(PODLING, "ls", "--data-dir", str(cli.data_dir), "-o", "json").document
    assert (row["name"], row["state"], row["pid"]) == (cli.name, "ready", status["pid"])


def test_simulated_pods_are_ready_without_running_anything(cli):
    cli.up("--runtime", "simulated")
    cli("apply", "-f", HELLO)
    cli.wait_ready("myapp-pod")
    assert cli.status()["runtime"] == "simulated"
    assert not _processes_in(cli.layout.identity)
    cli("down")
    cli("up")
    cli.wait_ready("myapp-pod")


def test_the_demo_shows_everything_it_promises(cli):
    cli.up("--kubeconfig", str(cli.folder / "elsewhere"))
    said = cli("demo").out
    expected = [
        r"created Pod myapp-pod",
        r"myapp-pod: Running, Ready",
        r"address 10\.\d+\.\d+\.\d+; its log says: Hello Kubernetes!",
        r"http://10\.\d+\.\d+\.\d+:8080 serves: written by the sidecar at",
        r"the sidecar reads it at localhost: written by the sidecar at",
        r"killed the web server; its container was restarted and is Ready",
        r"same UID \S+, same address 10\.\d+\.\d+\.\d+, volume kept; restarts: web 1, writer 0",
        r"serves again: written by the sidecar at",
        rf"/\S+/podling status --name {cli.name} --data-dir {cli.data_dir}",
        rf"/\S+/podling down --name {cli.name} --data-dir {cli.data_dir}",
    ]
    position = 0
    for pattern in expected:
        found = re.compile(pattern).search(said, position)
        assert found, f"{pattern!r} is missing after:\n{said[:position]}"
        position = found.end()
    assert not cli.kubeconfig.exists()
    again = cli("demo").out
    assert "removed Pod myapp-pod of an earlier demo" in again


def test_a_killed_cluster_finds_its_containers_running(cli):
    cli.up()
    cli("apply", "-f", PAGE)
    before = cli.wait_ready("page")
    cli.kill()
    assert cli("status", code=4).out.startswith(f"{cli.name}: down")
    cli("up")
    after = cli.wait_ready("page")
    assert _ids(after) == _ids(before)
    assert [one["restartCount"] for one in after["status"]["containerStatuses"]] == [0, 0]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_an_exit_while_nobody_watched_is_counted(cli):
    cli.up()
    cli("apply", "-f", PAGE)
    cli.wait_ready("page")
    cli.kill()
    pids = subprocess.run(
        ["pgrep", "-f", "^httpd -f -p 8080"], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = [pid for pid in pids if _cgroup_of(pid, cli.layout.identity)]
    assert len(ours) == 1
    subprocess.run(["kill", "-9", *ours], check=True)
    cli("up")
    after = cli.wait_ready("page", restarts=1)
    counts = {one["name"]: one["restartCount"] for one in after["status"]["containerStatuses"]}
    assert counts == {"web": 1, "writer": 0}


def test_down_ends_pods_and_the_next_up_starts_them_anew(cli):
    cli.up()
    cli("apply", "-f", "-", input=BRIEF)
    before = cli.wait_ready("brief")
    said = cli("down").out
    assert "its Pods have ended" in said
    assert not [line for line in _processes_in(cli.layout.identity) if line]
    cli("up")
    after = cli.wait_ready("brief", restarts=1)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [one["restartCount"] for one in after["status"]["containerStatuses"]] == [1]
    assert _ids(after) != _ids(before)


def test_down_may_keep_pods(cli):
    cli.up()
    cli("apply", "-f", HELLO)
    before = cli.wait_ready("myapp-pod")
    cli("down", "--keep-pods")
    assert _processes_in(cli.layout.identity)
    cli("start")
    after = cli.wait_ready("myapp-pod")
    assert _ids(after) == _ids(before)
    assert [one["restartCount"] for one in after["status"]["containerStatuses"]] == [0]


def test_delete_takes_everything_whether_up_or_killed_and_may_be_repeated(cli):
    cli.up()
    cli("apply", "-f", PAGE)
    cli.wait_ready("page")
    assert f"podling-{cli.name}" in cli.kubeconfig.read_text()
    cli.kill()
    cli("delete")
    cli.check_nothing_left()
    assert f"podling-{cli.name}" not in cli.kubeconfig.read_text()
    assert "there is no cluster" in cli("delete").out
    cli.up()
    cli("apply", "-f", HELLO)
    cli.wait_ready("myapp-pod")
    cli("delete")
    cli.check_nothing_left()


def test_delete_takes_its_context_out_of_the_file_that_up_was_told_to_write(cli, tmp_path):
    file = tmp_path / "only-here"
    cli.up("--kubeconfig", str(file))
    assert f"podling-{cli.name}" in file.read_text()
    cli("delete")
    assert f"podling-{cli.name}" not in file.read_text()


def test_in_the_foreground_ctrl_c_is_down(cli):
    cli.up()
    cli("down")
    command = cli.command("up", "--foreground")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=cli.environment) as process:
        try:
            assert any("is up after" in line for line in process.stdout)
            cli("apply", "-f", "-", input=BRIEF)
            cli.wait_ready("brief")
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            assert process.wait(LIMIT) == 0
        finally:
            process.kill()
    assert not _processes_in(cli.layout.identity)
    assert cli("status", "-o", "json", code=4).document["state"] == "down"


def test_a_port_that_was_taken_meanwhile_costs_no_client_its_way(cli, tmp_path):
    cli.up("--kubeconfig", str(tmp_path / "mine"))
    before = cli.status()["server"]
    cli("down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(before.rpartition(":")[2])))
        other.listen()
        cli("up")
        now = cli.status()["server"]
    assert now != before
    for file in (tmp_path / "mine", cli.kubeconfig):
        assert f"server: {now}\n" in file.read_text()


def test_two_ups_at_once_make_one_cluster(cli):
    words = cli.command("up", "--port", "0")
    both = [
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli.environment
        )
        for _ in range(2)
    ]
    ends = [(*one.communicate(timeout=LIMIT), one.returncode) for one in both]
    codes = sorted(code for _, _, code in ends)
    assert codes in ([0, 0], [0, 3]), ends
    for _, complaint, code in ends:
        if code:
            assert re.match(r"podling: cannot (start|take) cluster .*process \d+ .*has it", complaint), (
                complaint
            )
            assert complaint.count("\n") == 1
    assert cli.status()["state"] == "ready"


def test_two_clusters_live_side_by_side(cli, tmp_path):
    other = Cli(f"{cli.name}-2", tmp_path)
    try:
        cli.up()
        other.up("--no-switch")
        for one in (cli, other):
            one("apply", "-f", HELLO)
            one.wait_ready("myapp-pod")
        text = cli.kubeconfig.read_text()
        assert f"current-context: podling-{cli.name}\n" in text
        assert f"name: podling-{other.name}\n" in text
        other("delete")
        other.check_nothing_left()
        assert cli.wait_ready("myapp-pod")["status"]["phase"] == "Running"
    finally:
        other.raw(*other.command("delete"))


def _ids(pod):
    return {one["name"]: one["containerID"] for one in pod["status"]["containerStatuses"]}


def _cgroup_of(pid, identity):
    with open(f"/proc/{pid}/cgroup") as file:
        return f"/podling/{identity}/" in file.read()


def _processes_in(identity):
    """Command lines of processes in the cluster's cgroups, supervisors left out."""
    found = []
    done = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        pid, _, words = line.strip().partition(" ")
        try:
            if _cgroup_of(pid, identity) and "conmon" not in words:
                found.append(words)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_down_says_that_it_waits_for_pods_that_take_their_time(cli):
    cli.up()
    stubborn = cli.folder / "stubborn.yaml"
    stubborn.write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: stubborn}, spec: {terminationGracePeriodSeconds: 3, "
        "containers: [{name: main, image: busybox, command: [sleep, '3600']}]}}"
    )
    cli("apply", "-f", str(stubborn))
    cli.wait_ready("stubborn")
    said = cli("down").out
    assert "waiting for Pods to end within their grace, 60 s at most" in said
    assert said.index("waiting for Pods") < said.index("is down")
