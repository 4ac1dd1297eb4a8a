"""What a CSI driver's controller is asked for a claim, and the volume that comes of it."""

import pytest

from podling.agent.csi import provisioning
from podling.agent.csi.messages import CODEC
from podling.api.storage import marks, sidecars
from podling.api.types import core_v1, meta_v1, storage_v1

KEY = "csi.storage.k8s.io/"


def claim(*modes, notes=None, **spec):
    asked = core_v1.VolumeResourceRequirements(requests={"storage": "1Gi"})
    return core_v1.PersistentVolumeClaim(
        metadata=meta_v1.ObjectMeta(name="c", namespace="ns", uid="u-1", annotations=notes),
        spec=core_v1.PersistentVolumeClaimSpec(
            access_modes=[*modes] or ["ReadWriteOnce"], resources=asked, **spec
        ),
    )


def klass(topologies=None, **parameters):
    return storage_v1.StorageClass(
        metadata=meta_v1.ObjectMeta(name="fast"),
        provisioner="d",
        parameters={key.replace("__", KEY).replace("_", "-"): value for key, value in parameters.items()},
        allowed_topologies=topologies,
    )


def made(**fields):
    return {"capacity_bytes": 0, "volume_id": "h", "volume_context": {}, "accessible_topology": []} | fields


def test_a_driver_is_told_size_use_place_and_its_own_parameters():
    request = provisioning.create_request(
        claim("ReadWriteOnce", "ReadOnlyMany"),
        klass(colour="blue", __fstype="ext4"),
        {"zone": "here"},
        apart=False,
    )
    assert (request["name"], request["parameters"]) == ("pvc-u-1", {"colour": "blue"})
    assert request["capacity_range"] == {"required_bytes": 1 << 30}
    assert [each["access_mode"]["mode"] for each in request["volume_capabilities"]] == [
        "SINGLE_NODE_WRITER",
        "MULTI_NODE_READER_ONLY",
    ]
    assert {each["mount"]["fs_type"] for each in request["volume_capabilities"]} == {"ext4"}
    assert request["accessibility_requirements"]["requisite"] == [{"segments": {"zone": "here"}}]
    assert CODEC.decode("CreateVolumeRequest", CODEC.encode("CreateVolumeRequest", request))["name"]


def test_raw_blocks_are_asked_for_as_such():
    request = provisioning.create_request(claim(volume_mode="Block"), klass(), {}, apart=True)
    (use,) = request["volume_capabilities"]
    assert use == {"block": {}, "access_mode": {"mode": "SINGLE_NODE_MULTI_WRITER"}}
    assert "accessibility_requirements" not in request


def test_the_volume_is_what_the_driver_made_where_it_can_be_reached():
    there = [{"segments": {"zone": "a", "rack": "1"}}, {"segments": {"zone": "b"}}]
    volume = provisioning.volume_of(
        claim(), klass(), made(capacity_bytes=2 << 30, volume_context={"k": "v"}, accessible_topology=there)
    )
    assert volume.spec.capacity == {"storage": str(2 << 30)}
    assert (volume.spec.csi.driver, volume.spec.csi.volume_handle) == ("d", "h")
    assert volume.spec.csi.volume_attributes == {"k": "v"}
    terms = volume.spec.node_affinity.required.node_selector_terms
    assert [[(e.key, e.values) for e in term.match_expressions] for term in terms] == [
        [("rack", ["1"]), ("zone", ["a"])],
        [("zone", ["b"])],
    ]
    assert volume.metadata.finalizers == [provisioning.FINALIZER]
    assert provisioning.volume_of(claim(), klass(), made()).spec.capacity == {"storage": str(1 << 30)}


def test_secrets_are_named_by_purpose_with_placeholders_filled_in():
    found = klass(
        __provisioner_secret_name="${pvc.name}-${pvc.annotations['team']}",
        __provisioner_secret_namespace="${pvc.namespace}",
        __secret_name="any",
        __secret_namespace="storage",
    )
    mine = claim(notes={"team": "red"})
    assert sidecars.secret_ref(mine, found, "provisioner").name == "c-red"
    volume = provisioning.volume_of(mine, found, made())
    ref = volume.spec.csi.node_stage_secret_ref
    assert (ref.namespace, ref.name) == ("storage", "any")
    deletion = provisioning.deletion_secret(volume)
    assert (deletion.namespace, deletion.name) == ("ns", "c-red")
    assert sidecars.secrets_shown(volume) <= sidecars.secrets_named(mine, found)
    assert provisioning.deletion_secret(provisioning.volume_of(claim(), klass(), made())) is None


@pytest.mark.parametrize(
    ("fields", "found", "why"),
    [
        ({}, klass(__fstype="ext4", anything="x"), ""),
        ({"selector": meta_v1.LabelSelector()}, klass(), "claim Selector is not supported"),
        ({}, klass(__nonsense="x"), "unknown parameter key"),
        (
            {"data_source": core_v1.TypedLocalObjectReference(kind="VolumeSnapshot", name="s")},
            klass(),
            "data source",
        ),
    ],
)
def test_what_cannot_be_asked_of_a_driver_is_refused(fields, found, why):
    told = provisioning.refusal(claim(**fields), found, {})
    assert why in told
    assert bool(told) == bool(why)


@pytest.mark.parametrize(("zone", "refused"), [("a", False), ("b", True)])
def test_allowed_topologies_are_kept(zone, refused):
    expression = requirement("zone", ["a"])
    found = klass(topologies=[core_v1.TopologySelectorTerm(match_label_expressions=[expression])])
    assert bool(provisioning.refusal(claim(), found, {"zone": zone})) is refused


def requirement(key, values):
    return core_v1.TopologySelectorLabelRequirement(key=key, values=values)


def test_one_node_speaks_where_any_could():
    nodes = [
        storage_v1.CSINode(
            metadata=meta_v1.ObjectMeta(name=name),
            spec=storage_v1.CSINodeSpec(drivers=[storage_v1.CSINodeDriver(name=driver, node_id=name)]),
        )
        for name, driver in (("a", "other"), ("b", "d"), ("c", "d"))
    ]
    assert [node for node in "abc" if provisioning.is_speaker("d", node, nodes)] == ["b"]


def test_only_drivers_that_ask_for_it_are_called():
    meta = meta_v1.ObjectMeta(name="d", annotations={sidecars.SWITCH: "built-in"})
    assert sidecars.is_built_in(storage_v1.CSIDriver(metadata=meta))
    assert not sidecars.is_built_in(storage_v1.CSIDriver(metadata=meta_v1.ObjectMeta(name="d")))
    assert not sidecars.is_built_in(None)


def test_claims_ask_their_provisioner_until_they_have_a_volume():
    asking = claim(notes={marks.PROVISIONER: "d"})
    assert provisioning.wanted_from(asking) == "d"
    asking.spec.volume_name = "v"
    assert provisioning.wanted_from(asking) == ""
