"""What Endpoints say of a Service's Pods, and what slices say of hand-made Endpoints: without any server."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api.types import core_v1
from podling.controllers import slices
from podling.controllers.endpoints import decide
from podling.controllers.endpointslicemirroring import decide as mirroring


def service(**spec):
    given = {"clusterIP": "10.96.0.9", "ipFamilies": ["IPv4"], "selector": {"a": "b"}}
    body = {"metadata": {"name": "web", "namespace": "default", "uid": "svc"}, "spec": given | spec}
    return msgspec.convert(body, core_v1.Service)


def pod(number, *, ready=True, leaving=False, named=None):
    port = [{"name": "web", "containerPort": named}] if named else []
    body = {
        "metadata": {"name": f"p{number}", "namespace": "default", "uid": f"u{number}"},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": port}]},
        "status": {
            "phase": "Running",
            "podIP": f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }
    if leaving:
        body["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    return msgspec.convert(body, core_v1.Pod)


def shape(subsets):
    def names(addresses):
        return [each.target_ref.name for each in addresses or ()]

    return [
        (
            names(subset.addresses),
            names(subset.not_ready_addresses),
            [(port.name, port.port) for port in subset.ports or ()],
        )
        for subset in subsets
    ]


HTTP = {"name": "http", "port": 80, "targetPort": 8080}


def test_ready_and_unready_pods_of_the_same_ports_share_a_subset():
    svc = service(ports=[HTTP, {"name": "admin", "port": 81, "targetPort": 8081}])
    found = decide.subsets(svc, [pod(1), pod(2, ready=False), pod(3, leaving=True)])
    assert shape(found) == [(["p1"], ["p2"], [("admin", 8081), ("http", 8080)])]


def test_a_named_port_that_differs_parts_the_subsets():
    svc = service(ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    found = decide.subsets(svc, [pod(1, named=8080), pod(2, named=9090), pod(3)])
    assert shape(found) == [(["p1"], [], [("http", 8080)]), (["p2"], [], [("http", 9090)])]


def test_unready_and_leaving_pods_count_as_ready_where_they_are_published():
    svc = service(ports=[HTTP], publishNotReadyAddresses=True)
    found = decide.subsets(svc, [pod(1, ready=False), pod(2, leaving=True)])
    assert shape(found) == [(["p1", "p2"], [], [("http", 8080)])]


def test_a_headless_service_may_have_no_ports_and_one_with_an_address_may_not():
    assert shape(decide.subsets(service(clusterIP="None"), [pod(1)])) == [(["p1"], [], [])]
    assert decide.subsets(service(), [pod(1)]) == []


def test_a_thousand_addresses_are_kept_and_the_rest_is_said_to_be_missing():
    svc = service(ports=[HTTP])
    made = decide.decide(svc, [pod(n) for n in range(1100)], None)
    assert made.metadata.annotations == {"endpoints.kubernetes.io/over-capacity": "truncated"}
    assert len(made.subsets[0].addresses) == 1000
    assert decide.decide(svc, [pod(n) for n in range(1100)], made) is None
    fewer = decide.decide(svc, [pod(n) for n in range(900)], made)
    assert fewer.metadata.annotations == {} and len(fewer.subsets[0].addresses) == 900


@pytest.mark.parametrize(
    ("ready", "waiting", "kept"),
    [
        ((6, 6), (3, 3), [(5, 0), (5, 0)]),
        ((4, 4), (3, 3), [(4, 1), (4, 1)]),
        ((3, 3), (9, 0), [(3, 4), (3, 0)]),
    ],
)
def test_ready_addresses_come_first_and_subsets_share_what_is_left(ready, waiting, kept):
    given = [
        core_v1.EndpointSubset(
            addresses=[core_v1.EndpointAddress(ip="1")] * a,
            not_ready_addresses=[core_v1.EndpointAddress(ip="2")] * b,
        )
        for a, b in zip(ready, waiting, strict=True)
    ]
    cut, is_over = decide.truncated(given, capacity=10)
    assert is_over
    assert [(len(s.addresses or ()), len(s.not_ready_addresses or ())) for s in cut] == kept


def test_labels_are_the_services_and_say_who_manages_them_and_whether_it_is_headless():
    svc = service(clusterIP="None")
    svc.metadata.labels = {"team": "blue"}
    made = decide.decide(svc, [], None)
    assert made.metadata.labels == {
        "team": "blue",
        "service.kubernetes.io/headless": "",
        "endpoints.kubernetes.io/managed-by": "endpoint-controller",
    }


def endpoints(*subsets, **meta):
    head = {"name": "db", "namespace": "default", "uid": "e", **meta}
    return msgspec.convert({"metadata": head, "subsets": list(subsets)}, core_v1.Endpoints)


def subset(*ready, waiting=(), ports=({"name": "sql", "port": 5432},)):
    return {
        "addresses": [{"ip": ip} for ip in ready],
        "notReadyAddresses": [{"ip": ip} for ip in waiting],
        "ports": list(ports),
    }


PLAIN = service(selector=None)


@pytest.mark.parametrize(
    ("meta", "svc", "expected"),
    [
        ({}, PLAIN, True),
        ({}, None, False),
        ({}, service(), False),
        ({"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}, PLAIN, False),
        ({"annotations": {"control-plane.alpha.kubernetes.io/leader": ""}}, PLAIN, False),
    ],
)
def test_only_hand_made_endpoints_of_a_service_without_selector_are_mirrored(meta, svc, expected):
    assert mirroring.should_mirror(endpoints(**meta), svc) is expected


def mirrored(given, current=(), **how):
    return mirroring.plan(given, current, mirroring.mirror(given, **how), **how)


def test_each_family_and_set_of_ports_has_a_slice():
    given = endpoints(
        subset("10.0.0.1", "fd00::1", waiting=["10.0.0.2"]),
        subset("10.0.0.3", ports=[{"name": "http", "port": 80}]),
        labels={"team": "blue"},
        annotations={"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    )
    made = mirrored(given).create
    found = {(s.address_type, s.ports[0].port): s for s in made}
    assert set(found) == {("IPv4", 5432), ("IPv6", 5432), ("IPv4", 80)}
    states = {e.addresses[0]: e.conditions.ready for e in found["IPv4", 5432].endpoints}
    assert states == {"10.0.0.1": True, "10.0.0.2": False}
    assert made[0].metadata.annotations == {"note": "x"}
    assert made[0].metadata.labels == {
        "team": "blue",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    }


def test_a_change_is_written_in_place_and_no_change_not_at_all():
    given = endpoints(subset("10.0.0.1"))
    (held,) = mirrored(given).create
    held.metadata.name = "db-1"
    assert mirrored(given, [held]) == slices.Writes()
    changed = endpoints(subset("10.0.0.1", "10.0.0.2"))
    writes = mirrored(changed, [held])
    assert [each.metadata.name for each in writes.update] == ["db-1"] and not writes.create
    assert [each.metadata.name for each in mirrored(endpoints(), [held]).delete] == ["db-1"]
    labelled = endpoints(subset("10.0.0.1"), labels={"a": "b"})
    assert mirrored(labelled, [held]).update[0].metadata.labels["a"] == "b"


def test_what_is_no_address_or_too_much_is_left_out_and_said():
    given = endpoints(subset("10.0.0.1", "not-an-ip", "10.0.0.2", "10.0.0.3"))
    found = mirroring.mirror(given, most=2)
    assert found.events(2) == [
        ("InvalidIPAddress", "Skipped 1 invalid IP addresses when mirroring to EndpointSlices"),
        (
            "TooManyAddressesToMirror",
            "A max of 2 addresses can be mirrored to EndpointSlices per Endpoints subset. 2 addresses were skipped",
        ),
    ]


STATES = st.tuples(st.booleans(), st.sampled_from([None, 8080, 9090]))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(1, 20), STATES, max_size=10))
def test_every_port_of_every_pod_is_in_one_subset_and_no_two_subsets_could_be_one(states):
    """The model: a set of Pod, port and readiness."""
    svc = service(ports=[HTTP, {"name": "web", "port": 81, "targetPort": "web"}])
    pods = [pod(number, ready=ready, named=named) for number, (ready, named) in states.items()]
    wanted = {(f"p{number}", 8080, "http", ready) for number, (ready, _) in states.items()}
    wanted |= {(f"p{number}", named, "web", ready) for number, (ready, named) in states.items() if named}
    found = decide.subsets(svc, pods)
    said = [
        (name, number, port, is_ready)
        for ready, waiting, ports in shape(found)
        for names, is_ready in ((ready, True), (waiting, False))
        for name in names
        for port, number in ports
    ]
    assert len(said) == len(set(said)) and set(said) == wanted
    addressed = [(tuple(ready), tuple(waiting)) for ready, waiting, _ in shape(found)]
    assert len(set(addressed)) == len(addressed)
    assert decide.subsets(svc, pods[::-1]) == found
