"""The messages of CSI's node service and of the kubelet's plugin registration, as far as this node speaks them (pure).

(Source: container-storage-interface/spec `csi.proto` v1; k8s.io/kubelet `pkg/apis/pluginregistration/v1`.)
"""

from __future__ import annotations

from podling.runtime.cri.codec import Codec

REGISTRATION = "/pluginregistration.Registration/"
NODE = "/csi.v1.Node/"

CODEC = Codec(
    {
        "InfoRequest": {},
        "PluginInfo": {
            "type": "1 string",
            "name": "2 string",
            "endpoint": "3 string",
            "supported_versions": "4 string*",
        },
        "RegistrationStatus": {"plugin_registered": "1 bool", "error": "2 string"},
        "RegistrationStatusResponse": {},
        "NodeGetInfoRequest": {},
        "NodeGetInfoResponse": {
            "node_id": "1 string",
            "max_volumes_per_node": "2 int64",
            "accessible_topology": "3 Topology",
        },
        "Topology": {"segments": "1 map"},
        "NodeGetCapabilitiesRequest": {},
        "NodeGetCapabilitiesResponse": {"capabilities": "1 NodeServiceCapability*"},
        "NodeServiceCapability": {"rpc": "1 RPC"},
        "RPC": {"type": "1 Type"},
        "Type": [
            "UNKNOWN",
            "STAGE_UNSTAGE_VOLUME",
            "GET_VOLUME_STATS",
            "EXPAND_VOLUME",
            "VOLUME_CONDITION",
            "SINGLE_NODE_MULTI_WRITER",
            "VOLUME_MOUNT_GROUP",
        ],
        "NodeStageVolumeRequest": {
            "volume_id": "1 string",
            "publish_context": "2 map",
            "staging_target_path": "3 string",
            "volume_capability": "4 VolumeCapability",
            "secrets": "5 map",
            "volume_context": "6 map",
        },
        "NodeStageVolumeResponse": {},
        "NodeUnstageVolumeRequest": {"volume_id": "1 string", "staging_target_path": "2 string"},
        "NodeUnstageVolumeResponse": {},
        "NodePublishVolumeRequest": {
            "volume_id": "1 string",
            "publish_context": "2 map",
            "staging_target_path": "3 string",
            "target_path": "4 string",
            "volume_capability": "5 VolumeCapability",
            "readonly": "6 bool",
            "secrets": "7 map",
            "volume_context": "8 map",
        },
        "NodePublishVolumeResponse": {},
        "VolumeCapability": {
            "block": "1 BlockVolume",
            "mount": "2 MountVolume",
            "access_mode": "3 AccessMode",
        },
        "BlockVolume": {},
        "MountVolume": {"fs_type": "1 string", "mount_flags": "2 string*", "volume_mount_group": "3 string"},
        "AccessMode": {"mode": "1 Mode"},
        "Mode": [
            "UNKNOWN",
            "SINGLE_NODE_WRITER",
            "SINGLE_NODE_READER_ONLY",
            "MULTI_NODE_READER_ONLY",
            "MULTI_NODE_SINGLE_WRITER",
            "MULTI_NODE_MULTI_WRITER",
            "SINGLE_NODE_SINGLE_WRITER",
            "SINGLE_NODE_MULTI_WRITER",
        ],
        "NodeUnpublishVolumeRequest": {"volume_id": "1 string", "target_path": "2 string"},
        "NodeUnpublishVolumeResponse": {},
    }
)
