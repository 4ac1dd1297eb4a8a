"""Which volume serves which claim."""

import msgspec
import pytest

from podling.api.storage import claims, matching
from podling.api.types import core_v1, storage_v1


def in_zone_a(volume):
    return matching.is_usable_on(volume, "one", {"zone": "a"})


def claim(name="c", size="1Gi", *, uid="u", **spec):
    meta = {"name": name, "namespace": "default", "uid": uid}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": "s",
    } | spec
    return msgspec.convert({"metadata": meta, "spec": spec}, core_v1.PersistentVolumeClaim)


def volume(name, size="1Gi", *, phase="Available", zone=None, labels=None, going=None, **spec):
    affinity = None
    if zone:
        term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}
        affinity = {"required": {"nodeSelectorTerms": [term]}}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": size},
        "storageClassName": "s",
        "nodeAffinity": affinity,
    } | spec
    meta = {"name": name, "labels": labels, "deletionTimestamp": going}
    status = {"phase": phase}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status}, core_v1.PersistentVolume)


def reserved(name, for_claim="c", uid=None, **more):
    return volume(name, claimRef={"name": for_claim, "namespace": "default", "uid": uid}, **more)


def chosen(wanted, volumes, **how):
    found = matching.best(wanted, volumes, **how)
    return found.metadata.name if found else None


def test_the_smallest_that_fits():
    volumes = [volume("big", "5Gi"), volume("fits", "2Gi"), volume("small", "1Gi")]
    assert chosen(claim(size="1500Mi"), volumes) == "fits"
    assert chosen(claim(size="6Gi"), volumes) is None


def test_without_a_node_what_can_do_less_comes_first():
    both = volume("both", "1Gi", accessModes=["ReadWriteOnce", "ReadOnlyMany"])
    assert chosen(claim(), [both, volume("one", "2Gi")]) == "one"
    assert chosen(claim(accessModes=["ReadOnlyMany"]), [both, volume("one", "2Gi")]) == "both"


@pytest.mark.parametrize(
    "unfit",
    [
        volume("v", storageClassName="other"),
        volume("v", accessModes=["ReadOnlyMany"]),
        volume("v", volumeMode="Block"),
        volume("v", phase="Released"),
        volume("v", phase="Pending"),
        volume("v", going="2024-01-01T00:00:00Z"),
        reserved("v", "other"),
        reserved("v", "c", uid="an earlier claim of that name"),
        volume("v", volumeAttributesClassName="fast"),
    ],
    ids=[
        "class",
        "access",
        "mode",
        "released",
        "not yet free",
        "going",
        "other's",
        "predecessor's",
        "attributes",
    ],
)
def test_what_does_not_fit(unfit):
    assert chosen(claim(), [unfit]) is None


def test_a_selector_chooses_by_labels():
    volumes = [volume("plain"), volume("fast", "2Gi", labels={"disk": "ssd"})]
    assert chosen(claim(selector={"matchLabels": {"disk": "ssd"}}), volumes) == "fast"


def test_what_is_reserved_comes_first_whatever_its_class():
    volumes = [volume("a"), reserved("mine", size="9Gi", storageClassName="other", phase="Pending")]
    assert chosen(claim(), volumes) == "mine"
    assert chosen(claim(), volumes, reserved_only=True) == "mine"
    assert chosen(claim(), volumes[:1], reserved_only=True) is None


def test_on_a_node_only_what_it_reaches():
    volumes = [volume("there", zone="b"), volume("here", "2Gi", zone="a")]
    assert chosen(claim(), volumes, reaches=in_zone_a) == "here"
    assert chosen(claim(), volumes, reaches=in_zone_a, taken={"here"}) is None
    assert chosen(claim(), [reserved("mine", zone="b"), *volumes], reaches=in_zone_a) is None


def test_why_a_volume_asked_for_by_name_cannot_serve():
    asked = claim(size="2Gi")
    assert matching.mismatch(volume("v", "1Gi"), asked) == "requested PV is too small"
    assert (
        matching.mismatch(volume("v", "2Gi", storageClassName="t"), asked)
        == "storageClassName does not match"
    )
    assert matching.mismatch(volume("v", "2Gi", volumeMode="Block"), asked) == "incompatible volumeMode"
    assert (
        matching.mismatch(volume("v", "2Gi", accessModes=["ReadOnlyMany"]), asked)
        == "incompatible accessMode"
    )
    assert matching.mismatch(volume("v", "2Gi"), asked) == ""


def test_the_default_class_is_the_newest_that_says_so():
    def sc(name, since, **notes):
        meta = {"name": name, "creationTimestamp": since, "annotations": notes}
        return msgspec.convert({"metadata": meta}, storage_v1.StorageClass)

    yes = {"storageclass.kubernetes.io/is-default-class": "true"}
    old, new = sc("old", "2024-01-01T00:00:00Z", **yes), sc("new", "2025-01-01T00:00:00Z", **yes)
    twin = sc("also-new", "2025-01-01T00:00:00Z", **yes)
    assert claims.default_class([old, new, twin, sc("none", "2026-01-01T00:00:00Z")]) is twin
    assert claims.default_class([]) is None
