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

from podling.runtime.cgroups import CgroupTree, detect

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
    return on_three_nodes(cli)


@pytest.fixture(scope="module")
def lasting(standing):
    return on_three_nodes(standing)


def on_three_nodes(cli):
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


def test_pods_and_nodes_reach_each_other_across_hosts(standing, lasting):
    assert sorted(lasting) == [standing.name, f"{standing.name}-2", f"{standing.name}-3"]
    listed = json.loads(standing.kubectl("get", "nodes", "-o", "json"))["items"]
    addresses = {
        node["metadata"]["name"]: one["address"]
        for node in listed
        for one in node["status"]["addresses"]
        if one["type"] == "InternalIP"
    }
    assert len(set(addresses.values())) == 3
    for pod in lasting.values():
        for other in lasting.values():
            assert fetched(standing, pod, other["status"]["podIP"]) == other["metadata"]["name"]
        for address in addresses.values():
            assert "1 packets received" in inside(standing, pod, "ping", "-c", "1", "-W", "3", address)
        server = (addresses[standing.name], standing.status()["server"].rpartition(":")[2])
        inside(standing, pod, "nc", "-w", "3", *server, "-e", "true")
    nobody = addresses[f"{standing.name}-3"].rpartition(".")[0] + ".250"
    inside(standing, lasting[f"{standing.name}-2"], "nc", "-w", "4", nobody, "80", "-e", "true", code=1)


def test_exec_logs_and_port_forward_lead_to_further_nodes(standing, lasting):
    pod = lasting[f"{standing.name}-3"]
    name = pod["metadata"]["name"]
    assert inside(standing, pod, "hostname").strip() == name
    assert standing.kubectl("logs", name) == "here\n"
    command = ["kubectl", "--kubeconfig", str(standing.layout.kubeconfig), "port-forward", name, ":8080"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=standing.environment) as forward:
        try:
            port = int(forward.stdout.readline().split()[2].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                said = b"".join(iter(lambda: connection.recv(4096), b""))
        finally:
            forward.terminate()
    assert said.decode().splitlines()[-1] == name


def test_what_is_used_is_told_by_node(standing, lasting):
    nodes = standing.kubectl("top", "nodes", "--no-headers").splitlines()
    assert sorted(line.split()[0] for line in nodes) == sorted(lasting)
    pods = standing.kubectl("top", "pods", "-l", "app=everywhere", "--no-headers").splitlines()
    assert len(pods) == len(lasting)


def test_pods_of_further_nodes_survive_the_death_of_the_cluster_and_of_their_agent(cli, everywhere):
    before = container_ids(everywhere)
    cli.kill()
    wait_until(lambda: not agents(cli))
    assert "is not up" in cli.node("stop", f"{cli.name}-2", code=4).err
    assert {one["state"] for one in cli.node("ls", "-o", "json").document} == {"down"}
    cli("up")
    assert container_ids(pods_by_node(cli)) == before
    assert set(cli.status()["nodes"].values()) == {"Ready"}
    (pid,) = agents(cli, f"{cli.name}-2")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: agents(cli, f"{cli.name}-2") not in ([], [pid]))
    pod = everywhere[f"{cli.name}-2"]
    wait_until(lambda: cli.raw(*exec_of(cli, pod)).code == 0)
    assert container_ids(pods_by_node(cli)) == before


def test_down_ends_the_pods_of_all_nodes_and_up_brings_them_back_and_one_node_more(cli, everywhere):
    assert "from the next 'podling up' after 'podling down'" in cli("up", "--nodes", "4").out
    cli("down")
    assert agents(cli) == []
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and in_group_of(cli, pid)]
    cli("up")
    cli.kubectl("rollout", "status", "daemonset/everywhere", f"--timeout={LIMIT}s")
    assert sorted(pods_by_node(cli)) == [*sorted(everywhere), f"{cli.name}-4"]


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


CLAIMED = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
"""
CLAIMING = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  restartPolicy: Never
  nodeSelector: {SELECTOR}
  containers: [{name: c, image: busybox, command: [sh, -c, SCRIPT], volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
"""


def test_a_volume_lies_on_the_node_of_its_first_pod_and_draws_the_next_one_there(standing, lasting):
    def run(name, script, selector=""):
        filled = (
            CLAIMING.replace("NAME", name).replace("SELECTOR", selector).replace("SCRIPT", json.dumps(script))
        )
        standing.kubectl("apply", "-f", "-", input=CLAIMED + filled)
        standing.kubectl(
            "wait", "pod", name, "--for=jsonpath={.status.phase}=Succeeded", f"--timeout={LIMIT}s"
        )

    third = f"{standing.name}-3"
    run("writes", "echo precious > /data/file", f"kubernetes.io/hostname: {third}")
    (folder,) = (standing.layout.node(third) / "local-path").iterdir()
    assert (folder / "file").read_text() == "precious\n"
    run("reads", "cat /data/file")
    assert standing.kubectl("get", "pod", "reads", "-o", "jsonpath={.spec.nodeName}") == third
    assert standing.kubectl("logs", "reads") == "precious\n"
    standing.kubectl("delete", "pod,pvc", "writes", "reads", "data", "--ignore-not-found", "--wait")
    wait_until(lambda: not folder.exists())


def test_a_node_without_power_is_gone_and_comes_back_with_what_belongs_to_it(standing, lasting):
    second = f"{standing.name}-2"
    pod = lasting[second]
    states = {one["name"]: one for one in standing.node("ls", "-o", "json").document}
    assert {name: one["state"] for name, one in states.items()} == dict.fromkeys(lasting, "ready")
    assert states[second]["pid"] == agents(standing, second)[0]
    standing.node("stop", second)
    assert agents(standing, second) == []
    assert not [pid for pid in filter(str.isdigit, os.listdir("/proc")) if in_group_of(standing, pid, second)]
    assert str(standing.layout.node(second)) not in Path("/proc/self/mountinfo").read_text()
    assert second in standing.node("pause", second, code=4).err
    address = pod["status"]["podIP"]
    inside(standing, lasting[standing.name], "nc", "-w", "4", address, "8080", "-e", "true", code=1)
    standing.node("start", second)
    old = container_ids({second: pod})
    wait_until(lambda: container_ids({second: pods_by_node(standing)[second]}) != old)
    standing.kubectl("wait", "pod", pod["metadata"]["name"], "--for=condition=Ready", f"--timeout={LIMIT}s")
    back = pods_by_node(standing)[second]
    assert back["metadata"]["uid"] == pod["metadata"]["uid"]
    assert fetched(standing, lasting[standing.name], back["status"]["podIP"]) == pod["metadata"]["name"]


def test_the_node_of_the_api_server_and_nodes_that_are_not_there_are_left_alone(standing, lasting):
    cli = standing
    assert "'podling down' stops that" in cli.node("stop", cli.name, code=2).err
    assert f"the cluster's nodes are {', '.join(sorted(lasting))}" in cli.node("stop", "nobody", code=1).err
    assert "it is ready" in cli.node("start", f"{cli.name}-2", code=4).err
    assert "from 3 to 1: what runs on a node would be lost" in cli("up", "--nodes", "1", code=2).err
    assert set(cli.status()["nodes"].values()) == {"Ready"}


def test_a_frozen_node_whose_cluster_was_killed_is_mended_by_up_and_removed_by_delete(cli, everywhere):
    third = f"{cli.name}-3"
    before = container_ids(everywhere)
    for finish in ("up", "delete"):
        cli.node("pause", third)
        assert cli.node("ls").out.count("paused") == 1
        cli.kill()
        (frozen,) = agents(cli, third)
        cli(finish)
        assert frozen not in agents(cli, third)
        if finish == "up":
            assert set(cli.status()["nodes"].values()) == {"Ready"}
            assert container_ids(pods_by_node(cli)) == before
    cli.check_nothing_left()


def test_up_killed_at_any_moment_leaves_nothing_that_delete_does_not_find(cli):
    cli.up_with_nodes(2)
    for moment in (0.5, 1.2):
        cli.kill()
        with subprocess.Popen(cli.command("up", "--nodes", "3", "--foreground"), env=cli.environment) as up:
            time.sleep(moment)
            up.kill()
        wait_until(lambda: not agents(cli))
        cli("up")
        assert set(cli.status()["nodes"].values()) == {"Ready"}


def test_nodes_offer_and_have_no_more_than_they_were_given_until_they_are_given_all_again(cli):
    cli.up_with_nodes(2, "--node-cpus", "1", "--node-memory", "256Mi")
    nodes = json.loads(cli.kubectl("get", "nodes", "-o", "json"))["items"]
    offered = [
        (node["status"]["allocatable"]["cpu"], node["status"]["allocatable"]["memory"]) for node in nodes
    ]
    assert offered == [("1", "235929Ki")] * 2, "a tenth is kept free"
    assert caps(cli) == [(1, 256 << 20)] * 2
    cli("down")
    cli("up", "--node-cpus", "0", "--node-memory", "")
    everything = (len(os.sched_getaffinity(0)), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    assert all(cpus == everything[0] and memory > everything[1] for cpus, memory in caps(cli))


def caps(cli):
    """CPUs and bytes of memory that the kernel lets each node's Pods have."""
    layout = detect()
    found = []
    for group in (cli.name, f"{cli.name}-2/pods"):
        tree = CgroupTree(layout, f"podling/{cli.layout.identity}/{group}")
        cpus, memory = tree.directory("cpuset", ""), tree.directory("memory", "")
        version = layout.hierarchy("memory").version
        limit = (memory / ("memory.max" if version == 2 else "memory.limit_in_bytes")).read_text().strip()
        pinned = (cpus / "cpuset.cpus").read_text().strip()
        found.append((sum(map(cpus_in, pinned.split(","))), 1 << 62 if limit == "max" else int(limit)))
    return found


def cpus_in(part):
    first, _, last = part.partition("-")
    return int(last or first) - int(first) + 1
