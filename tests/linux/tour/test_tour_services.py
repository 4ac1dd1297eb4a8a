"""Services on real containers: who stands behind them, reached through the API server; and namespaces with limits."""

from __future__ import annotations

import json

import pytest

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, "mkdir /www; hostname >/www/index.html; exec httpd -f -p 8080 -h /www"]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
"""
QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: small}
spec:
  hard: {pods: "1", limits.memory: 64Mi}
---
apiVersion: v1
kind: LimitRange
metadata: {name: usual}
spec:
  limits:
  - type: Container
    default: {memory: 32Mi}
    max: {memory: 48Mi}
"""


@pytest.fixture
def space(kubectl):
    """A namespace of the test's own, deleted with all that is in it."""
    kubectl("create", "namespace", "served")
    yield "served"
    kubectl("delete", "namespace", "served", "--ignore-not-found", "--wait")


def endpoints(kubectl, space):
    found = json.loads(
        kubectl("get", "endpointslices", "-n", space, "-l", "kubernetes.io/service-name=web", "-ojson")
    )
    return {
        each["targetRef"]["name"]: each["addresses"][0]
        for held in found["items"]
        for each in held["endpoints"] or ()
        if each["conditions"]["ready"]
    }


def test_ready_pods_stand_behind_a_service_and_answer_through_the_api_server(kubectl, space):
    kubectl("apply", "-n", space, "-f", "-", input=WEB)
    kubectl("rollout", "status", "-n", space, "deployment/web", "--timeout=50s")
    pods = json.loads(kubectl("get", "pods", "-n", space, "-o", "json"))["items"]
    by_name = {each["metadata"]["name"]: each["status"]["podIP"] for each in pods}
    kubectl(
        "wait", "-n", space, "endpoints/web", "--for=jsonpath={.subsets[0].addresses[1].ip}", "--timeout=20s"
    )
    assert endpoints(kubectl, space) == by_name
    said = kubectl("get", "--raw", f"/api/v1/namespaces/{space}/services/web/proxy/")
    assert said.strip() in by_name
    kubectl("scale", "-n", space, "deployment/web", "--replicas=0")
    kubectl("wait", "-n", space, "pod", "-l", "app=web", "--for=delete", "--timeout=40s")
    assert endpoints(kubectl, space) == {}
    refused = kubectl("get", "--raw", f"/api/v1/namespaces/{space}/services/web/proxy/", code=1)
    assert "no endpoints available" in refused


def test_a_namespace_with_limits_lets_in_what_fits_and_tells_the_rest_why(kubectl, space):
    kubectl("apply", "-n", space, "-f", "-", input=QUOTA)
    kubectl("wait", "-n", space, "quota/small", "--for=jsonpath={.status.used.pods}=0", "--timeout=20s")
    kubectl("run", "one", "-n", space, "--image=busybox", "--command", "--", "sleep", "3600")
    limits = kubectl(
        "get", "pod", "one", "-n", space, "-o", "jsonpath={.spec.containers[0].resources.limits}"
    )
    assert limits == '{"memory":"32Mi"}'
    refused = kubectl("run", "two", "-n", space, "--image=busybox", code=1)
    assert (
        'pods "two" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
        in refused
    )
    described = kubectl("describe", "quota", "small", "-n", space)
    assert [line.split() for line in described.splitlines()[-2:]] == [
        ["limits.memory", "32Mi", "64Mi"],
        ["pods", "1", "1"],
    ]
    kubectl("delete", "pod", "one", "-n", space, "--now")
    kubectl("wait", "-n", space, "quota/small", "--for=jsonpath={.status.used.pods}=0", "--timeout=20s")
