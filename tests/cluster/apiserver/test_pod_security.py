"""Namespaces that ask for a Pod Security Standard: what is refused, what is warned of, and when."""

from __future__ import annotations

import pytest

MERGE = "application/merge-patch+json"
PODS = "/api/v1/namespaces/strict/pods"
PLAIN = {"containers": [{"name": "a", "image": "busybox:1"}]}
GOOD = {
    "containers": [
        {
            "name": "a",
            "image": "busybox:1",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
    ]
}
WHY = (
    'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to '
    '"RuntimeDefault" or "Localhost")'
)


def labels(**modes: str) -> dict[str, str]:
    return {f"pod-security.kubernetes.io/{mode.replace('_', '-')}": text for mode, text in modes.items()}


def warning(text: str) -> str:
    quoted = text.replace('"', '\\"')
    return f'299 - "{quoted}"'


async def namespace(api, **modes: str) -> None:
    await api.make("/api/v1/namespaces", {"metadata": {"name": "strict", "labels": labels(**modes)}})
    account = {"metadata": {"name": "default"}}
    await api.make("/api/v1/namespaces/strict/serviceaccounts", account)


def pod(name: str, spec: dict) -> dict:
    return {"metadata": {"name": name}, "spec": spec}


async def test_what_is_enforced_refuses_pods(api):
    await namespace(api, enforce="restricted")
    refused = await api.call("POST", PODS, pod("plain", PLAIN))
    assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
    assert refused.message == f'pods "plain" is forbidden: violates PodSecurity "restricted:latest": {WHY}'
    assert "Warning" not in refused.headers
    assert (await api.call("POST", PODS, pod("good", GOOD))).status == 201
    elsewhere = await api.call("POST", "/api/v1/namespaces/default/pods", pod("plain", PLAIN))
    assert elsewhere.status == 201


async def test_what_is_warned_of_is_let_in(api):
    await namespace(api, enforce="baseline", warn="restricted", warn_version="v1.30")
    made = await api.call("POST", PODS, pod("plain", PLAIN))
    assert made.status == 201
    assert made.headers["Warning"] == warning(f'would violate PodSecurity "restricted:v1.30": {WHY}')


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        (
            "/apis/apps/v1/namespaces/strict/deployments",
            {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": PLAIN},
            },
        ),
        (
            "/apis/batch/v1/namespaces/strict/cronjobs",
            {
                "schedule": "* * * * *",
                "jobTemplate": {"spec": {"template": {"spec": PLAIN | {"restartPolicy": "Never"}}}},
            },
        ),
    ],
)
async def test_what_makes_pods_is_warned_of_and_let_in(api, path: str, spec: dict):
    await namespace(api, enforce="restricted")
    made = await api.call("POST", path, {"metadata": {"name": "web"}, "spec": spec})
    assert made.status == 201
    assert made.headers["Warning"] == warning(f'would violate PodSecurity "restricted:latest": {WHY}')


async def test_template_of_pods(api):
    await namespace(api, enforce="restricted")
    body = {"metadata": {"name": "t"}, "template": {"spec": PLAIN}}
    made = await api.call("POST", "/api/v1/namespaces/strict/podtemplates", body)
    assert (made.status, "Warning" in made.headers) == (201, True)


async def test_labels_that_make_no_sense(api):
    body = {"metadata": {"name": "odd", "labels": labels(enforce="strict")}}
    refused = await api.call("POST", "/api/v1/namespaces", body)
    assert refused.status == 422
    assert refused.message == (
        'Namespace "odd" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": '
        "must be one of privileged, baseline, restricted"
    )


async def test_new_label_tells_which_pods_would_not_be_let_in(api):
    await namespace(api)
    for name, spec in (("b", PLAIN), ("a", PLAIN), ("good", GOOD), ("host", PLAIN | {"hostPID": True})):
        await api.make(PODS, pod(name, spec))
    change = {"metadata": {"labels": labels(enforce="baseline")}}
    answer = await api.patch("/api/v1/namespaces/strict", change, content_type=MERGE)
    violate = 'existing pods in namespace "strict" violate the new PodSecurity enforce level'
    assert answer.headers["Warning"] == ", ".join(
        [warning(f'{violate} "baseline:latest"'), warning("host: host namespaces")]
    )
    change = {"metadata": {"labels": labels(enforce="restricted")}}
    answer = await api.patch("/api/v1/namespaces/strict", change, content_type=MERGE)
    reasons = (
        "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    )
    assert answer.headers["Warning"] == ", ".join(
        [
            warning(f'{violate} "restricted:latest"'),
            warning(f"a (and 1 other pod): {reasons}"),
            warning(f"host: host namespaces, {reasons}"),
        ]
    )
    change = {"metadata": {"labels": labels(enforce="baseline")}}
    relaxed = await api.patch("/api/v1/namespaces/strict", change, content_type=MERGE)
    assert "Warning" not in relaxed.headers


async def test_pods_that_are_there_may_change_in_what_does_not_matter(api):
    await namespace(api)
    await api.make(PODS, pod("plain", PLAIN))
    await api.patch(
        "/api/v1/namespaces/strict",
        {"metadata": {"labels": labels(enforce="restricted")}},
        content_type=MERGE,
    )
    relabelled = {"metadata": {"labels": {"a": "b"}}}
    assert (await api.patch(f"{PODS}/plain", relabelled, content_type=MERGE)).status == 200
    image = [{"op": "replace", "path": "/spec/containers/0/image", "value": "busybox:2"}]
    refused = await api.patch(f"{PODS}/plain", image, content_type="application/json-patch+json")
    assert refused.status == 403
    assert 'violates PodSecurity "restricted:latest"' in refused.message


async def test_ephemeral_container_is_looked_at_too(api):
    await namespace(api, enforce="baseline")
    await api.make(PODS, pod("good", GOOD))
    added = {"name": "debug", "image": "busybox:1", "securityContext": {"privileged": True}}
    change = {"spec": {"ephemeralContainers": [added]}}
    refused = await api.patch(f"{PODS}/good/ephemeralcontainers", change)
    assert refused.status == 403
    assert 'privileged (container "debug" must not set securityContext.privileged=true)' in refused.message
