"""port-forward by every kubectl of this machine, over SPDY and over SPDY in a WebSocket, and proxy, to real Pods."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import threading

import pytest
from kubernetes import client, config, stream
from tour_world import Kubectl, installed

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
SUPPORTED = range(27, 34)
FIRST_WITH_WEBSOCKETS = 30
LIMIT = 30
SCRIPT = """
mkdir /www && head -c 8000000 /dev/urandom > /www/big && echo one > /www/index.html
httpd -p 8080 -h /www
while :; do nc -l -p 9000 -e cat; done &
while :; do nc -l -p 9001 -e sha256sum; done &
touch /ready; wait
"""


@pytest.fixture(scope="module")
def server(cluster):
    """A Pod with a web server on 8080, an echo on 9000, and on 9001 who answers after the end of what it is sent."""
    kubectl = Kubectl(list(installed().values())[-1], cluster)
    probe = {"exec": {"command": ["test", "-e", "/ready"]}, "periodSeconds": 1}
    command = ["sh", "-c", SCRIPT]
    main = {"name": "main", "image": "busybox", "command": command, "readinessProbe": probe}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [main]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "server"}, "spec": spec}
    kubectl("create", "-f", "-", input=json.dumps(pod))
    kubectl("wait", "--for=condition=Ready", "pod/server")
    yield "server"
    kubectl.remove("server")


@contextlib.contextmanager
def forwarded(kubectl, pod, *ports, sockets="true"):
    """The local ports, in the order of the Pod's."""
    kubectl.environment["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = sockets
    words = ("port-forward", "--address=127.0.0.1", f"pod/{pod}", *[f":{port}" for port in ports])
    with kubectl.following(*words) as screen:
        yield (
            [
                int(screen.wait_for(rf"^Forwarding from 127.0.0.1:(\d+) -> {port}$").group(1))
                for port in ports
            ],
            screen,
        )


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=LIMIT)


def fetch(port, path):
    with connect(port) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer.partition(b"\r\n\r\n")[2]


def echoed(port, text):
    with connect(port) as connection:
        connection.sendall(text)
        got = b""
        while len(got) < len(text):
            piece = connection.recv(65536)
            assert piece, f"{len(got)} of {len(text)} bytes came back"
            got += piece
    return got


@pytest.mark.parametrize(
    ("minor", "sockets"),
    [(minor, "false") for minor in SUPPORTED]
    + [(minor, "true") for minor in SUPPORTED if minor >= FIRST_WITH_WEBSOCKETS],
    ids=lambda one: {"true": "websocket", "false": "spdy"}.get(one, f"1.{one}"),
)
def test_every_kubectl_forwards(cluster, server, minor, sockets):
    if minor not in installed():
        pytest.skip(f"no kubectl 1.{minor} on this machine: it was NOT tested")
    kubectl = Kubectl(installed()[minor], cluster)
    with forwarded(kubectl, server, 8080, 9000, sockets=sockets) as ((web, echo), _):
        assert fetch(web, "/") == b"one\n"
        assert echoed(echo, b"hello") == b"hello"
        assert fetch(web, "/") == b"one\n"


@pytest.mark.parametrize("sockets", ["true", "false"], ids=["websocket", "spdy"])
def test_many_connections_at_once_lose_no_byte(kubectl, server, sockets):
    wanted = kubectl("exec", server, "--", "sha256sum", "/www/big").split()[0]
    found = []
    with forwarded(kubectl, server, 8080, 9001, sockets=sockets) as ((web, digest), _):

        def load():
            found.append(hashlib.sha256(fetch(web, "/big")).hexdigest())

        threads = [threading.Thread(target=load) for _ in range(12)]
        for thread in threads:
            thread.start()
        with connect(digest) as connection:
            for _ in range(100):
                connection.sendall(bytes(50000))
            connection.shutdown(socket.SHUT_WR)
            said = connection.recv(100)
        for thread in threads:
            thread.join(LIMIT)
    assert found == [wanted] * 12
    assert said.split()[0].decode() == hashlib.sha256(bytes(5_000_000)).hexdigest()


def test_a_port_where_nobody_listens_is_told(kubectl, server):
    with forwarded(kubectl, server, 7777) as ((port,), screen):
        with contextlib.suppress(ConnectionError), connect(port) as connection:
            connection.recv(1)
        said = screen.wait_for(r"an error occurred forwarding \d+ -> 7777: (.*)").group(1)
    assert re.match(r"error forwarding port 7777 to pod \S+, uid \S+: .*Connection refused", said), said


def test_the_python_client_forwards(cluster, server):
    """Over the channels of a plain WebSocket, two ports in one session."""
    api = config.new_client_from_config(str(cluster.kubeconfig))
    core = client.CoreV1Api(api)
    forwarding = stream.portforward(
        core.connect_get_namespaced_pod_portforward, server, "default", ports="9000,8080"
    )
    try:
        echo, web = forwarding.socket(9000), forwarding.socket(8080)
        for one in (echo, web):
            one.settimeout(LIMIT)
        sent = bytes(range(256)) * 400
        echo.sendall(sent)
        got = b""
        while len(got) < len(sent):
            got += echo.recv(65536)
        assert got == sent
        web.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\r\n\r\none\n"):
            piece = web.recv(65536)
            assert piece, answer
            answer += piece
        assert (forwarding.error(9000), forwarding.error(8080)) == (None, None)
    finally:
        for port in (9000, 8080):
            forwarding.socket(port).close()
        for thread in threading.enumerate():
            if thread.name.startswith("Kubernetes port forward"):
                thread.join(LIMIT)
        api.close()


def test_a_pod_and_its_node_answer_through_the_proxy(kubectl, server, cluster):
    proxy = f"/api/v1/namespaces/default/pods/{server}:8080/proxy"
    assert kubectl("get", "--raw", f"{proxy}/index.html") == "one\n"
    assert kubectl("get", "--raw", f"/api/v1/nodes/{cluster.name}/proxy/healthz") == "ok"
    refused = kubectl("get", "--raw", proxy.replace("8080", "7777") + "/", code=1)
    assert "error trying to reach service: dial tcp" in refused
    assert "connection refused" in refused


def test_what_cannot_be_forwarded_is_refused(kubectl):
    assert 'pods "none" not found' in kubectl("port-forward", "pod/none", ":80", code=1)


def test_when_the_client_goes_its_connections_into_the_pod_end(kubectl, server):
    with forwarded(kubectl, server, 9000) as ((port,), screen), connect(port) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        screen.interrupt()
        screen.wait_end()
    gone = "while netstat -tn | grep -q '127.0.0.1:9000.*ESTABLISHED'; do usleep 10000; done"
    kubectl("exec", server, "--", "sh", "-c", gone)
