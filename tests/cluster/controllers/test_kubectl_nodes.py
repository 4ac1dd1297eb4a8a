"""Unmodified kubectl against the controllers: nodes are cordoned, drained and tainted, workloads scaled and rolled, in real time.

Three nodes with simulated containers, so that nothing but kubectl's own waiting takes time.
"""

import datetime
import json
import os
import shutil
import socket

import pytest
from controllers_world import ControllersWorld

from podling.aio.spawn import run
from podling.api.types import authentication_v1, core_v1, rbac_v1
from podling.apiserver.config import TlsFiles
from podling.apiserver.tls import server_context
from podling.cluster import pki

NODES = ("node-1", "node-2", "node-3")


class KubectlWorld(ControllersWorld):
    """`await world.kubectl("get", "nodes")`: what the command says."""

    def __init__(self, folder):
        super().__init__(folder, nodes=NODES)
        self.program = shutil.which("kubectl")
        self.config = folder / "kubeconfig"

    async def __aenter__(self):
        await super().__aenter__()
        authority = pki.Pki(self.folder / "pki", now=datetime.datetime.now(datetime.UTC))
        authority.ensure_authority()
        certificate = pki.api_server(service_ip="10.96.0.1", addresses=["127.0.0.1"], domain="cluster.local")
        authority.ensure("apiserver", certificate)
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        files = TlsFiles(
            certificate=authority.certificate_file("apiserver"), key=authority.key_file("apiserver")
        )
        await self.server.listen(listening, server_context(files, client_ca=None))
        cluster = {
            "server": f"https://127.0.0.1:{listening.getsockname()[1]}",
            "certificate-authority": str(authority.ca_file),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": await self._token()}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        self.config.write_text(json.dumps(config))
        return self

    async def _token(self):
        await self.create(core_v1.ServiceAccount, "operator")
        subject = {"kind": "ServiceAccount", "name": "operator", "namespace": "default"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        await self.create(
            rbac_v1.ClusterRoleBinding, "operator", namespace="", subjects=[subject], roleRef=role
        )
        answer = await self.client.resource(core_v1.ServiceAccount).create_subresource(
            "operator", "token", authentication_v1.TokenRequest(), namespace="default"
        )
        return json.loads(answer)["status"]["token"]

    async def kubectl(self, *arguments, fails=False):
        environment = {"KUBECONFIG": str(self.config), "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        done = await run([self.program, *arguments], limit_seconds=60, env=environment)
        said = done.stdout.decode() + done.stderr.decode()
        assert fails == (done.returncode != 0), said
        return said

    def places(self):
        return sorted(pod.spec.node_name for pod in self.ready())


@pytest.fixture
async def world(tmp_path):
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine: draining nodes with it was NOT tested")
    async with KubectlWorld(tmp_path) as made:
        yield made


async def test_a_drain_waits_for_the_budget_and_leaves_a_node_that_takes_no_more(world):
    await world.kubectl("create", "deployment", "web", "--image=busybox:1", "--replicas=3")
    await world.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    await world.until(lambda: world.places() == list(NODES), seconds=10)
    said = await world.kubectl("create", "pdb", "web", "--selector=app=web", "--min-available=3")
    assert "poddisruptionbudget.policy/web created" in said
    said = await world.kubectl("drain", "node-2", "--timeout=2s", fails=True)
    assert "Cannot evict pod as it would violate the pod's disruption budget." in said
    assert world.places() == list(NODES), "nobody may go yet"
    nodes = await world.kubectl("get", "nodes")
    assert "Ready,SchedulingDisabled" in next(line for line in nodes.splitlines() if "node-2" in line)
    await world.kubectl("patch", "pdb", "web", "-p", '{"spec":{"minAvailable":2}}')
    assert "node/node-2 drained" in await world.kubectl("drain", "node-2", "--timeout=50s")
    await world.until(lambda: len(world.places()) == 3, seconds=10)
    assert "node-2" not in world.places()
    assert "node.kubernetes.io/unschedulable:NoSchedule" in await world.kubectl("describe", "node", "node-2")
    await world.kubectl("uncordon", "node-2")
    await world.kubectl("scale", "deployment/web", "--replicas=9")
    await world.until(lambda: len(world.places()) == 9, seconds=10)
    assert "node-2" in world.places()


async def test_a_taint_drives_pods_out_and_they_come_back_when_it_is_gone(world):
    await world.kubectl("create", "deployment", "web", "--image=busybox:1", "--replicas=3")
    await world.until(lambda: world.places() == list(NODES), seconds=10)
    await world.kubectl("taint", "nodes", "node-3", "example.com/broken=disk:NoExecute")
    await world.until(lambda: len(world.places()) == 3 and "node-3" not in world.places(), seconds=10)
    said = await world.kubectl("get", "events", "--field-selector=reason=TaintManagerEviction")
    assert "Marking for deletion Pod default/web-" in said
    await world.kubectl("taint", "nodes", "node-3", "example.com/broken-")
    await world.kubectl("rollout", "restart", "deployment/web")
    await world.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    await world.until(lambda: world.places() == list(NODES), seconds=10)
