"""The kubelet's endpoints on a real socket, over simulated containers: who may use them, and what they answer."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from agent_world import NODE, AgentWorld, container, phase, waits_for

from podling.agent.server.access import Delegated, Peer, Visitor, administrators_only
from podling.api.types import authentication_v1, core_v1, rbac_v1

SIMULATED = "simulated.podling.dev"


async def everybody(visitor: Visitor, method: str, path: str) -> None:
    """All may do everything."""


@asynccontextmanager
async def serving(folder: Path, **options: Any) -> AsyncIterator[tuple[AgentWorld, aiohttp.ClientSession]]:
    async with AgentWorld(folder) as world:
        listening = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        options.setdefault("authorize", everybody)
        await world.agent.listen(listening, None, **options)
        async with aiohttp.ClientSession(url) as session:
            yield world, session


async def text(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as answer:
        return answer.status, await answer.text()


async def test_strangers_are_refused(tmp_path: Path):
    async with serving(tmp_path, authorize=administrators_only) as (_, session):
        status, words = await text(session, "/pods")
        assert status == 403
        wanted = "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[pods proxy])\n"
        assert words == wanted


RBAC = {"apiGroup": "rbac.authorization.k8s.io"}


async def token_of(world: AgentWorld, name: str) -> str:
    """A token of a ServiceAccount that is made here."""
    await world.make(core_v1.ServiceAccount, name)
    path = f"/api/v1/namespaces/default/serviceaccounts/{name}/token"
    body = msgspec.json.encode(authentication_v1.TokenRequest())
    answer = await world.client._caller.call("POST", path, body=body)
    status = msgspec.json.decode(answer, type=authentication_v1.TokenRequest).status
    assert status is not None
    return status.token


async def test_a_token_may_do_what_the_api_says(tmp_path: Path):
    async with serving(tmp_path) as (world, _):
        rule = {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}
        subject = {"kind": "ServiceAccount", "name": "monitor", "namespace": "default"}
        reference = {**RBAC, "kind": "ClusterRole", "name": "monitor"}
        meta = {"metadata": {"name": "monitor"}}
        for kind, body in (
            (rbac_v1.ClusterRole, {**meta, "rules": [rule]}),
            (rbac_v1.ClusterRoleBinding, {**meta, "roleRef": reference, "subjects": [subject]}),
        ):
            await world.client.resource(kind).create(msgspec.convert(body, kind))
        token = await token_of(world, "monitor")
        assert world.agent is not None
        access = Delegated(world.agent.kit.client, node=NODE, clock=world.clock)

        async def code(path: str, token: str, method: str = "GET") -> int:
            refusal = await access(Visitor(Peer(), token), method, path)
            return refusal.code if refusal else 200

        assert [await code(path, token) for path in ("/metrics", "/metrics/cadvisor")] == [200, 200]
        refused = ("/pods", "/stats/summary", "/containerLogs/default/web/main", "/exec/default/web/main")
        assert [await code(path, token) for path in refused] == [403] * len(refused)
        assert await code("/metrics", token, method="POST") == 403
        assert await code("/metrics", "nonsense") == 401
        assert await code("/metrics", "") == 401
        asked = len(world.requests)
        assert await code("/metrics", token) == 200
        assert len(world.requests) == asked


async def test_certificates_of_the_api_server_and_administrators_need_no_question(tmp_path: Path):
    async with serving(tmp_path) as (world, _):
        assert world.agent is not None
        access = Delegated(world.agent.kit.client, node=NODE, clock=world.clock)
        asked = len(world.requests)
        for peer in (Peer("kube-apiserver-kubelet-client"), Peer("ann", ("system:masters",))):
            assert await access(Visitor(peer), "POST", "/exec/default/web/main") is None
        assert len(world.requests) == asked
        refusal = await access(Visitor(Peer("bob")), "GET", "/configz")
        assert refusal is not None
        assert (
            refusal.words
            == "Forbidden (user=bob, verb=get, resource=nodes, subresource(s)=[configz proxy])\n"
        )


async def test_health_pods_and_unknown_paths(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        assert await text(session, "/healthz") == (200, "ok")
        assert (await text(session, "/nothing"))[0] == 404
        async with session.get("/pods") as answer:
            listed = await answer.json()
        assert [item["metadata"]["name"] for item in listed["items"]] == ["web"]
        assert listed["items"][0]["status"]["phase"] == "Running"


async def test_log_of_a_container(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web", annotations={f"{SIMULATED}/log": "one\ntwo"})
        await world.until_ready("web")
        path = "/containerLogs/default/web/main"
        assert await text(session, path) == (200, "one\ntwo\n")
        assert await text(session, f"{path}?tailLines=1") == (200, "two\n")
        _, stamped = await text(session, f"{path}?timestamps=true&tailLines=1")
        assert stamped.endswith("Z two\n")


async def test_followed_log_ends_with_the_container(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        notes = {f"{SIMULATED}/log": "one", f"{SIMULATED}/lasts": "0.2"}
        await world.create("web", annotations=notes, restartPolicy="Never")
        await world.until("web", phase("Running"))
        assert await text(session, "/containerLogs/default/web/main?follow=true") == (200, "one\n")


async def test_log_of_the_attempt_before(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web", annotations={f"{SIMULATED}/log": "hello", f"{SIMULATED}/exit-codes": "1"})
        await world.until("web", lambda pod: container(pod).restart_count == 1)
        assert await text(session, "/containerLogs/default/web/main?previous=true") == (200, "hello\n")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("none/main", 404, 'pod "none" not found'),
        ("web/none", 404, 'container "none" not found in pod "web"'),
        ("web/main?previous=true", 400, 'previous terminated container "main" in pod "web" not found'),
    ],
)
async def test_logs_that_are_not_there(tmp_path: Path, path: str, code: int, words: str):
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        assert await text(session, f"/containerLogs/default/{path}") == (code, words)


async def test_log_of_a_container_that_waits(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("slow", annotations={f"{SIMULATED}/create-seconds": "30"})
        await world.until("slow", waits_for("ContainerCreating"))
        wanted = 'container "main" in pod "slow" is waiting to start: ContainerCreating'
        assert await text(session, "/containerLogs/default/slow/main") == (400, wanted)


async def test_exec_says_how_the_command_ended(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        async with session.ws_connect(
            "/exec/default/web/main?command=true&output=1", protocols=("v5.channel.k8s.io",)
        ) as ws:
            assert ws.protocol == "v5.channel.k8s.io"
            last = [message.data async for message in ws][-1]
        assert last[0] == 3
        assert json.loads(last[1:])["status"] == "Success"


async def test_exec_needs_a_known_protocol_and_a_command(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        status, words = await text(session, "/exec/default/web/main?command=true&output=1")
        assert (status, words.partition(":")[0]) == (400, "unable to upgrade")
        assert (await text(session, "/exec/default/web/main?output=1"))[0] == 400
        assert (await text(session, "/exec/default/none/main?command=true"))[0] == 404


async def test_a_summary_of_what_is_used(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web", annotations={f"{SIMULATED}/cpu": "0.5"})
        await world.until_ready("web")
        await text(session, "/stats/summary")
        async with session.get("/stats/summary") as answer:
            told = await answer.json()
        (pod,) = told["pods"]
        assert pod["podRef"]["name"] == "web"
        assert pod["containers"][0]["memory"]["workingSetBytes"] == 1 << 20
        assert pod["containers"][0]["cpu"]["usageNanoCores"] == pytest.approx(500_000_000, rel=0.01)
        assert told["node"]["cpu"]["usageCoreNanoSeconds"] > 0
        async with session.get("/stats/summary?only_cpu_and_memory=true") as answer:
            assert "fs" not in (await answer.json())["node"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/metrics", "kubelet_running_pods 1"),
        ("/metrics", 'kubelet_running_containers{container_state="running"} 1'),
        ("/metrics", 'kubelet_node_name{node="node-1"} 1'),
        ("/metrics", 'kubelet_desired_pods{static=""} 1'),
        ("/metrics", "# TYPE process_resident_memory_bytes gauge"),
        (
            "/metrics",
            'kubelet_http_requests_total{long_running="false",method="GET",path="metrics",server_type="readwrite"} 1',
        ),
        ("/metrics/cadvisor", "# TYPE container_cpu_usage_seconds_total counter"),
        ("/metrics/resource", "resource_scrape_error 0"),
        (
            "/metrics/probes",
            'prober_probe_total{container="main",namespace="default",pod="web",pod_uid="UID",probe_type="Readiness",'
            'result="successful"} 1',
        ),
    ],
)
async def test_metrics(tmp_path: Path, path: str, line: str):
    async with serving(tmp_path) as (world, session):
        probe = {"httpGet": {"port": 80}, "periodSeconds": 600}
        pod = await world.create("web", {"name": "main", "image": "busybox:1", "readinessProbe": probe})
        await world.until_ready("web")
        async with session.get(path) as answer:
            assert answer.content_type == "text/plain"
            assert line.replace("UID", pod.metadata.uid or "") in (await answer.text()).splitlines()


async def test_settings_and_what_the_runtime_runs(tmp_path: Path):
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        async with session.get("/configz") as answer:
            settings = (await answer.json())["kubeletconfig"]
        assert settings["kind"] == "KubeletConfiguration"
        assert settings["maxPods"] == 110
        async with session.get("/runningpods/") as answer:
            (pod,) = (await answer.json())["items"]
        assert pod["metadata"]["name"] == "web"
        assert pod["spec"]["containers"][0]["name"] == "main"
