"""Smaller decisions of the agent: admission, probe counts, status patches, credentials, labels."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from podstate_world import World, container, pod

from podling.agent import admission, labels
from podling.agent.errors import ProbeFault
from podling.agent.imagepull import credentials, puller
from podling.agent.probes.answer import Answer
from podling.agent.probes.state import Count, early_delays, timing
from podling.agent.server.access import Peer, Visitor, administrators_only, peer_of, subresources
from podling.agent.statuspatch import difference, only_acknowledges
from podling.api.types import core_v1

ALLOCATABLE = {"cpu": "2", "memory": "1Gi", "pods": "3"}


def asking(name: str, **requests: str) -> core_v1.Pod:
    made = pod(container(resources={"requests": requests}))
    made.metadata.name = name
    return made


class TestAdmission:
    """kubelet `pkg/kubelet/lifecycle/predicate.go`."""

    def judge(self, wanted: core_v1.Pod, *others: core_v1.Pod) -> Any:
        return admission.verdict(wanted, others, allocatable=ALLOCATABLE, node="here", labels={"disk": "ssd"})

    def test_fitting_pod_is_taken(self):
        assert self.judge(asking("a", cpu="1"), asking("b", cpu="1")) is None

    def test_resources_are_counted_with_what_is_there(self):
        found = self.judge(asking("a", cpu="1500m"), asking("b", cpu="1"))
        assert found.reason == "OutOfcpu"
        wanted = "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"
        assert found.message == wanted

    def test_finished_pods_hold_nothing(self):
        done = asking("b", cpu="2")
        done.status.phase = "Succeeded"
        assert self.judge(asking("a", cpu="2"), done) is None

    def test_number_of_pods(self):
        assert self.judge(pod(), pod(), pod(), pod()).reason == "OutOfpods"

    def test_selector_ports_and_system(self):
        assert self.judge(pod(nodeSelector={"disk": "hdd"})).reason == "NodeAffinity"
        assert self.judge(pod(nodeSelector={"disk": "ssd"})) is None
        required = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        assert self.judge(pod(affinity=affinity)) is None
        required["nodeSelectorTerms"][0]["matchFields"] = [
            {"key": "metadata.name", "operator": "In", "values": ["elsewhere"]}
        ]
        assert self.judge(pod(affinity=affinity)).reason == "NodeAffinity"
        port = pod(container(ports=[{"containerPort": 1, "hostPort": 80}]))
        assert self.judge(port, port).reason == "NodePorts"
        assert self.judge(pod(os={"name": "windows"})).reason == "PodOSNotSupported"


class TestProbeCounts:
    """kubelet `pkg/kubelet/prober/worker.go`."""

    def test_defaults(self):
        found = timing(core_v1.Probe())
        assert (found.period, found.timeout, found.success_threshold, found.failure_threshold) == (
            10,
            1,
            1,
            3,
        )

    def test_results_need_as_many_in_a_row_as_the_threshold_says(self):
        count = Count(timing(core_v1.Probe(success_threshold=2, failure_threshold=3)))
        good, bad = Answer(), Answer(failure="no")
        answers = [good, good, bad, bad, good, bad, bad, bad, good, good]
        assert [count.take(answer) for answer in answers] == [
            None, True, None, None, None, None, None, False, None, True,
        ]  # fmt: skip

    def test_question_that_could_not_be_asked_counts_for_nothing(self):
        count = Count(timing(core_v1.Probe(failure_threshold=1)))
        assert count.take(ProbeFault("no such port")) is None
        assert count.take(Answer(failure="no")) is False

    def test_extra_questions_stay_within_the_first_period(self):
        found = early_delays(timing(core_v1.Probe(period_seconds=1)))
        assert found == [0.05, 0.1, 0.2, 0.4]


class TestStatusPatch:
    def statuses(self) -> tuple[core_v1.PodStatus, core_v1.PodStatus, World]:
        world = World(pod())
        world.plan()
        before = world.status
        world.settle()
        return before, world.status, world

    def test_nothing_to_tell(self):
        _, after, _ = self.statuses()
        assert difference(after, after) == {}

    def test_only_what_changed(self):
        before, after, _ = self.statuses()
        told = difference(before, after)
        assert told["phase"] == "Running"
        assert "startTime" not in told
        assert [condition["type"] for condition in told["conditions"]] == [
            "PodReadyToStartContainers",
            "Ready",
            "ContainersReady",
        ]

    def test_reason_that_went_away_is_taken_away(self):
        before, after, _ = self.statuses()
        ready = next(c for c in difference(before, after)["conditions"] if c["type"] == "Ready")
        assert ready["reason"] is None
        assert ready["message"] is None

    def test_conditions_of_others_are_not_touched(self):
        before, after, _ = self.statuses()
        after.conditions = [*after.conditions, core_v1.PodCondition(type="lb", status="True")]
        assert all(condition["type"] != "lb" for condition in difference(before, after)["conditions"])

    def test_changed_address_replaces_the_list(self):
        _, after, _ = self.statuses()
        other = msgspec.structs.replace(after, pod_ips=[core_v1.PodIP(ip="10.0.0.9")])
        assert difference(after, other)["podIPs"] == [{"$patch": "replace"}, {"ip": "10.0.0.9"}]

    def test_acknowledgement_is_told_apart(self):
        _, after, world = self.statuses()
        world.pod.metadata.generation = 2
        world.plan()
        assert only_acknowledges(after, difference(after, world.status))
        world.exit("main", 1)
        world.plan()
        assert not only_acknowledges(after, difference(after, world.status))


def secret(auths: dict[str, Any]) -> core_v1.Secret:
    text = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    return core_v1.Secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": text})


class TestCredentials:
    """concepts/containers/images, "Interpretation of config.json"."""

    @pytest.mark.parametrize(
        ("server", "repository", "covers"),
        [
            ("https://index.docker.io/v1/", "docker.io/library/busybox", True),
            ("registry.example.com", "registry.example.com/app", True),
            ("*.example.com", "registry.example.com/app", True),
            ("*.example.com", "example.com/app", False),
            ("registry.example.com/team", "registry.example.com/team/app", True),
            ("registry.example.com/team", "registry.example.com/teams", False),
        ],
    )
    def test_servers_match_as_documented(self, server: str, repository: str, covers: bool):
        found = credentials.matching([secret({server: {"username": "u", "password": "p"}})], repository)
        assert bool(found) is covers

    def test_most_specific_first_and_auth_is_decoded(self):
        auth = base64.b64encode(b"me:pa:ss").decode()
        found = credentials.matching(
            [secret({"r.io": {"username": "u"}, "r.io/team": {"auth": auth}})], "r.io/team/a"
        )
        assert [(one.credentials.username, one.credentials.password) for one in found] == [
            ("me", "pa:ss"),
            ("u", ""),
        ]

    def test_damaged_secrets_hold_nothing(self):
        broken = core_v1.Secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "!!"})
        assert credentials.matching([broken, core_v1.Secret(type="Opaque")], "r.io/a") == []


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("busybox:1", "IfNotPresent"),
        ("a@sha256:" + "0" * 64, "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str):
    assert puller.default_policy(image) == policy


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.0874, "87ms"), (1.2345, "1.234s"), (62.5, "1m2.5s"), (3600, "1h0m0s")]
)
def test_durations_as_go_prints_them(seconds: float, text: str):
    assert puller.duration(seconds) == text


def test_hash_changes_with_the_image_and_nothing_else():
    base = labels.container_hash(container())
    assert labels.container_hash(container(command=["x"])) == base
    assert labels.container_hash(container(image="other")) != base


def test_damaged_annotations_read_as_defaults():
    assert labels.number({labels.CRASHES: "x"}, labels.CRASHES) == 0
    assert labels.pod_grace({}) == 30


async def test_only_the_api_server_and_administrators_may_use_the_endpoints():
    certificate = {"subject": ((("organizationName", "system:masters"),), (("commonName", "admin"),))}
    assert peer_of(certificate) == Peer("admin", ("system:masters",))
    for peer in (peer_of(certificate), Peer("kube-apiserver-kubelet-client")):
        assert await administrators_only(Visitor(peer), "GET", "/pods") is None
    assert await administrators_only(Visitor(peer_of(None)), "GET", "/pods") is not None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/metrics", ("metrics",)),
        ("/metrics/cadvisor", ("metrics",)),
        ("/stats/summary", ("stats",)),
        ("/pods", ("pods", "proxy")),
        ("/configz", ("configz", "proxy")),
        ("/exec/default/web/main", ("proxy",)),
        ("/metricsx", ("proxy",)),
        ("/", ("proxy",)),
    ],
)
def test_paths_are_subresources_of_the_node(path: str, found: tuple[str, ...]):
    assert subresources(path) == found
