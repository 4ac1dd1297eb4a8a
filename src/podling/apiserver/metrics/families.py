"""Names, types, labels and buckets: those of upstream's API server at 1.37, with words of our own.

Source: test/instrumentation/testdata/stable-metrics-list.yaml and, for what is not stable yet, the reference "Kubernetes
Metrics" and k8s.io/apiserver/pkg/{endpoints/metrics,storage/etcd3/metrics,endpoints/filters}.
"""

from __future__ import annotations

from podling.aio.metrics import Family

_SECONDS = (
    0.005,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    15,
    20,
    30,
    45,
    60,
)
_RESOURCE = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_REQUEST = ("verb", "dry_run", *_RESOURCE[1:])

REQUESTS = Family(
    "apiserver_request_total",
    "counter",
    (*_REQUEST, "code"),
    "Requests answered, by what was asked and how.",
    "STABLE",
)
DURATIONS = Family(
    "apiserver_request_duration_seconds",
    "histogram",
    _REQUEST,
    "Seconds from a request to the end of its answer.",
    "STABLE",
    _SECONDS,
)
SLI_SKIPS = 2
"""The first bounds that the next family does without."""
SLI_DURATIONS = Family(
    "apiserver_request_sli_duration_seconds",
    "histogram",
    _RESOURCE,
    "Seconds from a request to the end of its answer, whatever they were spent on.",
    "ALPHA",
    _SECONDS[SLI_SKIPS:],
)
SIZES = Family(
    "apiserver_response_sizes",
    "histogram",
    _RESOURCE,
    "Bytes of answers to reads.",
    "STABLE",
    (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9),
)
LONG_RUNNING = Family(
    "apiserver_longrunning_requests", "gauge", _RESOURCE, "Watches, logs and sessions under way.", "STABLE"
)
IN_FLIGHT = Family(
    "apiserver_current_inflight_requests",
    "gauge",
    ("request_kind",),
    "The most requests that were under way at once during the last second.",
    "STABLE",
)
DEPRECATED = Family(
    "apiserver_requested_deprecated_apis",
    "gauge",
    ("group", "version", "resource", "subresource", "removed_release"),
    "Deprecated APIs that somebody has asked for.",
    "STABLE",
)
TERMINATIONS = Family(
    "apiserver_request_terminations_total",
    "counter",
    (*_RESOURCE, "code"),
    "Requests turned away or given up to protect the server.",
)
ABORTS = Family(
    "apiserver_request_aborts_total",
    "counter",
    _RESOURCE[:-1],
    "Answers broken off because the client did not take them.",
)
TLS_ERRORS = Family("apiserver_tls_handshake_errors_total", "counter", (), "TLS handshakes that failed.")
WATCH_EVENTS = Family(
    "apiserver_watch_events_total", "counter", ("group", "version", "resource"), "Events sent to watchers."
)
STORED_OBJECTS = Family(
    "apiserver_storage_objects", "gauge", ("resource",), "Objects stored, by resource and group.", "STABLE"
)
RESOURCE_OBJECTS = Family(
    "apiserver_resource_objects", "gauge", ("group", "resource"), "Objects stored, by resource."
)
RESOURCE_SIZES = Family(
    "apiserver_resource_size_estimate_bytes", "gauge", ("group", "resource"), "Bytes of the objects stored."
)
STORE_SIZE = Family(
    "apiserver_storage_size_bytes", "gauge", ("storage_cluster_id",), "Bytes of the store's files.", "STABLE"
)
AUTHENTICATIONS = Family(
    "authentication_attempts", "counter", ("result",), "Requests whose sender was asked for."
)
AUTHENTICATED = Family(
    "authenticated_user_requests",
    "counter",
    ("username",),
    "Requests of known users, their names put together.",
)
AUTHORIZATIONS = Family(
    "authorization_attempts_total", "counter", ("result",), "Requests that were allowed or denied."
)
BUILD = Family(
    "kubernetes_build_info",
    "gauge",
    (
        "major",
        "minor",
        "git_version",
        "git_commit",
        "git_tree_state",
        "build_date",
        "go_version",
        "compiler",
        "platform",
    ),
    "Always 1; the labels are the version.",
)
HEALTHCHECK = Family(
    "kubernetes_healthcheck",
    "gauge",
    ("name", "type"),
    "Whether a check passed when it was last made.",
    "STABLE",
)
HEALTHCHECKS = Family(
    "kubernetes_healthchecks_total",
    "counter",
    ("name", "type", "status"),
    "Checks made, by result.",
    "STABLE",
)

_FLOW = ("priority_level", "flow_schema")
FLOW_DISPATCHED = Family(
    "apiserver_flowcontrol_dispatched_requests_total",
    "counter",
    _FLOW,
    "Requests that priority and fairness let in.",
    "BETA",
)
FLOW_EXECUTING = Family(
    "apiserver_flowcontrol_current_executing_requests",
    "gauge",
    _FLOW,
    "Requests under way; of watches, those that are being begun.",
    "BETA",
)
FLOW_WAITING = Family(
    "apiserver_flowcontrol_current_inqueue_requests", "gauge", _FLOW, "Requests that wait for a seat.", "BETA"
)
FLOW_REJECTED = Family(
    "apiserver_flowcontrol_rejected_requests_total",
    "counter",
    (*_FLOW, "reason"),
    "Requests that priority and fairness turned away.",
    "BETA",
)
FLOW_NOMINAL = Family(
    "apiserver_flowcontrol_nominal_limit_seats",
    "gauge",
    ("priority_level",),
    "Seats that a level has before any are lent or borrowed.",
    "BETA",
)
FLOW_SEATS = Family(
    "apiserver_flowcontrol_current_executing_seats",
    "gauge",
    ("priority_level",),
    "Seats in use.",
    "BETA",
)
AUDIT_EVENTS = Family("apiserver_audit_event_total", "counter", (), "Audit events made.")
AUDIT_ERRORS = Family(
    "apiserver_audit_error_total", "counter", ("plugin",), "Audit events that could not be written."
)
AUDIT_LEVELS = Family(
    "apiserver_audit_level_total",
    "counter",
    ("level",),
    "Requests by how much the audit policy asks of them.",
)
