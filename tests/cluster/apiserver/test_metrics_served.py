"""`/metrics` and `/metrics/slis`: names, labels, types and buckets of upstream, and what they count."""

from __future__ import annotations

import asyncio
import re

import pytest

from podling.apiserver.request import UserInfo
from podling.testing.virtualtime import virtual

CONFIGS = "/api/v1/namespaces/default/configmaps"
EVE = UserInfo("eve", groups=("system:authenticated",))
RESOURCE = "component group resource scope subresource verb version"
SECONDS = "0.005 0.025 0.05 0.1 0.2 0.4 0.6 0.8 1 1.25 1.5 2 3 4 5 6 8 10 15 20 30 45 60 +Inf"

STABLE = "test/instrumentation/testdata/stable-metrics-list.yaml"
ENDPOINTS = "k8s.io/apiserver/pkg/endpoints/metrics/metrics.go"
STORAGE = "k8s.io/apiserver/pkg/storage/etcd3/metrics/metrics.go"
FILTERS = "k8s.io/apiserver/pkg/endpoints/filters/metrics.go"
CLIENT = "github.com/prometheus/client_golang process_collector.go"
VERSION = "k8s.io/component-base/metrics/prometheus/version/metrics.go"
FLOW_CONTROL = "k8s.io/apiserver/pkg/util/flowcontrol/metrics/metrics.go"
SLIS = "k8s.io/component-base/metrics/prometheus/slis/metrics.go"

TABLE = [
    ("apiserver_request_total", "counter", f"code dry_run {RESOURCE}", STABLE),
    ("apiserver_request_duration_seconds", "histogram", f"dry_run {RESOURCE}", STABLE),
    ("apiserver_request_sli_duration_seconds", "histogram", RESOURCE, ENDPOINTS),
    ("apiserver_response_sizes", "histogram", RESOURCE, STABLE),
    ("apiserver_longrunning_requests", "gauge", RESOURCE, STABLE),
    ("apiserver_current_inflight_requests", "gauge", "request_kind", STABLE),
    (
        "apiserver_requested_deprecated_apis",
        "gauge",
        "group removed_release resource subresource version",
        STABLE,
    ),
    (
        "apiserver_admission_controller_admission_duration_seconds",
        "histogram",
        "name operation rejected type",
        STABLE,
    ),
    ("apiserver_admission_step_admission_duration_seconds", "histogram", "operation rejected type", STABLE),
    ("apiserver_request_terminations_total", "counter", f"code {RESOURCE}", ENDPOINTS),
    ("apiserver_tls_handshake_errors_total", "counter", "", ENDPOINTS),
    (
        "apiserver_watch_events_total",
        "counter",
        "group resource version",
        "the reference 'Kubernetes Metrics'",
    ),
    ("apiserver_storage_objects", "gauge", "resource", STABLE),
    ("apiserver_resource_objects", "gauge", "group resource", STORAGE),
    ("apiserver_resource_size_estimate_bytes", "gauge", "group resource", STORAGE),
    ("authentication_attempts", "counter", "result", FILTERS),
    ("authenticated_user_requests", "counter", "username", FILTERS),
    ("authorization_attempts_total", "counter", "result", FILTERS),
    (
        "kubernetes_build_info",
        "gauge",
        "build_date compiler git_commit git_tree_state git_version go_version major minor platform",
        VERSION,
    ),
    (
        "apiserver_flowcontrol_dispatched_requests_total",
        "counter",
        "flow_schema priority_level",
        FLOW_CONTROL,
    ),
    (
        "apiserver_flowcontrol_current_executing_requests",
        "gauge",
        "flow_schema priority_level",
        FLOW_CONTROL,
    ),
    ("apiserver_flowcontrol_current_executing_seats", "gauge", "priority_level", FLOW_CONTROL),
    ("apiserver_flowcontrol_nominal_limit_seats", "gauge", "priority_level", FLOW_CONTROL),
    ("process_cpu_seconds_total", "counter", "", CLIENT),
    ("process_max_fds", "gauge", "", CLIENT),
    ("process_open_fds", "gauge", "", CLIENT),
    ("process_resident_memory_bytes", "gauge", "", CLIENT),
    ("process_start_time_seconds", "gauge", "", CLIENT),
    ("process_virtual_memory_bytes", "gauge", "", CLIENT),
    ("process_virtual_memory_max_bytes", "gauge", "", CLIENT),
]
CHECKS = [
    ("kubernetes_healthcheck", "gauge", "name type", SLIS),
    ("kubernetes_healthchecks_total", "counter", "name status type", SLIS),
]


def types(text):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def labels(text, name):
    """The sets of label names under which a family has samples."""
    found = set()
    for rest in re.findall(rf"^{name}(?:_bucket|_sum|_count)?(\{{.*\}})? \S+$", text, re.MULTILINE):
        found.add(
            " ".join(sorted(label for label, _ in re.findall(r'(\w+)="([^"]*)"', rest) if label != "le"))
        )
    return found


def value(text, name, /, **wanted):
    """The sum of the samples whose labels are as wanted."""
    total = 0.0
    for rest, number in re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE):
        given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if all(given.get(label) == word for label, word in wanted.items()):
            total += float(number)
    return total


async def metrics(api, path="/metrics"):
    answer = await api.get(path)
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


async def busy(api):
    """Do something of everything that is counted."""
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    await api.get(CONFIGS)
    await api.get("/api/v1/namespaces/default/endpoints")
    await api.by(EVE).get(CONFIGS)
    await api.by(None).get("/healthz")
    await api.get(CONFIGS, resourceVersion="100000", timeout="1ms")
    stream = await api.watch(CONFIGS)
    await stream.next()


@virtual
async def test_names_types_and_labels_are_upstreams(world):
    async with world() as api:
        await busy(api)
        text = await metrics(api)
        found = {name: (kind, labels(text, name)) for name, kind in types(text).items()}
        assert found == {name: (kind, {" ".join(sorted(names.split()))}) for name, kind, names, _ in TABLE}


@virtual
async def test_health_checks_have_a_page_of_their_own(world):
    async with world() as api:
        await api.by(None).get("/readyz")
        await api.by(None).get("/livez")
        text = await metrics(api, "/metrics/slis")
        found = {name: (kind, labels(text, name)) for name, kind in types(text).items()}
        assert found == {name: (kind, {names}) for name, kind, names, _ in CHECKS}
        assert 'kubernetes_healthcheck{name="etcd",type="livez"} 1\n' in text
        assert 'kubernetes_healthchecks_total{name="ping",status="success",type="readyz"} 1\n' in text


@virtual
async def test_buckets_are_upstreams(world):
    async with world() as api:
        await busy(api)
        text = await metrics(api)

    def bounds(name):
        return list(dict.fromkeys(re.findall(rf'^{name}_bucket{{.*le="(\S+)"}}', text, re.MULTILINE)))

    assert bounds("apiserver_request_duration_seconds") == SECONDS.split()
    assert bounds("apiserver_request_sli_duration_seconds") == SECONDS.split()[2:]
    assert bounds("apiserver_response_sizes") == [
        "1000",
        "10000",
        "100000",
        "1e+06",
        "1e+07",
        "1e+08",
        "1e+09",
        "+Inf",
    ]


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "wanted"),
    [
        (
            "GET",
            CONFIGS,
            {},
            None,
            {"verb": "LIST", "scope": "namespace", "resource": "configmaps", "code": "200"},
        ),
        ("GET", "/api/v1/configmaps", {}, None, {"verb": "LIST", "scope": "cluster", "code": "200"}),
        ("GET", f"{CONFIGS}/none", {}, None, {"verb": "GET", "scope": "resource", "code": "404"}),
        (
            "POST",
            CONFIGS,
            {},
            {"metadata": {"name": "p"}},
            {"verb": "POST", "scope": "resource", "code": "201"},
        ),
        ("POST", CONFIGS, {"dryRun": "All"}, {"metadata": {"name": "p"}}, {"verb": "POST", "dry_run": "All"}),
        ("DELETE", CONFIGS, {}, None, {"verb": "DELETE", "scope": "namespace", "code": "200"}),
        (
            "GET",
            "/healthz/ping",
            {},
            None,
            {"verb": "GET", "subresource": "/healthz", "component": "", "scope": ""},
        ),
        ("OPTIONS", CONFIGS, {}, None, {"verb": "other", "code": "405"}),
    ],
)
async def test_a_request_is_counted_as_upstream_names_it(api, method, path, query, body, wanted):
    before = value(await metrics(api), "apiserver_request_total", **wanted)
    await api.call(method, path, body, **query)
    assert value(await metrics(api), "apiserver_request_total", **wanted) == before + 1


async def test_an_apply_is_no_patch(api):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    answer = await api.patch(
        f"{CONFIGS}/a", body, content_type="application/apply-patch+yaml", fieldManager="me"
    )
    assert answer.status == 201
    assert value(await metrics(api), "apiserver_request_total", verb="APPLY", code="201") == 1


async def test_made_up_names_are_not_remembered(api):
    await metrics(api)
    before = len(api.server.metrics._series)
    for number in range(200):
        await api.get(f"/api/v1/namespaces/default/made-up-{number}")
        await api.get(f"/apis/made-up-{number}/v1/things/x")
        await api.get(f"/nothing/{number}")
        await api.get(f"{CONFIGS}/a/made-up-{number}")
        await api.get(f"/healthz/{number}")
    assert len(api.server.metrics._series) == before + 1


async def test_a_watch_is_under_way_until_it_is_closed(api):
    wanted = {"verb": "WATCH", "resource": "configmaps"}
    stream = await api.watch(CONFIGS)
    for name in ("a", "b"):
        await api.make(CONFIGS, {"metadata": {"name": name}})
    await stream.names(2)
    text = await metrics(api)
    assert value(text, "apiserver_longrunning_requests", **wanted) == 1
    assert value(text, "apiserver_request_total", **wanted) == 0, "it has not ended"
    assert value(text, "apiserver_watch_events_total", resource="configmaps") == 2
    await stream.close()
    await stream.close()
    text = await metrics(api)
    assert value(text, "apiserver_longrunning_requests", **wanted) == 0
    assert value(text, "apiserver_request_total", **wanted) == 1


@virtual
async def test_who_is_turned_away_or_given_up_is_counted(world):
    async with world(fairness=False, max_reads_in_flight=1) as api:
        waiting = asyncio.ensure_future(api.get(CONFIGS, resourceVersion="100000"))
        await asyncio.sleep(0.01)
        assert (await api.by(EVE).send("GET", CONFIGS)).status == 429
        text = await metrics(api)
        assert value(text, "apiserver_current_inflight_requests", request_kind="readOnly") == 2
        assert value(text, "apiserver_request_terminations_total", code="429", verb="LIST") == 1
        await waiting
        await api.get(CONFIGS, resourceVersion="100000", timeout="1s")
        assert value(await metrics(api), "apiserver_request_terminations_total", code="504") == 1


async def test_admission_is_timed_by_what_became_of_it(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    assert (await api.post("/api/v1/namespaces/none/configmaps", {"metadata": {"name": "a"}})).status == 404
    text = await metrics(api)
    name = "apiserver_admission_controller_admission_duration_seconds"
    asked = {"name": "NamespaceLifecycle", "operation": "CREATE", "type": "admit"}
    assert value(text, f"{name}_count", **asked, rejected="false") >= 1
    assert value(text, f"{name}_count", **asked, rejected="true") == 1
    steps = "apiserver_admission_step_admission_duration_seconds_count"
    assert value(text, steps, operation="CREATE", type="admit", rejected="true") == 1
    bounds = re.findall(rf'^{name}_bucket{{name="NamespaceLifecycle".*le="(\S+)"}}', text, re.MULTILINE)
    assert bounds[:7] == ["0.005", "0.025", "0.1", "0.5", "1", "2.5", "+Inf"]


async def test_stored_objects_are_counted_by_resource(api):
    for name in ("a", "b", "c"):
        await api.make(
            "/apis/apps/v1/namespaces/default/controllerrevisions",
            {"metadata": {"name": name}, "revision": 1, "data": {"a": 1}},
        )
    text = await metrics(api)
    assert value(text, "apiserver_storage_objects", resource="controllerrevisions.apps") == 3
    assert value(text, "apiserver_resource_objects", group="apps", resource="controllerrevisions") == 3
    assert value(text, "apiserver_resource_size_estimate_bytes", resource="controllerrevisions") > 300


async def test_strangers_and_the_denied_are_counted(api):
    await api.by(None).get(CONFIGS, headers={"authorization": "Bearer wrong"})
    await api.by(EVE).get(CONFIGS)
    text = await metrics(api)
    assert value(text, "authentication_attempts", result="failure") == 1
    assert value(text, "authorization_attempts_total", result="denied") == 1


async def test_who_may_not_see_metrics_does_not(api):
    for path in ("/metrics", "/metrics/slis"):
        assert (await api.by(EVE).get(path)).status == 403
    assert (await api.get("/metrics/none")).status == 404


@pytest.mark.parametrize("root", ["healthz", "livez", "readyz"])
async def test_checks_can_be_seen_one_by_one_and_left_out(api, root):
    said = await api.get(f"/{root}", verbose="", exclude="etcd")
    assert said.status == 200
    assert "[+]ping ok\n" in said.text
    assert "[+]etcd excluded: ok\n" in said.text
    assert said.text.endswith(f"{root} check passed\n")
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    odd = await api.get(f"/{root}", verbose="", exclude="none")
    assert 'warn: some health checks cannot be excluded: no matches for "none"\n' in odd.text
    assert (await api.get(f"/{root}/etcd")).text == "ok"
    assert (await api.get(f"/{root}/none")).status == 404


async def test_a_check_that_fails_is_told_without_its_reason(api):
    api.server._services.closing.set()
    assert (await api.get("/livez")).status == 200
    ready = await api.get("/readyz")
    assert (ready.status, ready.text.splitlines()[-2:]) == (
        500,
        ["[-]shutdown failed: reason withheld", "readyz check failed"],
    )
    slis = await metrics(api, "/metrics/slis")
    assert 'kubernetes_healthcheck{name="shutdown",type="readyz"} 0\n' in slis
    assert 'kubernetes_healthchecks_total{name="shutdown",status="error",type="readyz"} 1\n' in slis
    one = await api.get("/readyz/shutdown")
    assert (one.status, one.text) == (500, "internal server error: the server is shutting down\n")
