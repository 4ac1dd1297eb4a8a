"""Which endpoints a Service has, which slices they are in and whom they serve: without any server."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api.types import core_v1, discovery_v1
from podling.controllers import backing, slices
from podling.controllers.endpointslice import hints, packing, proportions
from podling.controllers.endpointslice.desired import desired


def service(**spec):
    given = {
        "clusterIP": "10.96.0.9",
        "ipFamilies": ["IPv4"],
        "selector": {"a": "b"},
        "ports": [{"port": 80}],
    }
    body = {"metadata": {"name": "web", "namespace": "default", "uid": "svc"}, "spec": given | spec}
    return msgspec.convert(body, core_v1.Service)


def pod(name, ip="", *, ready=True, leaving=False, phase="Running", node="n1", ports=(), **spec):
    number = sum(map(ord, name)) % 250 + 1
    body = {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": {"a": "b"}},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": list(ports)}], **spec},
        "status": {
            "phase": phase,
            "podIP": ip or f"10.0.0.{number}",
            "podIPs": [{"ip": ip or f"10.0.0.{number}"}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }
    if leaving:
        body["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    return msgspec.convert(body, core_v1.Pod)


def node(name, zone="z1", cpu="4", **labels):
    body = {
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone, **labels}},
        "status": {"allocatable": {"cpu": cpu}, "conditions": [{"type": "Ready", "status": "True"}]},
    }
    return msgspec.convert(body, core_v1.Node)


def nodes(*made):
    return {each.metadata.name: each for each in made}.get


NODES = nodes(node("n1"), node("n2", "z2"))


def endpoints_of(svc, *pods, find=NODES):
    found = desired(svc, pods, find)
    return [each for group in found.groups.values() for each in group.endpoints.values()]


def state(endpoint):
    found = endpoint.conditions
    return found.ready, found.serving, found.terminating


@pytest.mark.parametrize(
    ("how", "publishes", "expected"),
    [
        ({"ready": True}, False, (True, True, False)),
        ({"ready": False}, False, (False, False, False)),
        ({"ready": True, "leaving": True}, False, (False, True, True)),
        ({"ready": False, "leaving": True}, False, (False, False, True)),
        ({"ready": False}, True, (True, False, False)),
        ({"ready": True, "leaving": True}, True, (True, True, True)),
    ],
)
def test_conditions_say_whether_a_pod_is_ready_serves_and_is_on_its_way_out(how, publishes, expected):
    svc = service(publishNotReadyAddresses=publishes)
    assert [state(each) for each in endpoints_of(svc, pod("p", **how))] == [expected]


@pytest.mark.parametrize("how", [{"phase": "Succeeded"}, {"phase": "Failed"}])
def test_a_finished_pod_is_no_endpoint(how):
    assert endpoints_of(service(), pod("p", **how)) == []


def test_an_endpoint_says_who_it_is_and_where():
    (found,) = endpoints_of(service(), pod("p", node="n2", hostname="h", subdomain="web"))
    assert (found.node_name, found.zone, found.hostname) == ("n2", "z2", "h")
    assert (found.target_ref.kind, found.target_ref.name, found.target_ref.uid) == ("Pod", "p", "uid-p")
    (other,) = endpoints_of(service(), pod("p", hostname="h", subdomain="other"))
    assert other.hostname is None


def test_a_pod_of_an_unknown_node_waits_unless_unready_ones_are_published():
    lost = pod("p", node="gone")
    found = desired(service(), [lost], NODES)
    assert found.homeless == [lost] and not found.groups
    assert len(endpoints_of(service(publishNotReadyAddresses=True), lost)) == 1


def test_pods_whose_named_port_differs_go_into_different_groups():
    svc = service(ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    pods = [pod("a", ports=[{"name": "web", "containerPort": 8080}]), pod("b"), pod("c")]
    pods[2].spec.containers[0].ports = [core_v1.ContainerPort(name="web", container_port=9090)]
    numbers = [[port.port for port in group.ports] for group in desired(svc, pods, NODES).groups.values()]
    assert sorted(numbers) == [[], [8080], [9090]]


def test_a_sidecar_has_named_ports_and_other_init_containers_have_none():
    port = core_v1.ServicePort(name="m", port=80, target_port="metrics")
    init = {"name": "i", "ports": [{"name": "metrics", "containerPort": 9100}]}
    assert backing.find_port(pod("p", initContainers=[init]), port) is None
    assert backing.find_port(pod("p", initContainers=[init | {"restartPolicy": "Always"}]), port) == 9100


def test_each_address_family_has_slices_of_its_own():
    svc = service(ipFamilies=["IPv4", "IPv6"])
    both = pod("p", "10.0.0.1")
    both.status.pod_ips = [core_v1.PodIP(ip="10.0.0.1"), core_v1.PodIP(ip="FD00::01")]
    writes = packing.plan(svc, [], desired(svc, [both], NODES))
    found = {made.address_type: made.endpoints[0].addresses for made in writes.create}
    assert found == {"IPv4": ["10.0.0.1"], "IPv6": ["fd00::1"]}


def test_a_slice_carries_the_services_labels_its_owner_and_its_manager():
    svc = service(clusterIP="None")
    svc.metadata.labels = {"team": "blue", slices.SERVICE_NAME: "forged"}
    (made,) = packing.plan(svc, [], desired(svc, [], NODES)).create
    assert made.metadata.labels == {
        "team": "blue",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "service.kubernetes.io/headless": "",
    }
    (owner,) = made.metadata.owner_references
    assert (owner.api_version, owner.kind, owner.name, owner.controller) == ("v1", "Service", "web", True)
    assert made.metadata.generate_name == "web-" and made.endpoints == []


class Board:
    """The plain model: slices as the server would hold them."""

    def __init__(self):
        self.slices, self.made = {}, 0

    def apply(self, svc, writes):
        writes.recycle(svc)
        for made in writes.create:
            self.made += 1
            made.metadata.name = f"web-{self.made}"
            self.slices[made.metadata.name] = made
        for changed in writes.update:
            self.slices[changed.metadata.name] = changed
        for doomed in writes.delete:
            del self.slices[doomed.metadata.name]
        return writes

    def settle(self, svc, pods, *, most=3):
        return self.apply(
            svc, packing.plan(svc, [*self.slices.values()], desired(svc, pods, NODES), most=most)
        )

    def names(self):
        return sorted(each.target_ref.name for held in self.slices.values() for each in held.endpoints)

    def sizes(self):
        return sorted(len(held.endpoints) for held in self.slices.values())


def several(count, start=0):
    return [pod(f"p{n}", f"10.1.{n // 250}.{n % 250 + 1}") for n in range(start, start + count)]


def test_one_that_turns_unready_changes_one_slice_in_place():
    board, svc, pods = Board(), service(), several(8)
    board.settle(svc, pods)
    assert board.sizes() == [2, 3, 3]
    pods[4].status.conditions[0].status = "False"
    writes = board.settle(svc, pods)
    assert (len(writes.create), len(writes.update), len(writes.delete)) == (0, 1, 0)
    writes = board.settle(svc, pods)
    assert writes == slices.Writes()


def test_new_endpoints_fill_slices_that_change_anyway_then_one_with_room_then_new_ones():
    board, svc = Board(), service()
    pods = several(5)
    board.settle(svc, pods)
    writes = board.settle(svc, [*pods[1:], *several(1, 10)])
    assert (len(writes.create), len(writes.update)) == (0, 1) and board.sizes() == [2, 3]
    writes = board.settle(svc, [*pods[1:], *several(2, 10)])
    assert (len(writes.create), len(writes.update)) == (0, 1) and board.sizes() == [3, 3]
    writes = board.settle(svc, [*pods[1:], *several(4, 10)])
    assert (len(writes.create), len(writes.update)) == (1, 0) and board.sizes() == [2, 3, 3]


def test_a_slice_that_would_go_is_reused_for_one_that_would_come():
    board, svc = Board(), service()
    board.settle(svc, several(2))
    (name,) = board.slices
    svc.spec.ports[0].port = 81
    writes = board.settle(svc, several(2))
    assert (writes.create, writes.delete) == ([], []) and list(board.slices) == [name]
    assert [port.port for port in board.slices[name].ports] == [81]


def test_without_endpoints_one_empty_slice_stays():
    board, svc = Board(), service()
    board.settle(svc, several(7))
    board.settle(svc, [])
    assert board.sizes() == [0]
    assert board.settle(svc, []) == slices.Writes()


def test_a_changed_label_is_written_to_every_slice_and_nothing_else():
    board, svc = Board(), service()
    board.settle(svc, several(7))
    svc.metadata.labels = {"team": "green"}
    writes = board.settle(svc, several(7))
    assert (len(writes.create), len(writes.update), len(writes.delete)) == (0, 3, 0)
    assert {held.metadata.labels["team"] for held in board.slices.values()} == {"green"}


def test_slices_of_an_earlier_service_of_the_name_go_and_are_not_reused():
    board, svc = Board(), service()
    board.settle(svc, several(2))
    (old,) = board.slices
    svc.metadata.uid = "another"
    writes = board.settle(svc, several(2))
    assert [each.metadata.name for each in writes.delete] == [old] and len(writes.create) == 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)), st.integers(80, 81)), max_size=8
    )
)
def test_whatever_happens_every_pod_is_in_one_slice_and_a_second_look_writes_nothing(steps):
    """The model: a set of names. Slices never hold more than they may, and each step touches a slice once."""
    board, svc = Board(), service()
    for present, unready, port in steps:
        svc.spec.ports[0].port = port
        pods = [pod(f"p{n}", f"10.1.0.{n + 1}", ready=n not in unready) for n in sorted(present)]
        writes = board.settle(svc, pods)
        touched = Counter(each.metadata.name for each in (*writes.create, *writes.update, *writes.delete))
        assert set(touched.values()) <= {1}
        assert board.names() == sorted(f"p{n}" for n in present)
        states = {
            e.target_ref.name: e.conditions.ready for held in board.slices.values() for e in held.endpoints
        }
        assert states == {f"p{n}": n not in unready for n in present}
        assert all(len(held.endpoints) <= 3 for held in board.slices.values())
        assert {p.port for held in board.slices.values() if held.endpoints for p in held.ports} <= {port}
        assert board.settle(svc, pods) == slices.Writes()


def hinted(svc, *, current=(), pods=None, shares=None):
    placed = pods or [pod("a", node="n1"), pod("b", node="n2"), pod("c", node="n2", ready=False)]
    writes = packing.plan(svc, current, desired(svc, placed, NODES))
    events = hints.give(svc, current, writes, shares, "IPv4")
    return writes, events


def zones(writes):
    return {
        each.target_ref.name: [zone.name for zone in each.hints.for_zones or ()] if each.hints else None
        for made in (*writes.create, *writes.update)
        for each in made.endpoints
    }


@pytest.mark.parametrize("value", ["PreferClose", "PreferSameZone"])
def test_ready_endpoints_serve_their_own_zone_when_traffic_is_to_stay_near(value):
    writes, _ = hinted(service(trafficDistribution=value))
    assert zones(writes) == {"a": ["z1"], "b": ["z2"], "c": None}


def test_endpoints_serve_their_own_node_first_when_asked_to():
    writes, _ = hinted(service(trafficDistribution="PreferSameNode"))
    found = {e.target_ref.name: e.hints for e in writes.create[0].endpoints}
    assert [each.name for each in found["a"].for_nodes] == ["n1"]
    assert [each.name for each in found["a"].for_zones] == ["z1"] and found["c"] is None


def test_hints_go_when_nobody_asks_for_them_any_more():
    board, svc = Board(), service(trafficDistribution="PreferClose")
    board.apply(svc, hinted(svc)[0])
    svc.spec.traffic_distribution = None
    writes, _ = hinted(svc, current=[*board.slices.values()])
    assert len(writes.update) == 1 and set(zones(writes).values()) == {None}


def test_zones_get_endpoints_in_proportion_to_their_cpus():
    svc = service(trafficDistribution="PreferClose")
    svc.metadata.annotations = {"service.kubernetes.io/topology-mode": "Auto"}
    placed = [pod(f"p{n}", f"10.2.0.{n + 1}", node="n1") for n in range(4)]
    shares = proportions.ratios([node("n1"), node("n2", "z2")])
    board = Board()
    writes, events = hinted(svc, pods=placed, shares=shares)
    assert Counter(zone for (zone,) in zones(writes).values()) == {"z1": 2, "z2": 2}
    assert [event[1] for event in events] == ["TopologyAwareHintsEnabled"]
    board.apply(svc, writes)
    again, events = hinted(svc, current=[*board.slices.values()], pods=placed, shares=shares)
    assert (again, events) == (slices.Writes(), [])


@pytest.mark.parametrize(
    ("placed", "made", "why"),
    [
        (3, [node("n1")], "Insufficient Node information"),
        (3, [node("n1"), node("n2", "")], "Insufficient Node information"),
        (1, [node("n1"), node("n2", "z2")], "Insufficient number of endpoints (1 endpoints, 2 zones)"),
        (
            3,
            [node("n1"), node("n2", "z2")],
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold",
        ),
    ],
)
def test_where_shares_cannot_be_fair_there_are_no_hints(placed, made, why):
    svc = service()
    svc.metadata.annotations = {"service.kubernetes.io/topology-mode": "auto"}
    pods = [pod(f"p{n}", f"10.2.0.{n + 1}") for n in range(placed)]
    writes, events = hinted(svc, pods=pods, shares=proportions.ratios(made))
    assert set(zones(writes).values()) == {None}
    assert events[0][1] == "TopologyAwareHintsDisabled" and events[0][2].startswith(why)
    assert events[0][2].endswith(", addressType: IPv4")


def test_the_trigger_time_is_the_earliest_change_since_the_last_write():
    times, key, svc = backing.TriggerTimes(), "key", service()
    svc.metadata.creation_timestamp = "2024-01-01T00:00:00Z"
    one, two = pod("a"), pod("b")
    assert times.next(key, svc, []) == "2024-01-01T00:00:00Z"
    one.status.conditions[0].last_transition_time = "2024-01-01T00:00:09Z"
    two.status.conditions[0].last_transition_time = "2024-01-01T00:00:05Z"
    assert times.next(key, svc, [one, two]) == "2024-01-01T00:00:05Z"
    assert times.next(key, svc, [one, two]) is None


def test_endpoints_that_differ_in_name_or_address_are_different_ones():
    one = discovery_v1.Endpoint(addresses=["10.0.0.1", "10.0.0.2"])
    other = discovery_v1.Endpoint(addresses=["10.0.0.2", "10.0.0.1"])
    assert slices.endpoint_id(one) == slices.endpoint_id(other)
    other.hostname = "h"
    assert slices.endpoint_id(one) != slices.endpoint_id(other)
