"""Where a volume of a CSI driver is attached, and when it may be detached."""

import hashlib

import pytest

from podling.api.storage import attachments
from podling.api.types import core_v1, meta_v1, storage_v1
from podling.controllers.attachdetach import decision


def volume(*modes):
    return core_v1.PersistentVolume(spec=core_v1.PersistentVolumeSpec(access_modes=[*modes]))


def pod(name, namespace="default", node="n", phase="Running"):
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace=namespace),
        spec=core_v1.PodSpec(node_name=node, containers=[]),
        status=core_v1.PodStatus(phase=phase),
    )


def node(*, ready="True", in_use=(), taint=""):
    return core_v1.Node(
        spec=core_v1.NodeSpec(taints=[core_v1.Taint(key=taint, effect="NoExecute")] if taint else None),
        status=core_v1.NodeStatus(
            volumes_in_use=[*in_use],
            conditions=[core_v1.NodeCondition(type="Ready", status=ready)],
        ),
    )


def test_names_are_upstreams():
    source = core_v1.CSIPersistentVolumeSource(driver="d", volume_handle="h")
    assert attachments.unique_name(source) == "kubernetes.io/csi/d^h"
    assert attachments.name_of(source, "n") == f"csi-{hashlib.sha256(b'hdn').hexdigest()}"


@pytest.mark.parametrize(("said", "must"), [(None, True), (True, True), (False, False)])
def test_volumes_are_attached_unless_the_driver_says_no(said, must):
    driver = storage_v1.CSIDriver(spec=storage_v1.CSIDriverSpec(attach_required=said))
    assert attachments.must_attach(driver) is must
    assert attachments.must_attach(None)


def test_pods_use_a_volume_from_their_placing_until_they_are_over():
    pods = [pod("a"), pod("b", node=None), pod("c", phase="Succeeded"), pod("d", node="m", phase="Pending")]
    found = decision.users(pods)
    assert {node: [each.metadata.name for each in them] for node, them in found.items()} == {
        "n": ["a"],
        "m": ["d"],
    }


@pytest.mark.parametrize(
    ("modes", "has", "now", "kept"),
    [
        (["ReadWriteMany"], ["m"], ["n", "o"], []),
        (["ReadWriteOnce", "ReadOnlyMany"], ["m"], ["n", "o"], []),
        (["ReadWriteOnce"], [], ["n"], ["o"]),
        (["ReadWriteOnce"], ["m"], [], ["n", "o"]),
        (["ReadWriteOncePod"], ["n"], [], ["o"]),
    ],
)
def test_volumes_for_one_node_are_attached_to_one(modes, has, now, kept):
    assert decision.to_attach(volume(*modes), ["o", "n"], has) == (now, kept)


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ({}, "exclusively attached to one node and can't be attached to another"),
        ({"m": [pod("a"), pod("b")]}, "used by pod(s) a, b"),
        ({"m": [pod("a", "other")]}, "used by 1 pod(s) in different namespaces"),
        ({"m": [pod("a"), pod("b", "x")]}, "used by pod(s) a and 1 pod(s) in different namespaces"),
    ],
)
def test_who_is_kept_from_a_volume_is_told_by_whom(there, why):
    told = decision.kept_from(pod("late"), "v", there)
    assert told == f'Multi-Attach error for volume "v" Volume is already {why}'


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (node(), 0),
        (node(in_use=["v"]), None),
        (node(in_use=["v"], ready="Unknown"), 360),
        (node(in_use=["v"], ready="Unknown", taint=decision.OUT_OF_SERVICE), 0),
        (None, 360),
    ],
)
def test_nothing_is_torn_from_a_node_that_is_well(found, seconds):
    assert decision.patience(found, "v") == seconds
