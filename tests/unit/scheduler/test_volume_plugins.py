"""Where Pods with claims may go: the plugins over columns agree with the rules written out for one node.

The plain rules are the documentation's (concepts/storage/persistent-volumes, storage-classes), node by node, without numpy.
"""

import itertools
import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api.types import core_v1, storage_v1
from podling.scheduler import cycle, profile
from podling.scheduler.framework import Query
from podling.scheduler.plugins import volume_binding, volume_limits, volume_restrictions, volume_zone
from podling.scheduler.snapshot import Snapshot, demand_of

LAZY, LAZY_STATIC = "lazy", "lazy-static"
ZONES = ["a", "b"]


def node(name, **labels):
    made = {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": {"pods": "9"}}}
    return msgspec.convert(made, core_v1.Node)


def pod(*claims, uid="p", ephemeral=()):
    volumes = [{"name": f"v{n}", "persistentVolumeClaim": {"claimName": c}} for n, c in enumerate(claims)]
    volumes += [{"name": name, "ephemeral": {}} for name in ephemeral]
    spec = {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}
    meta = {"name": "p", "namespace": "default", "uid": uid}
    return msgspec.convert({"metadata": meta, "spec": spec}, core_v1.Pod)


def claim(name, *, volume="", size=1, on="", sc=LAZY, phase="Pending", going=None, **spec):
    notes = {"pv.kubernetes.io/bind-completed": "yes"} if volume else {}
    notes |= {"volume.kubernetes.io/selected-node": on} if on else {}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{size}Gi"}},
        "storageClassName": sc,
        "volumeName": volume or None,
    } | spec
    meta = {
        "name": name,
        "namespace": "default",
        "uid": name,
        "annotations": notes,
        "deletionTimestamp": going,
    }
    made = {"metadata": meta, "spec": spec, "status": {"phase": phase}}
    return msgspec.convert(made, core_v1.PersistentVolumeClaim)


def volume(name, *, zones=None, size=1, sc=LAZY, labels=None, **spec):
    affinity = None
    if zones is not None:
        term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": zones}]}
        affinity = {"required": {"nodeSelectorTerms": [term]}}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": f"{size}Gi"},
        "storageClassName": sc,
        "nodeAffinity": affinity,
    } | spec
    made = {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"phase": "Available"}}
    return msgspec.convert(made, core_v1.PersistentVolume)


def sc(name, *, zones=None, **fields):
    fields = {"provisioner": "p.io/disk", "volumeBindingMode": "WaitForFirstConsumer"} | fields
    if zones:
        fields["allowedTopologies"] = [{"matchLabelExpressions": [{"key": "zone", "values": zones}]}]
    return msgspec.convert({"metadata": {"name": name}, **fields}, storage_v1.StorageClass)


STATIC = sc(LAZY_STATIC, provisioner="kubernetes.io/no-provisioner")


def world(*objects, placed=()):
    columns = Snapshot(capacity=2)
    for obj in objects:
        name = obj.metadata.name
        match obj:
            case core_v1.Node():
                columns.set_node(obj)
            case core_v1.PersistentVolumeClaim():
                columns.storage.claims[f"default/{name}"] = obj
            case core_v1.PersistentVolume():
                columns.storage.volumes[name] = obj
            case storage_v1.StorageClass():
                columns.storage.classes[name] = obj
    for number, (other, where) in enumerate(placed):
        columns.place(str(number), where, demand_of(other))
    return columns


def scheduled(wanted, columns):
    return cycle.schedule(Query.of(wanted), columns, profile.DEFAULT, chance=random.Random(1))


def refused(wanted, columns):
    outcome = scheduled(wanted, columns)
    assert isinstance(outcome, cycle.Unschedulable)
    return outcome.message


def plain_fits(zone, asked, volumes, classes):
    """One node: some choice of different free volumes that serves all claims that can be served, smallest first."""
    chosen = set()
    for each in sorted(asked, key=lambda c: c.size):
        fitting = [
            v
            for v in volumes
            if v.name not in chosen
            and v.size >= each.size
            and v.sc == each.sc
            and (v.zones is None or zone in v.zones)
        ]
        if fitting:
            chosen.add(min(fitting, key=lambda v: (v.size, v.name)).name)
        else:
            allowed = classes[each.sc]
            if allowed is None or (allowed and zone not in allowed):
                return False
    return True


class Drawn:
    def __init__(self, **facts):
        self.__dict__ |= facts


@st.composite
def worlds(draw):
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))
    allowed = draw(st.sampled_from([[], ["a"], ["b"]]))
    numbers = itertools.count()
    kinds = st.sampled_from([LAZY, LAZY_STATIC])
    claims = draw(
        st.lists(
            st.builds(
                lambda size, sc: Drawn(name=f"c{next(numbers)}", size=size, sc=sc), st.integers(1, 3), kinds
            ),
            min_size=1,
            max_size=3,
        )
    )
    volumes = draw(
        st.lists(
            st.builds(
                lambda size, sc, zones: Drawn(name=f"v{next(numbers)}", size=size, sc=sc, zones=zones),
                st.integers(1, 3),
                kinds,
                st.sampled_from([None, ["a"], ["b"], ["a", "b"]]),
            ),
            max_size=4,
        )
    )
    return zones, allowed, claims, volumes


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_a_pod_fits_where_its_claims_find_volumes_or_can_have_them_made(drawn):
    zones, allowed, asked, volumes = drawn
    columns = world(
        *(node(f"n{number}", zone=zone) for number, zone in enumerate(zones)),
        *(claim(each.name, size=each.size, sc=each.sc) for each in asked),
        *(volume(each.name, zones=each.zones, size=each.size, sc=each.sc) for each in volumes),
        sc(LAZY, zones=allowed),
        STATIC,
    )
    wanted = pod(*(each.name for each in asked))
    classes = {LAZY: allowed, LAZY_STATIC: None}
    fitting = {f"n{number}" for number, zone in enumerate(zones) if plain_fits(zone, asked, volumes, classes)}
    outcome = scheduled(wanted, columns)
    if not fitting:
        count = f"{len(zones)} {volume_binding.NONE_FREE}"
        assert outcome.message == f"0/{len(zones)} nodes are available: {count}."
        return
    assert isinstance(outcome, cycle.Placement)
    assert outcome.node in fitting
    assert outcome.feasible == len(fitting)
    plan = volume_binding.plan(Query.of(wanted), columns, outcome.node)
    planned = [c.metadata.name for c, _ in plan.static] + [c.metadata.name for c in plan.dynamic]
    assert sorted(planned) == sorted(each.name for each in asked)
    assert len({v.metadata.name for _, v in plan.static}) == len(plan.static)
    assert all(c.spec.storage_class_name == LAZY for c in plan.dynamic)


def test_what_a_pod_waits_for_is_said_of_all_nodes_at_once():
    one = node("n")
    lead = "0/1 nodes are available: "
    assert refused(pod("c"), world(one)) == f'{lead}persistentvolumeclaim "c" not found.'
    eager = sc("eager", volumeBindingMode="Immediate")
    assert (
        refused(pod("c"), world(one, eager, claim("c", sc="eager")))
        == f"{lead}pod has unbound immediate PersistentVolumeClaims."
    )
    lost = claim("c", volume="v", phase="Lost")
    assert (
        refused(pod("c"), world(one, lost))
        == f'{lead}persistentvolumeclaim "c" bound to non-existent persistentvolume "v".'
    )
    going = claim("c", volume="v", going="2024-01-01T00:00:00Z")
    assert refused(pod("c"), world(one, going)) == f'{lead}persistentvolumeclaim "c" is being deleted.'
    assert (
        refused(pod(ephemeral=["tmp"]), world(one))
        == f'{lead}waiting for ephemeral volume controller to create the persistentvolumeclaim "p-tmp".'
    )
    assert (
        refused(pod(ephemeral=["tmp"]), world(one, sc(LAZY), claim("p-tmp")))
        == f"{lead}PVC default/p-tmp was not created for pod default/p (pod is not owner)."
    )


def test_a_bound_claim_draws_its_pod_to_its_volume():
    nodes = node("here", zone="a"), node("there", zone="b")
    columns = world(*nodes, claim("c", volume="v"), volume("v", zones=["a"]))
    assert scheduled(pod("c"), columns).node == "here"
    columns = world(nodes[1], claim("c", volume="v"), volume("v", zones=["a"]))
    assert refused(pod("c"), columns) == f"0/1 nodes are available: 1 {volume_binding.UNREACHED}."
    assert refused(pod("c"), world(nodes[0], claim("c", volume="v"))) == (
        f"0/1 nodes are available: 1 {volume_binding.GONE}."
    )


def test_a_volume_that_is_being_made_somewhere_draws_its_pod_there():
    nodes = [node(name) for name in "abc"]
    columns = world(*nodes, claim("c", on="b"), sc(LAZY), volume("free"))
    assert scheduled(pod("c"), columns).node == "b"


def test_what_is_promised_is_not_given_away_again():
    columns = world(node("n"), claim("c", sc=LAZY_STATIC), claim("d", sc=LAZY_STATIC), STATIC)
    columns.storage.volumes["v"] = volume("v", sc=LAZY_STATIC)
    first = volume_binding.plan(Query.of(pod("c")), columns, "n")
    assert [(c.metadata.name, v.metadata.name) for c, v in first.static] == [("c", "v")]
    columns.storage.promise(first)
    assert volume_binding.NONE_FREE in refused(pod("d"), columns)
    again = volume_binding.plan(Query.of(pod("c", uid="another user of c")), columns, "n")
    assert again.static == first.static
    columns.storage.release(first)
    assert isinstance(scheduled(pod("d"), columns), cycle.Placement)


def test_a_claim_placed_for_one_pod_draws_the_next_user_along():
    columns = world(node("a"), node("b"), claim("c"), sc(LAZY))
    plan = volume_binding.plan(Query.of(pod("c")), columns, "b")
    columns.storage.promise(plan)
    assert scheduled(pod("c", uid="q"), columns).node == "b"


def test_a_claim_for_one_pod_serves_one_pod():
    alone = claim("c", volume="v", accessModes=["ReadWriteOncePod"])
    shared = claim("s", volume="v")
    v = volume("v")
    placed = [(pod("c", "s", uid="first"), "a")]
    columns = world(node("a"), node("b"), alone, shared, v, placed=placed)
    assert isinstance(scheduled(pod("s"), columns), cycle.Placement)
    assert refused(pod("c"), columns) == f"0/2 nodes are available: 2 {volume_restrictions.REASON}."
    columns.displace("0")
    assert isinstance(scheduled(pod("c"), columns), cycle.Placement)
    assert not columns.claim_users


def test_labels_of_zones_count_and_unlabelled_nodes_are_everywhere():
    zone = "topology.kubernetes.io/zone"
    v = volume("v", labels={zone: "a__b"})
    nodes = [node("a", **{zone: "a"}), node("c", **{zone: "c"})]
    assert scheduled(pod("x"), world(*nodes, claim("x", volume="v"), v)).feasible == 1
    assert scheduled(pod("x"), world(*nodes, node("any"), claim("x", volume="v"), v)).feasible == 2
    old = volume("v", labels={"failure-domain.beta.kubernetes.io/zone": "c"})
    assert scheduled(pod("x"), world(*nodes, claim("x", volume="v"), old)).node == "c"
    assert (
        refused(pod("x"), world(nodes[1], claim("x", volume="v"), v))
        == f"0/1 nodes are available: 1 {volume_zone.REASON}."
    )


def test_a_node_has_only_so_many_volumes_of_a_driver():
    def csi(name):
        return volume(name, csi={"driver": "d.io", "volumeHandle": name})

    objects = [node("a"), node("b"), sc(LAZY, provisioner="d.io")]
    objects += [claim(f"c{n}", volume=f"v{n}") for n in range(3)] + [csi(f"v{n}") for n in range(3)]
    columns = world(*objects, claim("new"), placed=[(pod("c0", "c1"), "a")])
    columns.storage.limits = {"a": {"d.io": 2}, "b": {"d.io": 1}}
    assert scheduled(pod("c0", "c1"), columns).node == "a"  # they are there already
    assert scheduled(pod("c2"), columns).node == "b"
    assert scheduled(pod("new"), columns).node == "b"
    assert refused(pod("c2", "new"), columns) == f"0/2 nodes are available: 2 {volume_limits.REASON}."
