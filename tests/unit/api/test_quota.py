"""What objects use of quotas, in which scopes, and when it is too much."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api import quota
from podling.api.quota import amounts
from podling.api.types import core_v1

NOW = 1_700_000_000.0


def pod(*, requests=None, limits=None, phase="Pending", meta=None, containers=None, **spec):
    resources = {"requests": requests or {}, "limits": limits or {}}
    body = {
        "metadata": {"name": "p", **(meta or {})},
        "spec": {"containers": containers or [{"name": "c", "resources": resources}], **spec},
        "status": {"phase": phase},
    }
    return msgspec.convert(body, core_v1.Pod)


def service(**spec):
    return msgspec.convert({"metadata": {"name": "s"}, "spec": spec}, core_v1.Service)


def claim(size="1Gi", **more):
    spec = {"resources": {"requests": {"storage": size}}, **more.pop("spec", {})}
    return msgspec.convert({"metadata": {"name": "c"}, "spec": spec, **more}, core_v1.PersistentVolumeClaim)


def made(hard, used=None, **spec):
    used = dict.fromkeys(hard, "0") | (used or {})
    body = {
        "metadata": {"name": "q"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used},
    }
    return msgspec.convert(body, core_v1.ResourceQuota)


def used(resource, body, now=NOW):
    return amounts.spelled(quota.of(resource).usage(body, now))


def charged(resource, body, given, *, old=None):
    result = quota.charge([quota.Ledger.of(given)], quota.of(resource), body, old=old, now=NOW)
    return {name: amounts.spelled(found) for name, found in result.items()}


def test_a_pod_uses_what_it_requests_and_is_limited_to():
    found = used("pods", pod(requests={"cpu": "500m", "example.com/dongle": "2"}, limits={"memory": "1Gi"}))
    assert found == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "500m",
        "requests.cpu": "500m",
        "limits.memory": "1Gi",
        "requests.example.com/dongle": "2",
    }


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_counts_as_an_object_only(phase):
    assert used("pods", pod(requests={"cpu": "1"}, phase=phase)) == {"count/pods": "1"}


def test_a_pod_whose_grace_is_over_twice_is_not_charged_any_more():
    meta = {"deletionTimestamp": "2023-11-14T22:13:20Z", "deletionGracePeriodSeconds": 30}
    assert "pods" in used("pods", pod(meta=meta), NOW + 29)
    assert "pods" not in used("pods", pod(meta=meta), NOW + 31)


@pytest.mark.parametrize(
    ("spec", "ports", "balancers"),
    [
        ({"type": "ClusterIP"}, "0", "0"),
        ({"type": "NodePort"}, "2", "0"),
        ({"type": "LoadBalancer"}, "2", "1"),
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, "0", "1"),
    ],
)
def test_a_service_uses_node_ports_and_balancers_by_its_type(spec, ports, balancers):
    found = used("services", service(ports=[{"port": 80}, {"port": 81}], **spec))
    assert (found["services"], found["services.nodeports"]) == ("1", ports)
    assert found["services.loadbalancers"] == balancers


def test_a_claim_is_charged_to_its_storage_class_too_and_for_what_it_was_granted():
    found = used("persistentvolumeclaims", claim(spec={"storageClassName": "gold"}))
    assert found["requests.storage"] == "1Gi"
    assert found["gold.storageclass.storage.k8s.io/requests.storage"] == "1Gi"
    assert found["gold.storageclass.storage.k8s.io/persistentvolumeclaims"] == "1"
    grown = claim(status={"allocatedResources": {"storage": "3Gi"}})
    assert used("persistentvolumeclaims", grown)["requests.storage"] == "3Gi"


def test_every_kind_can_be_counted_and_some_by_their_plain_name():
    assert used("deployments.apps", object()) == {"count/deployments.apps": "1"}
    assert used("secrets", object()) == {"count/secrets": "1", "secrets": "1"}
    assert quota.of("dogs.example.com").names(["count/dogs.example.com", "pods"]) == {
        "count/dogs.example.com"
    }


TERMINATING = {"activeDeadlineSeconds": 60}
CROSS = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "k", "namespaces": ["x"]}]
        }
    }
}


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("BestEffort", pod(), pod(requests={"cpu": "1"})),
        ("NotBestEffort", pod(requests={"cpu": "1"}), pod()),
        ("Terminating", pod(**TERMINATING), pod()),
        ("NotTerminating", pod(), pod(**TERMINATING)),
        ("PriorityClass", pod(priorityClassName="high"), pod()),
        ("CrossNamespacePodAffinity", pod(**CROSS), pod()),
    ],
)
def test_a_scope_says_which_pods_a_quota_is_about(scope, inside, outside):
    given = made({"pods": "5"}, scopes=[scope])
    assert charged("pods", inside, given) == {"q": {"pods": "1"}}
    assert charged("pods", outside, given) == {}


@pytest.mark.parametrize(
    ("operator", "values", "met"),
    [
        ("In", ["high", "low"], ["high", "low"]),
        ("NotIn", ["high"], ["low", ""]),
        ("Exists", [], ["high", "low"]),
        ("DoesNotExist", [], [""]),
    ],
)
def test_a_scope_selector_looks_at_the_name_of_the_priority_class(operator, values, met):
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    given = made({"pods": "5"}, scopeSelector=selector)
    found = [
        name for name in ("high", "low", "") if charged("pods", pod(priorityClassName=name or None), given)
    ]
    assert found == met


def test_a_claim_is_in_the_scope_of_any_volume_attributes_class_it_has_or_is_to_have():
    expression = {"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["gold"]}
    given = made({"persistentvolumeclaims": "5"}, scopeSelector={"matchExpressions": [expression]})
    asked = claim(spec={"volumeAttributesClassName": "gold"})
    leaving = claim(
        spec={"volumeAttributesClassName": "tin"}, status={"currentVolumeAttributesClassName": "gold"}
    )
    assert charged("persistentvolumeclaims", asked, given) and charged(
        "persistentvolumeclaims", leaving, given
    )
    assert charged("persistentvolumeclaims", claim(), given) == {}


def test_a_quota_with_scopes_is_about_nothing_but_pods_and_claims():
    assert charged("services", service(), made({"services": "1", "pods": "1"}, scopes=["BestEffort"])) == {}


def refusal(*args, **more):
    with pytest.raises(quota.Refused) as caught:
        charged(*args, **more)
    return str(caught.value)


def test_too_much_is_refused_with_what_was_asked_used_and_allowed():
    given = made(
        {"requests.cpu": "1", "pods": "2", "requests.memory": "1Gi"}, {"requests.cpu": "700m", "pods": "2"}
    )
    asked = pod(requests={"cpu": "500m", "memory": "1Mi"})
    assert refusal("pods", asked, given) == (
        "exceeded quota: q, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=700m, "
        "limited: pods=2,requests.cpu=1"
    )


def test_what_a_quota_counts_in_cpu_and_memory_every_container_must_say():
    given = made({"limits.cpu": "1", "requests.memory": "1Gi"})
    silent = pod(containers=[{"name": "a"}, {"name": "b", "resources": {"limits": {"cpu": "1"}}}])
    assert (
        refusal("pods", silent, given)
        == "failed quota: q: must specify limits.cpu for: a; requests.memory for: a,b"
    )


def test_nothing_is_let_in_while_it_is_not_known_what_is_used():
    given = made({"pods": "5"})
    given.status.used = {}
    assert refusal("pods", pod(), given) == "status unknown for quota: q, resources: pods"


def test_a_quota_whose_controller_has_not_seen_it_is_not_in_force():
    given = made({"pods": "0"})
    given.status = None
    assert charged("pods", pod(), given) == {}


def test_a_change_is_charged_for_what_it_adds_and_nothing_is_given_back():
    given = made({"services.nodeports": "3", "services": "1"}, {"services": "1", "services.nodeports": "1"})
    plain, open_ = service(ports=[{"port": 80}]), service(type="NodePort", ports=[{"port": 80}, {"port": 81}])
    assert charged("services", open_, given, old=plain) == {"q": {"services": "1", "services.nodeports": "3"}}
    assert charged("services", plain, given, old=open_) == {}
    tight = made({"services.nodeports": "1"})
    assert refusal("services", open_, tight, old=plain).startswith(
        "exceeded quota: q, requested: services.nodeports=2"
    )


def test_a_grown_pod_is_charged_for_the_difference():
    given = made({"requests.cpu": "2"}, {"requests.cpu": "1"})
    found = charged("pods", pod(requests={"cpu": "1500m"}), given, old=pod(requests={"cpu": "1"}))
    assert found == {"q": {"requests.cpu": "1500m"}}
    assert quota.of("pods").handles(creates=False, subresource="resize")
    assert not quota.of("pods").handles(creates=False, subresource="status")


def test_counting_again_says_what_there_is():
    spec = made(
        {"pods": "5", "requests.cpu": "2", "count/dogs.example.com": "1", "x.example.com/y": "3"}
    ).spec
    before = core_v1.ResourceQuotaStatus(used={"pods": "9", "x.example.com/y": "2", "gone": "1"})
    pods = [pod(requests={"cpu": "250m"}), pod(requests={"cpu": "500m"}), pod(phase="Failed")]
    found = quota.count(spec, before, {quota.of("pods"): lambda: pods}, NOW)
    assert found.hard == spec.hard
    assert found.used == {"pods": "2", "requests.cpu": "750m", "x.example.com/y": "2"}


CLASSES = st.sampled_from(["high", "low", None])
PODS = st.builds(
    lambda cpu, name, ends: pod(
        requests={"cpu": f"{cpu}m"}, priorityClassName=name, activeDeadlineSeconds=60 if ends else None
    ),
    st.integers(1, 700),
    CLASSES,
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PODS, max_size=12), st.integers(1, 8), st.integers(1, 3000))
def test_what_was_charged_is_what_is_counted_and_never_more_than_is_allowed(pods, most, cpu):
    """The door and the controller agree, for quotas with and without scopes, whatever was refused in between."""
    hard = {"pods": str(most), "requests.cpu": f"{cpu}m"}
    high = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}
    quotas = [made(hard), made(hard, scopes=["Terminating"]), made(hard, scopeSelector=high)]
    for number, each in enumerate(quotas):
        each.metadata.name = f"q{number}"
    ledgers = [quota.Ledger.of(each) for each in quotas]
    let_in = []
    for body in pods:
        try:
            charged = quota.charge(ledgers, quota.of("pods"), body, old=None, now=NOW)
        except quota.Refused:
            continue
        let_in.append(body)
        for ledger in ledgers:
            ledger.used = charged.get(ledger.name, ledger.used)
    for each, ledger in zip(quotas, ledgers, strict=True):
        found = quota.count(each.spec, None, {quota.of("pods"): lambda: let_in}, NOW)
        assert amounts.parsed(found.used) == ledger.used
        assert not amounts.beyond(ledger.used, ledger.hard)
