"""The messages of CSI's services and of the kubelet's plugin registration, as far as this node speaks them (pure).

(Source: container-storage-interface/spec `csi.proto` v1; k8s.io/kubelet `pkg/apis/pluginregistration/v1`.)
"""

from __future__ import annotations

from podling.runtime.cri.codec import Codec

REGISTRATION = "/pluginregistration.Registration/"
NODE = "/csi.v1.Node/"
IDENTITY = "/csi.v1.Identity/"
CONTROLLER = "/csi.v1.Controller/"

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
        "GetPluginCapabilitiesRequest": {},
        "GetPluginCapabilitiesResponse": {"capabilities": "1 PluginCapability*"},
        "PluginCapability": {"service": "1 Service"},
        "Service": {"type": "1 ServiceType"},
        "ServiceType": ["UNKNOWN", "CONTROLLER_SERVICE", "VOLUME_ACCESSIBILITY_CONSTRAINTS"],
        "ControllerGetCapabilitiesRequest": {},
        "ControllerGetCapabilitiesResponse": {"capabilities": "1 ControllerServiceCapability*"},
        "ControllerServiceCapability": {"rpc": "1 ControllerRPC"},
        "ControllerRPC": {"type": "1 ControllerType"},
        "ControllerType": [
            "UNKNOWN",
            "CREATE_DELETE_VOLUME",
            "PUBLISH_UNPUBLISH_VOLUME",
            "LIST_VOLUMES",
            "GET_CAPACITY",
            "CREATE_DELETE_SNAPSHOT",
            "LIST_SNAPSHOTS",
            "CLONE_VOLUME",
            "PUBLISH_READONLY",
            "EXPAND_VOLUME",
            "LIST_VOLUMES_PUBLISHED_NODES",
            "VOLUME_CONDITION",
            "GET_VOLUME",
            "SINGLE_NODE_MULTI_WRITER",
            "MODIFY_VOLUME",
        ],
        "CapacityRange": {"required_bytes": "1 int64", "limit_bytes": "2 int64"},
        "TopologyRequirement": {"requisite": "1 Topology*", "preferred": "2 Topology*"},
        "CreateVolumeRequest": {
            "name": "1 string",
            "capacity_range": "2 CapacityRange",
            "volume_capabilities": "3 VolumeCapability*",
            "parameters": "4 map",
            "secrets": "5 map",
            "accessibility_requirements": "7 TopologyRequirement",
        },
        "CreateVolumeResponse": {"volume": "1 Volume"},
        "Volume": {
            "capacity_bytes": "1 int64",
            "volume_id": "2 string",
            "volume_context": "3 map",
            "accessible_topology": "5 Topology*",
        },
        "DeleteVolumeRequest": {"volume_id": "1 string", "secrets": "2 map"},
        "DeleteVolumeResponse": {},
        "ControllerPublishVolumeRequest": {
            "volume_id": "1 string",
            "node_id": "2 string",
            "volume_capability": "3 VolumeCapability",
            "readonly": "4 bool",
            "secrets": "5 map",
            "volume_context": "6 map",
        },
        "ControllerPublishVolumeResponse": {"publish_context": "1 map"},
        "ControllerUnpublishVolumeRequest": {
            "volume_id": "1 string",
            "node_id": "2 string",
            "secrets": "3 map",
        },
        "ControllerUnpublishVolumeResponse": {},
        "ControllerExpandVolumeRequest": {
            "volume_id": "1 string",
            "capacity_range": "2 CapacityRange",
            "secrets": "3 map",
            "volume_capability": "4 VolumeCapability",
        },
        "ControllerExpandVolumeResponse": {"capacity_bytes": "1 int64", "node_expansion_required": "2 bool"},
    }
)
