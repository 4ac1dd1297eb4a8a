"""What will not be served for ever says so in every answer, and in the metrics."""

from __future__ import annotations

import pytest

from podling.apiserver.deprecation import Deprecation

ENDPOINTS = "/api/v1/namespaces/default/endpoints"
ENDPOINTS_WARNING = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'


@pytest.mark.parametrize(
    ("path", "warning"),
    [
        (ENDPOINTS, ENDPOINTS_WARNING),
        ("/api/v1/endpoints", ENDPOINTS_WARNING),
        ("/api/v1/componentstatuses", '299 - "v1 ComponentStatus is deprecated in v1.19+"'),
        ("/apis/discovery.k8s.io/v1/endpointslices", None),
        ("/api/v1/pods", None),
    ],
)
async def test_lists(api, path: str, warning: str | None):
    assert (await api.get(path)).headers.get("Warning") == warning


async def test_every_verb_on_endpoints(api):
    made = await api.call("POST", ENDPOINTS, {"metadata": {"name": "a"}})
    assert made.status == 201
    answers = [
        made,
        await api.get(f"{ENDPOINTS}/a"),
        await api.put(f"{ENDPOINTS}/a", made.json | {"subsets": []}),
        await api.call("DELETE", f"{ENDPOINTS}/a"),
        await api.get(f"{ENDPOINTS}/a"),
    ]
    assert [answer.headers.get("Warning") for answer in answers] == [ENDPOINTS_WARNING] * 5
    asked = 'apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints"'
    assert asked in (await api.get("/metrics")).text


def test_release_that_serves_it_no_more_is_named():
    gone = Deprecation(shown="v1beta1 Thing", since="1.30", removed="1.33", instead="v1 Thing")
    assert gone.warning == "v1beta1 Thing is deprecated in v1.30+, unavailable in v1.33+; use v1 Thing"


async def test_what_is_taken_but_better_said_otherwise_comes_with_a_warning(api):
    path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    meta = {"name": "a", "annotations": {"kubernetes.io/ingress.class": "nginx"}}
    made = await api.call("POST", path, {"metadata": meta, "spec": {"defaultBackend": backend}})
    assert made.status == 201
    assert made.headers["Warning"] == (
        '299 - "annotation \\"kubernetes.io/ingress.class\\" is deprecated, please use \'spec.ingressClassName\' instead"'
    )
    changed = await api.put(
        f"{path}/a", made.json | {"spec": {"ingressClassName": "nginx", "defaultBackend": backend}}
    )
    assert "Warning" not in changed.headers


async def test_a_change_that_brings_something_old_in_is_warned_of(api):
    path = "/api/v1/namespaces/default/serviceaccounts"
    made = await api.call("POST", path, {"metadata": {"name": "a"}})
    assert "Warning" not in made.headers
    annotated = {"name": "a", "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}
    changed = await api.put(f"{path}/a", {"metadata": annotated})
    assert changed.headers["Warning"] == (
        '299 - "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate '
        'namespaces to isolate access to mounted secrets"'
    )
    assert (
        "Warning"
        not in (await api.put(f"{path}/a", {"metadata": annotated | {"labels": {"a": "b"}}})).headers
    )
