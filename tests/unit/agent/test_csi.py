"""CSI: messages on the wire, who is taken for a driver, and what a node does by itself."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from podling.agent.csi import access, csinode, registration
from podling.agent.csi.drivers import Driver, Drivers
from podling.agent.csi.messages import CODEC
from podling.agent.errors import VolumeFault
from podling.agent.volumes import csi
from podling.runtime.cri.channel import Channel


def driver(**fields: Any) -> Driver:
    return Driver(name="d", channel=Channel("unix:///none"), node_id="n", **fields)


class TestMessages:
    def test_publish_is_spelled_as_the_specification_has_it(self):
        request = {
            "volume_id": "id",
            "target_path": "/t",
            "volume_capability": {"mount": {"fs_type": "x"}, "access_mode": {"mode": "SINGLE_NODE_WRITER"}},
            "readonly": True,
            "secrets": {"s": "1"},
            "volume_context": {"k": "v"},
        }
        parts = [
            b"\x0a\x02id",  # 1 volume_id
            b"\x22\x02/t",  # 4 target_path
            b"\x2a\x09\x12\x03\x0a\x01x\x1a\x02\x08\x01",  # 5 capability: 2 mount {1 fs_type}, 3 access mode {1 mode}
            b"\x30\x01",  # 6 readonly
            b"\x3a\x06\x0a\x01s\x12\x011",  # 7 secrets
            b"\x42\x06\x0a\x01k\x12\x01v",  # 8 volume_context
        ]
        assert CODEC.encode("NodePublishVolumeRequest", request) == b"".join(parts)

    def test_plugin_info_is_read_as_registrars_send_it(self):
        data = b"\x0a\x09CSIPlugin\x12\x01d\x1a\x02/s\x22\x051.0.0"
        assert CODEC.decode("PluginInfo", data) == {
            "type": "CSIPlugin",
            "name": "d",
            "endpoint": "/s",
            "supported_versions": ["1.0.0"],
        }

    def test_capabilities_are_read_by_their_numbers(self):
        told = CODEC.decode(
            "NodeGetCapabilitiesResponse", b"\x0a\x04\x0a\x02\x08\x01\x0a\x04\x0a\x02\x08\x06"
        )
        assert [each["rpc"]["type"] for each in told["capabilities"]] == [
            "STAGE_UNSTAGE_VOLUME",
            "VOLUME_MOUNT_GROUP",
        ]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"supported_versions": ["0.3.0", "v1.2.0"]}, ""),
        ({"type": "DevicePlugin"}, "no handler registered for plugin type: DevicePlugin at socket /s"),
        ({"name": ""}, "CSI driver name is missing"),
        ({"supported_versions": []}, "CSI driver supported versions list is empty"),
        ({"supported_versions": ["0.3.0"]}, "supports none of the versions"),
    ],
)
def test_only_drivers_that_speak_version_one_are_taken(changed: dict[str, Any], why: str):
    info = {"type": "CSIPlugin", "name": "d", "endpoint": "", "supported_versions": ["1.0.0"], **changed}
    told = registration.objection(info, Path("/s"))
    assert why in told
    assert bool(told) == bool(why)


def test_unknown_driver_is_told_in_upstreams_words():
    drivers = Drivers(Path("/staging"))
    drivers.add(driver())
    assert drivers.get("d").node_id == "n"
    drivers.remove("d")
    with pytest.raises(VolumeFault, match=r"^driver name d not found in the list of registered CSI drivers$"):
        drivers.get("d")


def test_csi_node_shows_topology_and_how_many_volumes_fit():
    shown = csinode.show(driver(topology={"b": "1", "a": "2"}, max_volumes=3))
    assert (shown.topology_keys, shown.allocatable.count) == (["a", "b"], 3)
    plain = csinode.show(driver())
    assert (plain.topology_keys, plain.allocatable) == (None, None)


def test_a_volume_is_known_by_its_pod_and_name():
    wanted = hashlib.sha256(b"uid-1data").hexdigest()
    assert csi.volume_handle("uid-1", "data") == f"csi-{wanted}"


@pytest.mark.parametrize(
    ("modes", "apart", "wanted"),
    [
        (["ReadWriteOnce"], False, "SINGLE_NODE_WRITER"),
        (["ReadWriteOncePod"], False, "SINGLE_NODE_WRITER"),
        (["ReadWriteOnce"], True, "SINGLE_NODE_MULTI_WRITER"),
        (["ReadWriteOncePod"], True, "SINGLE_NODE_SINGLE_WRITER"),
        (["ReadWriteOnce", "ReadWriteMany"], False, "MULTI_NODE_MULTI_WRITER"),
        (["ReadOnlyMany"], True, "MULTI_NODE_READER_ONLY"),
    ],
)
def test_access_modes_are_told_apart_where_the_driver_does(modes: list[str], apart: bool, wanted: str):
    assert access.access_mode(modes, apart=apart) == wanted


@pytest.mark.parametrize(
    ("policy", "fields", "given"),
    [
        (None, {}, False),
        (None, {"fs_type": "ext4"}, True),
        ("ReadWriteOnceWithFSType", {"fs_type": "ext4"}, True),
        ("ReadWriteOnceWithFSType", {}, False),
        ("File", {}, True),
        ("File", {"readonly": True}, False),
        ("None", {"fs_type": "ext4"}, False),
    ],
)
def test_the_group_policy_says_whether_the_node_gives_the_volume(
    policy: str | None, fields: dict[str, Any], given: bool
):
    assert csi.gives_group(policy, **{"fs_type": "", "readonly": False, **fields}) is given
