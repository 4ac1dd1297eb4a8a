"""``podling up`` in what an ordinary unprivileged container leaves of a machine: it falls back, says so, and works.

Each cage takes capabilities away and denies system calls for real; the command line runs in it as a user would run it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from caged_cluster import EXAMPLES, LIMIT, Caged, caged, sources_open_to_all, until

from podling.api.types import core_v1
from podling.client import Client

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: building cages"),
]

WAYS = {"docker": "chroot", "bare": "plain", "user": "plain", "rootless": "namespaces"}
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


@pytest.fixture(params=list(WAYS))
def here(request: pytest.FixtureRequest) -> Iterator[Caged]:
    if request.param in ("user", "rootless") and not sources_open_to_all():
        pytest.skip("this checkout lies in a folder that ordinary users may not enter")
    with caged(request.param) as made:
        yield made


async def ready(client: Client, name: str) -> core_v1.Pod:
    """The Pod once it is Ready."""
    pods = client.resource(core_v1.Pod)
    async with asyncio.timeout(LIMIT):
        pod = await pods.get(name, namespace="default")
        if _is_ready(pod):
            return pod
        watch = pods.watch(
            namespace="default",
            field_selector=f"metadata.name={name}",
            resource_version=pod.metadata.resource_version,
        )
        async for event in watch:
            if event.type != "BOOKMARK" and _is_ready(event.object):
                await watch.aclose()
                return event.object
    raise AssertionError(f"the watch on {name} ended")


def _is_ready(pod: core_v1.Pod) -> bool:
    conditions = (pod.status and pod.status.conditions) or ()
    return any(one.type == "Ready" and one.status == "True" for one in conditions)


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


async def test_the_fallback_is_announced_everywhere(here: Caged) -> None:
    said = here.up()
    assert "runtime  process" in said
    assert "runtime process instead of oci: " in said
    assert "not isolated: network: Pods share the machine's interfaces and ports" in said
    status = json.loads(here.podling("status", "-o", "json"))
    assert (status["runtime"], status["nodes"]) == ("process", {here.name: "Ready"})
    assert status["runtimeNote"].startswith("runtime process instead of oci: ")
    assert status["podCIDRs"][0].startswith("127.42.")
    assert "not isolated: resources: " in here.podling("status")
    async with here.client() as client:
        node = await client.resource(core_v1.Node).get(here.name)
        events = (await client.resource(core_v1.Event).list(namespace="default")).items
    labels, notes = node.metadata.labels or {}, node.metadata.annotations or {}
    assert (labels["podling.dev/runtime"], labels["podling.dev/isolation"]) == ("process", WAYS[here.kind])
    assert notes["podling.dev/not-isolated"].splitlines() == status["notIsolated"]
    assert ("plain" in WAYS[here.kind]) == any(
        line.startswith("file system") for line in status["notIsolated"]
    )
    (event,) = [one for one in events if one.reason == "NotIsolated"]
    assert (event.type, event.involved_object.kind, event.involved_object.name) == (
        "Warning",
        "Node",
        here.name,
    )
    assert (event.message or "").startswith("Containers share with the machine: network: ")


def test_several_nodes_are_refused_and_nothing_is_left(here: Caged) -> None:
    said = here.podling("up", "--nodes", "2", "--port", "0", code=6)
    assert "cannot make 2 nodes here: no oci: " in said
    assert "'podling doctor' tells more" in said
    assert not here.layout.cluster.exists()
    said = here.podling("up", "--nodes", "2", "--runtime", "process", code=2)
    assert "only runtime oci gives each node a network and control groups of its own" in said


async def test_the_tutorials_pods_run(here: Caged) -> None:
    here.up()
    for example in ("myapp-pod.yaml", "sidecar-pod.yaml"):
        here.podling("apply", "-f", str(EXAMPLES / example))
    async with here.client() as client:
        hello, page = await ready(client, "myapp-pod"), await ready(client, "page")
        assert hello.status is not None and page.status is not None
        addresses = {hello.status.pod_ip or "", page.status.pod_ip or ""}
        assert len(addresses) == 2
        assert all(address.startswith("127.42.") for address in addresses)
        await until(lambda: "Hello Kubernetes!" in here.podling("logs", "myapp-pod"))
        assert "written by the sidecar" in await asyncio.to_thread(
            _fetch, f"http://{page.status.pod_ip}:8080/index.html"
        )
        inside = await here.run("page", "writer", "wget", "-qO-", "http://localhost:8080/index.html")
        assert b"written by the sidecar" in inside.stdout
        failed = await here.run("myapp-pod", "myapp-container", "sh", "-c", "echo out; echo err >&2; exit 3")
        assert (failed.stdout, failed.stderr, failed.exit_code) == (b"out\n", b"err\n", 3)
        token = await here.run("myapp-pod", "myapp-container", "cat", TOKEN)
        assert token.stdout.startswith(b"ey"), token
        for name in ("myapp-pod", "page"):
            await client.resource(core_v1.Pod).delete(name, namespace="default", grace_period_seconds=1)
        supervisor_and_cluster = 2
        await until(lambda: len(here.processes()) == supervisor_and_cluster)
    here.podling("down")
    await until(lambda: not here.processes())
    here.podling("delete")
    assert list((here.layout.data_dir / "clusters").iterdir()) == []
    here.podling("delete")


async def test_volumes_of_many_kinds_are_seen(here: Caged) -> None:
    here.up()
    here.podling("apply", "-f", str(Path(__file__).with_name("volumes-pod.yaml")))
    async with here.client() as client:
        await ready(client, "volumes")
        seen = await here.run(
            "volumes", "reader", "sh", "-c", "cat /etc/one /all/two /sec/word /work/x /info/name"
        )
        assert (seen.stdout, seen.stderr) == (b"1;2;hidden;made;volumes", b"")
        written = await here.run("volumes", "reader", "sh", "-c", "echo more > /work/y && cat /work/y")
        assert written.stdout == b"more\n"
        hosts = await here.run("volumes", "reader", "cat", "/etc/hosts")
        assert hosts.stdout.rstrip().endswith(b"volumes")
        maps = client.resource(core_v1.ConfigMap)
        await maps.patch("numbers", {"data": {"one": "9;"}}, namespace="default")
        wait = "until grep -q 9 /all/one; do sleep 0.05; done; cat /all/one /etc/one"
        changed = await here.run("volumes", "reader", "sh", "-c", wait)
        assert changed.stdout == b"9;1;", "a part of a volume stays as it was when the container started"
        await client.resource(core_v1.Pod).delete("volumes", namespace="default", grace_period_seconds=0)
    pods = here.layout.node(here.name) / "pods"
    await until(lambda: not list(pods.iterdir()))


async def test_other_users_run_or_are_refused_by_name(here: Caged) -> None:
    here.up()
    here.podling("apply", "-f", str(Path(__file__).with_name("user-pod.yaml")))
    async with here.client() as client:
        if here.kind == "docker":
            await ready(client, "user")
            assert (await here.run("user", "c", "id", "-u")).stdout == b"1234\n"
        else:
            assert "cannot honour runAsUser 1234: " in await _warning(client, "user")
        await client.resource(core_v1.Pod).delete("user", namespace="default", grace_period_seconds=0)


async def _warning(client: Client, pod: str) -> str:
    """The message of the first Warning about the Pod."""
    events = client.resource(core_v1.Event)
    page = await events.list(namespace="default")
    async with asyncio.timeout(LIMIT):
        found = _warnings(page.items, pod)
        if found:
            return found
        watch = events.watch(namespace="default", resource_version=page.resource_version, bookmarks=False)
        async for event in watch:
            if found := _warnings([event.object], pod):
                await watch.aclose()
                return found
    raise AssertionError(f"the watch on the Events of {pod} ended")


def _warnings(events: list[core_v1.Event], pod: str) -> str:
    about = (one for one in events if (one.type, one.involved_object.name) == ("Warning", pod))
    return next((one.message or "" for one in about), "")


async def test_pods_outlive_a_killed_podling_and_are_found_again(here: Caged) -> None:
    here.up()
    here.podling("apply", "-f", str(EXAMPLES / "myapp-pod.yaml"))
    async with here.client() as client:
        before = await ready(client, "myapp-pod")
    pid = json.loads(here.podling("status", "-o", "json"))["pid"]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: pid not in here.processes())
    here.up()
    async with here.client() as client:
        after = await ready(client, "myapp-pod")
        assert before.status is not None and after.status is not None
        (old,), (new,) = before.status.container_statuses or (), after.status.container_statuses or ()
        assert (new.container_id, new.restart_count) == (old.container_id, 0)
        assert after.status.pod_ip == before.status.pod_ip
        assert (await here.run("myapp-pod", "myapp-container", "echo", "here")).stdout == b"here\n"
    here.podling("delete")
    await until(lambda: not here.processes())


async def test_the_demo_runs_and_says_what_is_not_isolated(here: Caged) -> None:
    said = here.podling("demo")
    assert "its log says: Hello Kubernetes!" in said
    assert "volume kept; restarts: " in said
    points = said.partition("Not isolated on this machine (runtime process)")[2]
    assert "network: Pods share the machine's interfaces and ports" in points
    assert "resources: CPU, memory and pids limits are not enforced" in points


async def test_who_asks_for_containers_that_cannot_be_had_is_refused(here: Caged) -> None:
    said = here.podling("up", "--runtime", "oci", "--port", "0", code=6)
    assert "cannot use --runtime oci: " in said
    assert "podling doctor" in said
    await until(lambda: not here.processes())
