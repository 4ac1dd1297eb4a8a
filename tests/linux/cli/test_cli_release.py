"""``podling up --kubernetes-version``: older releases of the API, and what they mean for the cluster around it."""

import json


def test_a_cluster_of_the_oldest_release_runs_pods_and_stays_one(cli):
    cli.up("--runtime", "simulated", "--kubernetes-version", "1.25")
    node = json.loads(cli("get", "nodes", "-o", "json").out)["items"][0]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.25.0"
    pod = {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "1000"]}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    cli("apply", "-f", "-", input=json.dumps(web))
    cli.kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=60s")
    pods = cli.kubectl("get", "pods", "-o", "json")
    assert "observedGeneration" not in pods, "1.34 brought it"
    states = cli("controllers", "-o", "json").document
    assert [each["name"] for each in states if each["on"] and each["last_error"]] == []
    again = cli.kubectl("get", "pods", "-o", "json")
    assert versions(again) == versions(pods), "nobody writes what this release does not keep, again and again"
    cli("down")
    cli("up")
    assert '"gitVersion": "v1.25.0"' in cli.kubectl("get", "--raw", "/version").replace('":"', '": "')


def versions(pods):
    return {
        each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in json.loads(pods)["items"]
    }


def test_a_release_that_is_not_known_is_refused_and_nothing_is_made(cli):
    refused = cli("up", "--kubernetes-version", "1.24", code=2)
    assert "known are 1.25 to 1.37" in refused.err
    assert not cli.layout.config.exists()
