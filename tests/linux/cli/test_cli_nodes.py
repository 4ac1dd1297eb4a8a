"""Several nodes on one machine are separate hosts: own network, own processes, reached and survived as such."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cli_world import LIMIT

EVERYWHERE = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec:
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: busybox
        command: [sh, -c, "echo here; cat /etc/hostname > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
"""


@pytest.fixture
def everywhere(cli):
    """A cluster of three nodes with a DaemonSet's Pod on each: the Pods by their node's name."""
    cli.up_with_nodes(3)
    cli.kubectl("apply", "-f", "-", input=EVERYWHERE)
    cli.kubectl("rollout", "status", "daemonset/everywhere", f"--timeout={LIMIT}s")
    return pods_by_node(cli)


def pods_by_node(cli):
    listed = json.loads(cli.kubectl("get", "pods", "-l", "app=everywhere", "-o", "json"))["items"]
    return {pod["spec"]["nodeName"]: pod for pod in listed}


def inside(cli, pod, *argv, code=0):
    name = pod["metadata"]["name"]
    done = cli.raw("kubectl", "--kubeconfig", str(cli.layout.kubeconfig), "exec", name, "--", *argv)
    assert done.code == code, f"{name}: {argv}: {done.out}{done.err}"
    return done.out


def fetched(cli, pod, address):
    """What a Pod gets from the web server at an address."""
    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} 8080"
    return inside(cli, pod, "sh", "-c", ask).splitlines()[-1]


def container_ids(pods):
    return {
        node: [one["containerID"] for one in pod["status"]["containerStatuses"]] for node, pod in pods.items()
    }


def test_pods_and_nodes_reach_each_other_across_hosts(cli, everywhere):
    assert sorted(everywhere) == [cli.name, f"{cli.name}-2", f"{cli.name}-3"]
    listed = json.loads(cli.kubectl("get", "nodes", "-o", "json"))["items"]
    addresses = {
        node["metadata"]["name"]: one["address"]
        for node in listed
        for one in node["status"]["addresses"]
        if one["type"] == "InternalIP"
    }
    assert len(set(addresses.values())) == 3
    for pod in everywhere.values():
        for other in everywhere.values():
            assert fetched(cli, pod, other["status"]["podIP"]) == other["metadata"]["name"]
        for address in addresses.values():
            assert "1 packets received" in inside(cli, pod, "ping", "-c", "1", "-W", "3", address)
        server = (addresses[cli.name], cli.status()["server"].rpartition(":")[2])
        inside(cli, pod, "nc", "-w", "3", *server, "-e", "true")
    nobody = addresses[f"{cli.name}-3"].rpartition(".")[0] + ".250"
    inside(cli, everywhere[f"{cli.name}-2"], "nc", "-w", "4", nobody, "80", "-e", "true", code=1)


def test_exec_logs_and_port_forward_lead_to_further_nodes(cli, everywhere):
    pod = everywhere[f"{cli.name}-3"]
    name = pod["metadata"]["name"]
    assert inside(cli, pod, "hostname").strip() == name
    assert cli.kubectl("logs", name) == "here\n"
    command = ["kubectl", "--kubeconfig", str(cli.layout.kubeconfig), "port-forward", name, ":8080"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=cli.environment) as forward:
        try:
            port = int(forward.stdout.readline().split()[2].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                said = b"".join(iter(lambda: connection.recv(4096), b""))
        finally:
            forward.terminate()
    assert said.decode().splitlines()[-1] == name


def test_pods_of_further_nodes_survive_the_death_of_the_cluster_and_of_their_agent(cli, everywhere):
    before = container_ids(everywhere)
    cli.kill()
    wait_until(lambda: not agents(cli))
    cli("up")
    assert container_ids(pods_by_node(cli)) == before
    assert set(cli.status()["nodes"].values()) == {"Ready"}
    (pid,) = agents(cli, f"{cli.name}-2")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: agents(cli, f"{cli.name}-2") not in ([], [pid]))
    pod = everywhere[f"{cli.name}-2"]
    wait_until(lambda: cli.raw(*exec_of(cli, pod)).code == 0)
    assert container_ids(pods_by_node(cli)) == before


def test_down_ends_the_pods_of_all_nodes_and_up_brings_them_back(cli, everywhere):
    cli("down")
    assert agents(cli) == []
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and in_group_of(cli, pid)]
    cli("up")
    cli.kubectl("rollout", "status", "daemonset/everywhere", f"--timeout={LIMIT}s")
    assert sorted(pods_by_node(cli)) == sorted(everywhere)


def exec_of(cli, pod):
    kubectl = ["kubectl", "--kubeconfig", str(cli.layout.kubeconfig)]
    return [*kubectl, "exec", pod["metadata"]["name"], "--", "true"]


def in_group_of(cli, pid, node=""):
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            return f"/podling/{cli.layout.identity}/{node and node + '/'}" in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False


def agents(cli, node=""):
    """The pids of agent processes: of all further nodes, or of one."""
    wanted = f"podling.cluster.nodeagent\0{cli.layout.data_dir}\0{cli.name}\0{node}"
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                words = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if wanted in words and (not node or f"{wanted}\0" in words):
            found.append(int(pid))
    return found


def wait_until(holds):
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_node_without_power_is_gone_and_comes_back_with_what_belongs_to_it(cli, everywhere):
    second = f"{cli.name}-2"
    pod = everywhere[second]
    states = {one["name"]: one for one in cli.node("ls", "-o", "json").document}
    assert {name: one["state"] for name, one in states.items()} == dict.fromkeys(everywhere, "ready")
    assert states[second]["pid"] == agents(cli, second)[0]
    cli.node("stop", second)
    assert agents(cli, second) == []
    assert not [pid for pid in filter(str.isdigit, os.listdir("/proc")) if in_group_of(cli, pid, second)]
    assert str(cli.layout.node(second)) not in Path("/proc/self/mountinfo").read_text()
    assert second in cli.node("pause", second, code=4).err
    address = pod["status"]["podIP"]
    inside(cli, everywhere[cli.name], "nc", "-w", "4", address, "8080", "-e", "true", code=1)
    cli.node("start", second)
    cli.kubectl("wait", "pod", pod["metadata"]["name"], "--for=condition=Ready", f"--timeout={LIMIT}s")
    back = pods_by_node(cli)[second]
    assert back["metadata"]["uid"] == pod["metadata"]["uid"]
    assert container_ids({second: back}) != container_ids({second: pod})
    assert fetched(cli, everywhere[cli.name], back["status"]["podIP"]) == pod["metadata"]["name"]


def test_the_node_of_the_api_server_and_nodes_that_are_not_there_are_left_alone(cli):
    cli.up_with_nodes(2)
    assert "'podling down' stops that" in cli.node("stop", cli.name, code=2).err
    assert f"the cluster's nodes are {cli.name}, {cli.name}-2" in cli.node("stop", "nobody", code=1).err
    assert "it is ready" in cli.node("start", f"{cli.name}-2", code=4).err
    assert "from 2 to 1: what runs on a node would be lost" in cli("up", "--nodes", "1", code=2).err
    cli.kill()
    assert "is not up" in cli.node("stop", f"{cli.name}-2", code=4).err
    assert {one["state"] for one in cli.node("ls", "-o", "json").document} == {"down"}
