"""Audit policies and the log file: which rule takes a request, what a policy may not say, how files are put away.

Source: API reference "Auditing" and kube-apiserver Audit Configuration (v1); k8s.io/apiserver/pkg/audit/policy.
"""

import json

import pytest

from podling.apiserver.audit.log import MEGABYTE, RotatedLog, Rotation
from podling.apiserver.audit.policy import BadPolicy, extent, load
from podling.apiserver.request import RequestInfo, UserInfo

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
EXAMPLE = (
    HEAD
    + """
omitStages: [RequestReceived]
rules:
- level: RequestResponse
  resources: [{group: "", resources: [pods]}]
- level: Metadata
  resources: [{group: "", resources: [pods/log, "pods/status"]}]
- level: None
  resources: [{group: "", resources: [configmaps], resourceNames: [controller-leader]}]
- level: None
  users: ["system:kube-proxy"]
  verbs: [watch]
  resources: [{group: "", resources: [endpoints, services]}]
- level: None
  userGroups: ["system:authenticated"]
  nonResourceURLs: ["/api*", "/version"]
- level: Request
  resources: [{group: "", resources: [configmaps]}]
  namespaces: [kube-system]
  omitManagedFields: true
- level: Metadata
  resources: [{group: "", resources: [secrets]}, {group: extensions}]
  omitStages: [ResponseComplete]
- level: Metadata
  resources: [{group: apps, resources: ["*/scale"]}]
"""
)
"""After the example of the documentation."""
ANN = UserInfo("ann", groups=("system:authenticated",))
PROXY = UserInfo("system:kube-proxy")


def about(resource, *, verb="get", subresource="", group="", namespace="default", name=""):
    return RequestInfo(
        verb=verb,
        path="",
        is_resource=True,
        group=group,
        version="v1",
        namespace=namespace,
        resource=resource,
        subresource=subresource,
        name=name,
    )


@pytest.mark.parametrize(
    ("user", "info", "level"),
    [
        (ANN, about("pods"), "RequestResponse"),
        (ANN, about("pods", subresource="log"), "Metadata"),
        (ANN, about("pods", subresource="exec"), "None"),
        (ANN, about("configmaps", name="controller-leader"), "None"),
        (ANN, about("configmaps", name="other", namespace="kube-system"), "Request"),
        (ANN, about("configmaps", name="other"), "None"),
        (PROXY, about("services", verb="watch"), "None"),
        (ANN, about("secrets"), "Metadata"),
        (ANN, about("anything", group="extensions"), "Metadata"),
        (ANN, about("deployments", group="apps", subresource="scale"), "Metadata"),
        (ANN, about("deployments", group="apps"), "None"),
        (ANN, RequestInfo(verb="get", path="/apis/apps"), "None"),
        (None, RequestInfo(verb="get", path="/metrics"), "None"),
    ],
)
def test_the_first_rule_that_matches_says_how_much_is_told(user, info, level):
    assert extent(load(EXAMPLE), user, info).level == level


def test_stages_are_left_out_by_the_policy_and_by_the_rule():
    policy = load(EXAMPLE)
    assert extent(policy, ANN, about("pods")).omitted == {"RequestReceived"}
    assert extent(policy, ANN, about("secrets")).omitted == {"RequestReceived", "ResponseComplete"}
    assert not extent(policy, ANN, about("pods")).without_managed_fields
    assert extent(policy, ANN, about("configmaps", namespace="kube-system")).without_managed_fields


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: Policy\nrules: [{level: None}]", "apiVersion and kind must be audit.k8s.io/v1 and Policy"),
        (HEAD + "rules: []", "loaded illegal policy with 0 rules"),
        (HEAD + "rules: [{level: Loud}]", 'rules[0].level: Unsupported value: "Loud"'),
        (HEAD + "rules: [{}]", "rules[0].level: Required value"),
        (HEAD + "rules: [{level: None, stages: [x]}]", "unknown field `stages`"),
        (
            HEAD + "rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]",
            "rules cannot apply to both regular resources and non-resource URLs",
        ),
        (HEAD + "rules: [{level: None, nonResourceURLs: [a]}]", "must begin with a '/' character"),
        (
            HEAD + "rules: [{level: None, nonResourceURLs: ['/a*b']}]",
            "must be the final character of the rule",
        ),
        (
            HEAD + "rules: [{level: None, resources: [{resourceNames: [a]}]}]",
            "using resourceNames requires at least one resource",
        ),
        (HEAD + "omitStages: [Never]\nrules: [{level: None}]", "omitStages[0]: Invalid value"),
        ("a: [", "audit policy"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(text, words):
    with pytest.raises(BadPolicy) as found:
        load(text)
    assert words in str(found.value)


def lines(path):
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_a_log_that_is_full_is_put_away_and_only_so_many_are_kept(tmp_path):
    path = tmp_path / "logs" / "audit.log"
    log = RotatedLog(path, Rotation(max_size=1, max_backups=2))
    record = b'{"n": %d, "x": "' + b"y" * (MEGABYTE // 2) + b'"}\n'
    for number in range(9):
        log.write(record % number, now=1_700_000_000.0 + number)
    log.close()
    put_away = sorted(path.parent.glob("audit-*.log"))
    assert [each.name for each in put_away] == [
        "audit-2023-11-14T22-13-27.000.log",
        "audit-2023-11-14T22-13-28.000.log",
    ]
    assert [lines(each) for each in (*put_away, path)] == [[6], [7], [8]]
    assert path.stat().st_mode & 0o777 == 0o600


def test_logs_that_are_too_old_go_and_strangers_stay(tmp_path):
    path = tmp_path / "audit.log"
    (tmp_path / "audit-mine.log").write_text("")
    log = RotatedLog(path, Rotation(max_size=1, max_age=1))
    record = b"x" * MEGABYTE
    for number in range(4):
        log.write(record, now=1_700_000_000.0 + number * 20 * 3600)
    log.close()
    assert len([*tmp_path.glob("audit-2023-*.log")]) == 2, "20 and 0 hours old; the one of 40 hours is gone"
    assert (tmp_path / "audit-mine.log").exists()


def test_a_log_goes_on_where_it_was(tmp_path):
    path = tmp_path / "audit.log"
    for number in range(2):
        log = RotatedLog(path, Rotation())
        log.write(b'{"n": %d}\n' % number, now=0.0)
        log.close()
    assert lines(path) == [0, 1]
