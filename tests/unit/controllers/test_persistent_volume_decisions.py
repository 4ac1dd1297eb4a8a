"""What becomes of claims and volumes, decision by decision."""

import msgspec
import pytest

from podling.api.storage import binding
from podling.api.types import core_v1, storage_v1
from podling.controllers.persistentvolume import claims, volumes
from podling.controllers.persistentvolume.claims import Bind, Lose, Note, Provision, TakeClass, View, Wait
from podling.controllers.persistentvolume.volumes import Be, Leave, Unbind

BOUND = {"pv.kubernetes.io/bind-completed": "yes"}
OURS = {"pv.kubernetes.io/bound-by-controller": "yes"}
MADE = {"pv.kubernetes.io/provisioned-by": "p.io/disk"}
NOW = 1_700_000_000.0


def claim(*, uid="u", phase="Pending", annotations=None, **spec):
    meta = {"name": "c", "namespace": "default", "uid": uid, "annotations": annotations}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}} | spec
    return msgspec.convert(
        {"metadata": meta, "spec": spec, "status": {"phase": phase}}, core_v1.PersistentVolumeClaim
    )


def volume(name="v", *, phase="Available", uid=None, of="", annotations=None, **spec):
    ref = {"namespace": "default", "name": of, "uid": uid} if of else None
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/data"},
        "claimRef": ref,
    } | spec
    made = {
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
        "status": {"phase": phase},
    }
    return msgspec.convert(made, core_v1.PersistentVolume)


def sc(name="s", *, default=False, **fields):
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    fields = {"provisioner": "p.io/disk", "volumeBindingMode": "Immediate"} | fields
    return msgspec.convert(
        {"metadata": {"name": name, "annotations": notes}, **fields}, storage_v1.StorageClass
    )


def decided(wanted, *known, consumers=()):
    view = View(
        volumes={each.metadata.name: each for each in known if isinstance(each, core_v1.PersistentVolume)},
        classes={each.metadata.name: each for each in known if isinstance(each, storage_v1.StorageClass)},
        consumers=lambda: consumers,
    )
    return claims.decide(wanted, view)


def waits(type, reason, message):
    return Wait(Note(type, reason, message))


def test_a_claim_takes_what_fits_or_says_that_nothing_does():
    v = volume()
    assert decided(claim(), v) == Bind(v)
    assert decided(claim(), volume(phase="Released", of="gone", uid="x")) == waits(
        "Normal",
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
    )


def test_a_claim_that_asks_for_a_volume_gets_that_or_none():
    asking = claim(volumeName="v")
    assert decided(asking) == Wait()
    assert decided(asking, volume()) == Bind(volume())
    assert decided(asking, volume(of="c")) == Bind(volume(of="c"))
    small = volume(capacity={"storage": "1Mi"})
    assert decided(asking, small) == waits(
        "Warning", "VolumeMismatch", 'Cannot bind to requested volume "v": requested PV is too small'
    )
    taken = volume(of="other")
    assert decided(asking, taken) == waits(
        "Warning", "FailedBinding", 'volume "v" already bound to a different claim.'
    )
    with pytest.raises(claims.Impossible):
        decided(claim(volumeName="v", annotations=OURS), taken)


def test_a_class_decides_who_makes_a_volume_and_when():
    asking = claim(storageClassName="s")
    assert decided(asking, sc()) == Provision("p.io/disk")
    assert "'p.io/disk'" in Provision("p.io/disk").note.message
    lazy = sc(volumeBindingMode="WaitForFirstConsumer")
    first = "waiting for first consumer to be created before binding"
    assert decided(asking, lazy) == waits("Normal", "WaitForFirstConsumer", first)
    assert decided(asking, lazy, consumers=["p"]) == waits(
        "Normal", "WaitForPodScheduled", "waiting for pod p to be scheduled"
    )
    assert decided(asking, lazy, consumers=["q", "p"]) == waits(
        "Normal", "WaitForPodScheduled", "waiting for pods p,q to be scheduled"
    )
    placed = claim(storageClassName="s", annotations={"volume.kubernetes.io/selected-node": "node-1"})
    assert decided(placed, lazy) == Provision("p.io/disk")
    free = volume(storageClassName="s")
    assert decided(asking, lazy, free) == waits("Normal", "WaitForFirstConsumer", first)
    assert decided(asking, sc(), free) == Bind(free)
    assert decided(asking) == waits(
        "Warning", "ProvisioningFailed", 'storageclass.storage.k8s.io "s" not found'
    )
    assert decided(asking, sc(provisioner="kubernetes.io/no-provisioner")) == waits(
        "Warning", "ProvisioningFailed", "no volume plugin matched name: kubernetes.io/no-provisioner"
    )


def test_a_claim_without_a_word_about_its_class_takes_a_later_default():
    assert decided(claim(), sc("usual", default=True)) == TakeClass("usual")
    assert decided(claim(storageClassName=""), sc("usual", default=True)).note.reason == "FailedBinding"


@pytest.mark.parametrize(
    ("asked", "known", "reason"),
    [
        (claim(annotations=BOUND), [], "ClaimLost"),
        (claim(annotations=BOUND, volumeName="v"), [], "ClaimLost"),
        (claim(annotations=BOUND, volumeName="v"), [volume(of="other", uid="x")], "ClaimMisbound"),
    ],
    ids=["reference gone", "volume gone", "another's"],
)
def test_a_claim_that_was_bound_is_lost_with_its_volume(asked, known, reason):
    step = decided(asked, *known)
    assert isinstance(step, Lose)
    assert (step.note.type, step.note.reason) == ("Warning", reason)


def test_a_bound_claim_is_seen_to_be_bound_on_both_sides():
    for v in (volume(), volume(of="c", uid="u", phase="Bound")):
        assert decided(claim(annotations=BOUND, volumeName="v"), v) == Bind(v)


@pytest.mark.parametrize(
    ("given", "claimant", "step"),
    [
        (volume(), None, Be("Available")),
        (volume(of="c"), claim(), Be("Available")),
        (volume(of="c", uid="u"), claim(), Leave()),
        (volume(of="c", uid="u"), claim(volumeName="v"), Be("Bound")),
        (volume(of="c", uid="u", annotations=OURS), claim(volumeName="w"), Unbind()),
        (
            volume(of="c", uid="u", annotations=MADE, persistentVolumeReclaimPolicy="Delete"),
            claim(volumeName="w"),
            Be("Released"),
        ),
        (volume(of="c", uid="u", phase="Bound"), None, Be("Released")),
        (volume(of="c", uid="u", phase="Bound"), claim(uid="a new one"), Be("Released")),
    ],
    ids=[
        "free",
        "reserved",
        "half bound",
        "bound",
        "outrun",
        "made in vain",
        "claim gone",
        "claim made anew",
    ],
)
def test_a_volume_follows_its_claim(given, claimant, step):
    assert volumes.decide(given, claimant) == step


@pytest.mark.parametrize(
    ("policy", "notes", "phase", "reason"),
    [
        ("Retain", {}, "Released", ""),
        ("Delete", MADE, "Released", ""),
        ("Delete", {}, "Failed", "VolumeFailedDelete"),
        (
            "Delete",
            {"pv.kubernetes.io/provisioned-by": "kubernetes.io/aws-ebs"},
            "Failed",
            "VolumeFailedDelete",
        ),
        ("Recycle", {}, "Failed", "VolumeFailedRecycle"),
        ("Burn", {}, "Failed", "VolumeUnknownReclaimPolicy"),
    ],
)
def test_a_released_volume_is_reclaimed_as_its_policy_says(policy, notes, phase, reason):
    released = volume(
        of="c", uid="u", phase="Released", annotations=notes, persistentVolumeReclaimPolicy=policy
    )
    step = volumes.decide(released, None)
    assert step.phase == phase
    assert (step.note.reason if step.note else "") == reason


def test_both_sides_are_marked_and_only_once():
    c, v = claim(), volume()
    bound_v = binding.bound_volume(v, c)
    assert bound_v.metadata.annotations == OURS
    assert (bound_v.spec.claim_ref.kind, bound_v.spec.claim_ref.uid) == ("PersistentVolumeClaim", "u")
    bound_c = binding.bound_claim(c, bound_v)
    assert bound_c.metadata.annotations == BOUND | OURS
    assert bound_c.spec.volume_name == "v"
    assert binding.bound_volume(bound_v, bound_c) is None
    assert binding.bound_claim(bound_c, bound_v) is None
    assert v.spec.claim_ref is None and c.spec.volume_name is None


def test_what_a_user_bound_does_not_say_that_the_controller_did():
    assert binding.bound_volume(volume(of="c"), claim()).metadata.annotations is None
    assert binding.bound_claim(claim(volumeName="v"), volume()).metadata.annotations == BOUND


def test_unbinding_leaves_what_a_user_reserved():
    assert binding.unbound_volume(volume(of="c", uid="u", annotations=OURS)).spec.claim_ref is None
    reserved = binding.unbound_volume(volume(of="c", uid="u"))
    assert (reserved.spec.claim_ref.name, reserved.spec.claim_ref.uid) == ("c", None)


def test_a_claim_has_what_its_volume_gave_and_nothing_without():
    got = binding.claim_in_phase(claim(), "Bound", volume(capacity={"storage": "5Gi"}))
    assert (got.status.phase, got.status.capacity) == ("Bound", {"storage": "5Gi"})
    assert got.status.access_modes == ["ReadWriteOnce"]
    assert binding.claim_in_phase(got, "Bound", volume(capacity={"storage": "9Gi"})) is None
    lost = binding.claim_in_phase(got, "Lost")
    assert (lost.status.phase, lost.status.capacity, lost.status.access_modes) == ("Lost", None, None)


def test_a_volume_knows_since_when_it_is_in_its_phase():
    changed = binding.volume_in_phase(volume(), "Bound", "", NOW)
    assert changed.status.last_phase_transition_time == "2023-11-14T22:13:20Z"
    assert binding.volume_in_phase(changed, "Bound", "", NOW + 5) is None
