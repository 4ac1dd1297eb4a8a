"""``podling up --audit-policy-file``: an audit log beside the cluster, and policies that cannot be followed."""

import json

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  resources: [{group: "", resources: [configmaps]}]
  namespaces: [default]
"""


def test_what_users_do_is_on_record(cli, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    cli.up("--runtime", "simulated", "--audit-policy-file", str(policy))
    cli("apply", "-f", "-", input="{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: 'y'}}")
    log = cli.layout.cluster / "audit.log"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    (made,) = [
        event
        for event in events
        if event["user"]["username"] == "kubernetes-admin" and event["verb"] != "get"
    ]
    assert made["objectRef"]["name"] == "a"
    assert made["requestObject"]["data"] == {"x": "y"}
    assert made["sourceIPs"] == ["127.0.0.1"]
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_policy_that_cannot_be_followed_is_refused_and_nothing_is_made(cli, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace("Request\n", "Loud\n"))
    refused = cli("up", "--audit-policy-file", str(policy), code=2)
    assert 'rules[0].level: Unsupported value: "Loud"' in refused.err
    assert "no such file" in cli("up", "--audit-policy-file", "none.yaml", code=2).err.lower()
    assert not cli.layout.config.exists()
