"""kubectl's commands that make objects: every `create`, `run`, `expose`, `autoscale`, and `set` on what was made."""

from __future__ import annotations

import base64
import json
import re

import pytest

pytestmark = pytest.mark.kubectl


async def read(kubectl, *words):
    return json.loads(await kubectl("get", *words, "-o", "json"))


@pytest.mark.parametrize(
    ("words", "said", "path", "value"),
    [
        (
            ("clusterrole", "r", "--verb=get,list", "--resource=pods,deployments.apps"),
            "clusterrole.rbac.authorization.k8s.io/r created",
            "{.rules[*].resources}",
            '["pods"] ["deployments"]',
        ),
        (
            ("clusterrole", "all", "--aggregation-rule=a=b"),
            "clusterrole.rbac.authorization.k8s.io/all created",
            "{.aggregationRule.clusterRoleSelectors[0].matchLabels.a}",
            "b",
        ),
        (
            ("clusterrolebinding", "b", "--clusterrole=view", "--user=u", "--serviceaccount=default:default"),
            "clusterrolebinding.rbac.authorization.k8s.io/b created",
            "{.subjects[*].name}",
            "u default",
        ),
        (("configmap", "c", "--from-literal=a=b"), "configmap/c created", "{.data.a}", "b"),
        (
            ("cronjob", "c", "--image=i", "--schedule=*/5 * * * *", "--", "date"),
            "cronjob.batch/c created",
            "{.spec.jobTemplate.spec.template.spec.containers[0].command[0]}",
            "date",
        ),
        (
            ("deployment", "d", "--image=i", "--replicas=2", "--port=80"),
            "deployment.apps/d created",
            "{.spec.replicas} {.spec.template.spec.containers[0].ports[0].containerPort}",
            "2 80",
        ),
        (
            ("ingress", "i", "--class=c", "--rule=a.b/x*=svc:80,tls=t"),
            "ingress.networking.k8s.io/i created",
            "{.spec.rules[0].http.paths[0].backend.service.port.number}",
            "80",
        ),
        (("job", "j", "--image=i"), "job.batch/j created", "{.spec.template.spec.restartPolicy}", "Never"),
        (("namespace", "n"), "namespace/n created", "{.status.phase}", "Active"),
        (
            ("poddisruptionbudget", "p", "--selector=a=b", "--min-available=1"),
            "poddisruptionbudget.policy/p created",
            "{.spec.minAvailable}",
            "1",
        ),
        (
            ("priorityclass", "p", "--value=7", "--description=d"),
            "priorityclass.scheduling.k8s.io/p created",
            "{.value} {.preemptionPolicy}",
            "7 PreemptLowerPriority",
        ),
        (
            ("quota", "q", "--hard=pods=3,requests.cpu=1"),
            "resourcequota/q created",
            "{.spec.hard.pods}",
            "3",
        ),
        (
            ("role", "r", "--verb=get", "--resource=pods", "--resource-name=web"),
            "role.rbac.authorization.k8s.io/r created",
            "{.rules[0].resourceNames[0]}",
            "web",
        ),
        (
            ("rolebinding", "b", "--clusterrole=view", "--group=g"),
            "rolebinding.rbac.authorization.k8s.io/b created",
            "{.subjects[0].kind}",
            "Group",
        ),
        (
            ("secret", "generic", "s", "--from-literal=a=b", "--type=x/y"),
            "secret/s created",
            "{.data.a} {.type}",
            "Yg== x/y",
        ),
        (
            ("secret", "docker-registry", "s", "--docker-username=u", "--docker-password=p"),
            "secret/s created",
            "{.type}",
            "kubernetes.io/dockerconfigjson",
        ),
        (
            ("service", "clusterip", "s", "--tcp=80:8080"),
            "service/s created",
            "{.spec.ports[0].targetPort}",
            "8080",
        ),
        (("service", "clusterip", "s", "--clusterip=None"), "service/s created", "{.spec.clusterIP}", "None"),
        (
            ("service", "externalname", "s", "--external-name=a.b"),
            "service/s created",
            "{.spec.externalName}",
            "a.b",
        ),
        (
            ("service", "nodeport", "s", "--tcp=80", "--node-port=30080"),
            "service/s created",
            "{.spec.ports[0].nodePort}",
            "30080",
        ),
        (
            ("service", "loadbalancer", "s", "--tcp=80"),
            "service/s created",
            "{.spec.type}",
            "LoadBalancer",
        ),
        (("serviceaccount", "a"), "serviceaccount/a created", "{.metadata.name}", "a"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
async def test_create_makes_what_it_says(kubectl, words, said, path, value):
    assert f"{said} (server dry run)" in await kubectl("create", "--dry-run=server", *words)
    assert said in await kubectl("create", *words)
    kind, _, name = said.removesuffix(" created").partition("/")
    assert await kubectl("get", kind, name, "-o", f"jsonpath={path}") == value
    assert re.search("already exists|already allocated", await kubectl("create", *words, fails=True))


async def test_configuration_from_files(kubectl, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "text").write_text("grüße\n")
    (tmp_path / "files" / "bytes").write_bytes(b"\xff\x00")
    (tmp_path / "env").write_text("A=1\nB=2\n")
    await kubectl("create", "configmap", "c", f"--from-file={tmp_path / 'files'}")
    found = await read(kubectl, "configmap", "c")
    assert found["data"] == {"text": "grüße\n"}
    assert base64.b64decode(found["binaryData"]["bytes"]) == b"\xff\x00"
    await kubectl("create", "secret", "generic", "s", f"--from-env-file={tmp_path / 'env'}")
    assert (await read(kubectl, "secret", "s"))["data"] == {"A": "MQ==", "B": "Mg=="}


async def test_run_and_expose(kubectl):
    made = await kubectl(
        "run", "web", "--image=i", "--port=80", "--labels=app=web", "--env=A=b", "--restart=Never"
    )
    assert "pod/web created" in made
    assert (await read(kubectl, "pod", "web"))["spec"]["containers"][0]["env"] == [
        {"name": "A", "value": "b"}
    ]
    assert "service/web exposed" in await kubectl("expose", "pod", "web", "--port=80", "--target-port=8080")
    assert (await read(kubectl, "service", "web"))["spec"]["selector"] == {"app": "web"}
    await kubectl("create", "deployment", "d", "--image=i")
    assert "service/d exposed" in await kubectl("expose", "deployment", "d", "--port=80", "--type=NodePort")
    assert "service/again exposed" in await kubectl("expose", "service", "d", "--port=81", "--name=again")
    controller = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "rc"},
        "spec": {
            "replicas": 1,
            "selector": {"app": "rc"},
            "template": {
                "metadata": {"labels": {"app": "rc"}},
                "spec": {"containers": [{"name": "a", "image": "i"}]},
            },
        },
    }
    await kubectl("create", "-f", "-", input=json.dumps(controller))
    # row "kubectl expose creates Services from an rc and from a Service with right ports" (v1.9)
    await kubectl("expose", "rc", "rc", "--name=rm2", "--port=1234", "--target-port=6379")
    await kubectl("expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379")
    for name, port in (("rm2", 1234), ("rm3", 2345)):
        [found] = (await read(kubectl, "service", name))["spec"]["ports"]
        assert (found["port"], found["targetPort"]) == (port, 6379)


async def test_autoscale(kubectl):
    await kubectl("create", "deployment", "d", "--image=i")
    said = await kubectl("autoscale", "deployment", "d", "--min=2", "--max=5", "--cpu-percent=80")
    assert "horizontalpodautoscaler.autoscaling/d autoscaled" in said
    assert "<unknown>/80%" in await kubectl("get", "hpa", "d")
    older = await read(kubectl, "horizontalpodautoscalers.v1.autoscaling", "d")
    assert older["spec"]["targetCPUUtilizationPercentage"] == 80


async def test_set(kubectl):
    await kubectl("create", "deployment", "d", "--image=i")
    await kubectl("create", "service", "clusterip", "s", "--tcp=80")
    await kubectl("create", "serviceaccount", "a")
    await kubectl("create", "rolebinding", "b", "--clusterrole=view", "--user=u")
    await kubectl("create", "configmap", "c", "--from-literal=k=v")
    assert "image updated" in await kubectl("set", "image", "deployment/d", "i=j:2")
    assert "env updated" in await kubectl("set", "env", "deployment/d", "A=b")
    assert "env updated" in await kubectl("set", "env", "deployment/d", "--from=configmap/c", "--prefix=C_")
    assert "# A=b" not in await kubectl("set", "env", "deployment/d", "--list")
    said = await kubectl("set", "resources", "deployment/d", "--limits=cpu=200m", "--requests=cpu=100m")
    assert "resource requirements updated" in said
    assert "serviceaccount updated" in await kubectl("set", "serviceaccount", "deployment/d", "a")
    assert "selector updated" in await kubectl("set", "selector", "service", "s", "x=y")
    assert "subjects updated" in await kubectl("set", "subject", "rolebinding", "b", "--group=g")
    spec = (await read(kubectl, "deployment", "d"))["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "a"
    [container] = spec["containers"]
    assert (container["image"], container["resources"]) == (
        "j:2",
        {"limits": {"cpu": "200m"}, "requests": {"cpu": "100m"}},
    )
    assert [one["name"] for one in container["env"]] == ["A", "C_k".upper()]
    assert (await read(kubectl, "service", "s"))["spec"]["selector"] == {"x": "y"}
    assert [one["name"] for one in (await read(kubectl, "rolebinding", "b"))["subjects"]] == ["u", "g"]


async def test_a_token_for_a_while(kubectl):
    assert (await kubectl("create", "token", "default", "--duration=10m", "--audience=x")).count(".") == 2
    assert 'serviceaccounts "none" not found' in await kubectl("create", "token", "none", fails=True)
