"""Logs, exec, attach and port-forward, relayed to a kubelet that the test plays."""

from __future__ import annotations

import asyncio
import json

import pytest

from podling.apiserver.request import UserInfo

PODS = "/api/v1/namespaces/default/pods"
UPGRADE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-protocol": "v5.channel.k8s.io,v4.channel.k8s.io",
}


class Client:
    """The client's side of an upgraded connection."""

    def __init__(self):
        self.sent = asyncio.Queue()
        self.received = asyncio.Queue()
        self.closed_with = None

    async def receive(self):
        return await self.sent.get()

    async def send(self, data):
        await self.received.put(data)

    async def close(self, code=1000):
        self.closed_with = code


@pytest.fixture
async def bound(api, pod, kubelet):
    """A Pod on a node."""
    api.server._services.dial = kubelet
    await api.make(PODS, pod())
    await api.post(f"{PODS}/web/binding", {"target": {"name": "n1"}})
    return api


async def read(response):
    assert response.status == 200, response.body
    return b"".join([chunk async for chunk in response.body]).decode()


async def test_a_log_comes_from_the_pods_node(bound, kubelet):
    answer = await bound.send("GET", f"{PODS}/web/log", tailLines="5", timestamps="true")
    assert await read(answer) == "one\n"
    assert answer.content_type == "text/plain"
    assert kubelet.asked == ["node n1", "/containerLogs/default/web/main?timestamps=true&tailLines=5"]


async def test_a_followed_log_streams(bound, kubelet):
    answer = await bound.send("GET", f"{PODS}/web/log", follow="true")
    assert await anext(answer.body) == b"one\n"
    kubelet.go_on.set()
    assert await anext(answer.body) == b"two\n"
    with pytest.raises(StopAsyncIteration):
        await anext(answer.body)


async def test_the_kubelets_words_reach_the_client(bound):
    answer = await bound.get(f"{PODS}/web/log", previous="true")
    assert (answer.status, answer.message) == (400, "previous terminated container not found")


async def test_which_container_is_meant_must_be_clear(api, pod):
    containers = [{"name": name, "image": "busybox"} for name in ("a", "b")]
    await api.make(PODS, pod(containers=containers))
    unclear = await api.get(f"{PODS}/web/log")
    assert unclear.message == "a container name must be specified for pod web, choose one of: [a b]"
    unknown = await api.get(f"{PODS}/web/log", container="c")
    assert unknown.message == "container c is not valid for pod web"
    nowhere = await api.get(f"{PODS}/web/log", container="a")
    assert nowhere.message == "pod web does not have a host assigned"
    negative = await api.get(f"{PODS}/web/log", container="a", tailLines="-1")
    assert negative.status == 422


async def test_exec_relays_both_ways_until_the_command_ends(bound, kubelet):
    query = {"command": "cat", "stdin": "true", "stdout": "true", "stderr": "true"}
    answer = await bound.send("GET", f"{PODS}/web/exec", headers=UPGRADE, **query)
    assert (answer.status, answer.body.protocol) == (101, "v5.channel.k8s.io")
    assert kubelet.asked[-1] == "/exec/default/web/main?command=cat&input=1&output=1&error=1"
    client = Client()
    session = asyncio.ensure_future(answer.body.serve(client))
    await client.sent.put(b"\x00hello")
    assert await client.received.get() == b"\x01HELLO"
    await client.sent.put(b"\x00bye")
    assert await client.received.get() == b"\x01BYE"
    assert await client.received.get() == b'\x03{"status":"Success"}'
    await asyncio.wait_for(session, 5)
    assert client.closed_with == 1000


async def test_what_is_sent_after_the_end_does_not_hide_how_it_ended(bound):
    answer = await bound.send("GET", f"{PODS}/web/exec", headers=UPGRADE, command="cat", stdout="true")
    client = Client()
    for message in (b"\x00bye", *[b"\x00" + bytes(30000)] * 200):
        await client.sent.put(message)
    await asyncio.wait_for(answer.body.serve(client), 5)
    received = [client.received.get_nowait() for _ in range(client.received.qsize())]
    assert received == [b"\x01BYE", b'\x03{"status":"Success"}']


async def test_a_node_that_goes_without_a_word_is_a_failure(bound):
    answer = await bound.send("GET", f"{PODS}/web/exec", headers=UPGRADE, command="cat", stdout="true")
    client = Client()
    await client.sent.put(b"\x00die")
    await asyncio.wait_for(answer.body.serve(client), 5)
    status = json.loads((await client.received.get()).removeprefix(b"\x03"))
    assert (status["status"], status["message"]) == (
        "Failure",
        "connection to the container was lost: the node closed it",
    )


async def test_exec_ends_when_the_client_goes_and_when_the_server_closes(bound):
    for end in ("client", "server"):
        answer = await bound.send("GET", f"{PODS}/web/exec", headers=UPGRADE, command="cat", stdout="true")
        client = Client()
        session = asyncio.ensure_future(answer.body.serve(client))
        if end == "client":
            await client.sent.put(None)
        else:
            bound.server._services.closing.set()
        await asyncio.wait_for(session, 5)
        assert client.closed_with == 1000


async def test_exec_that_cannot_be_served_says_why(bound):
    path = f"{PODS}/web/exec"
    plain = await bound.get(path, command="cat", stdout="true")
    assert (plain.status, plain.message) == (400, "Upgrade request required")
    old = await bound.get(
        path, headers={**UPGRADE, "sec-websocket-protocol": "channel.k8s.io"}, command="cat", stdout="1"
    )
    assert "none of the protocols" in old.message
    nothing = await bound.get(path, headers=UPGRADE, stdout="true")
    assert nothing.message == "you must specify at least one command for the container"
    silent = await bound.get(path, headers=UPGRADE, command="cat")
    assert silent.message == "you must specify at least 1 of stdin, stdout, stderr"
    posted = await bound.post(path, None, command="cat", stdout="true")
    assert posted.message == "Upgrade request required"
    spdy = {"upgrade": "SPDY/3.1", "x-stream-protocol-version": "v3.channel.k8s.io"}
    ancient = await bound.post(path, None, headers=spdy, command="cat", stdout="true")
    assert "unable to negotiate protocol" in ancient.message


async def test_attach_is_relayed_as_exec_is(bound, kubelet):
    query = {"stdin": "true", "stdout": "true", "stderr": "true", "tty": "true"}
    answer = await bound.send("GET", f"{PODS}/web/attach", headers=UPGRADE, **query)
    assert kubelet.asked[-1] == "/attach/default/web/main?input=1&output=1&tty=1"
    client = Client()
    session = asyncio.ensure_future(answer.body.serve(client))
    await client.sent.put(b"\x00bye")
    assert await client.received.get() == b"\x01BYE"
    assert await client.received.get() == b'\x03{"status":"Success"}'
    await asyncio.wait_for(session, 5)
    plain = await bound.get(f"{PODS}/web/attach", stdout="true")
    assert plain.message == "Upgrade request required"
    unknown = await bound.get(f"{PODS}/web/attach", headers=UPGRADE, stdout="true", container="nope")
    assert unknown.message == "container nope is not valid for pod web"


async def test_why_the_node_refuses_a_session_reaches_the_client(bound):
    refused = await bound.get(f"{PODS}/web/exec", headers=UPGRADE, command="refused", stdout="true")
    assert (refused.status, refused.message) == (
        500,
        'Internal error occurred: unable to upgrade connection: container not found ("main")',
    )


@pytest.mark.parametrize("what", ["exec", "attach", "portforward"])
async def test_who_may_only_read_opens_no_session(bound, what):
    """pkg/registry/core/pod/rest: AuthorizePodWebsocketUpgradeCreatePermission, on since v1.35."""
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rules = [{"apiGroups": [""], "resources": [f"pods/{what}"], "verbs": ["get"]}]
    await bound.make(f"{rbac}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "eve"}],
    }
    await bound.make(f"{rbac}/rolebindings", binding)
    eve = bound.by(UserInfo("eve", groups=("system:authenticated",)))
    answer = await eve.get(f"{PODS}/web/{what}", headers=UPGRADE, command="cat", stdout="true")
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    assert f'User "eve" cannot create resource "pods/{what}" in API group ""' in answer.message


SPDY = {"upgrade": "SPDY/3.1", "connection": "Upgrade", "x-stream-protocol-version": "portforward.k8s.io"}
TUNNEL = {**UPGRADE, "sec-websocket-protocol": "SPDY/3.1+portforward.k8s.io"}


@pytest.mark.parametrize(("method", "headers"), [("POST", SPDY), ("GET", TUNNEL)], ids=["spdy", "websocket"])
async def test_port_forward_passes_bytes_on_as_they_are(bound, kubelet, method, headers):
    answer = await bound.send(method, f"{PODS}/web/portforward", headers=headers)
    assert answer.status == 101
    assert kubelet.asked[-2:] == ["/portForward/default/web", "POST portforward.k8s.io"]
    client = Client()
    session = asyncio.ensure_future(answer.body.serve(client))
    await client.sent.put(b"one")
    assert await client.received.get() == b"ONE"
    await client.sent.put(b"")
    await client.sent.put(b"bye")
    assert await client.received.get() == b"BYE"
    await asyncio.wait_for(session, 5)
    assert client.closed_with == 1000


async def test_port_forward_ends_when_the_client_goes(bound):
    answer = await bound.send("POST", f"{PODS}/web/portforward", headers=SPDY)
    client = Client()
    await client.sent.put(None)
    await asyncio.wait_for(answer.body.serve(client), 5)


@pytest.mark.parametrize(("query", "why"), [("", "is required"), ("?ports=0", 'unable to parse "0"')])
async def test_port_forward_by_channels_needs_ports(bound, query, why):
    headers = {**UPGRADE, "sec-websocket-protocol": "v4.channel.k8s.io"}
    answer = await bound.get(f"{PODS}/web/portforward{query}", headers=headers)
    assert answer.status == 400
    assert why in answer.message


async def test_port_forward_needs_its_protocol(bound, kubelet):
    plain = await bound.get(f"{PODS}/web/portforward")
    assert (plain.status, plain.message) == (400, "Upgrade request required")
    headers = {**UPGRADE, "sec-websocket-protocol": "other.k8s.io"}
    other = await bound.get(f"{PODS}/web/portforward", headers=headers)
    assert "unable to negotiate protocol" in other.message
    kubelet.url = "http://127.0.0.1:9"
    gone = await bound.post(f"{PODS}/web/portforward", None, headers=SPDY)
    assert gone.status == 500
    assert "error dialing backend: dial tcp 127.0.0.1:9: connect: connection refused" in gone.message
