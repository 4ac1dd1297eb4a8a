"""``/configz``: the settings that the agent runs with, as far as the kubelet has them, under the names of KubeletConfiguration."""

from __future__ import annotations

from typing import Any

from podling.agent.config import AgentConfig

API_VERSION = "kubelet.config.k8s.io/v1beta1"


def render(config: AgentConfig) -> dict[str, Any]:
    return {
        "kubeletconfig": {
            "kind": "KubeletConfiguration",
            "apiVersion": API_VERSION,
            "clusterDomain": config.cluster_domain,
            "clusterDNS": list(config.cluster_dns),
            "maxPods": config.max_pods,
            "nodeLeaseDurationSeconds": config.lease_seconds,
            "nodeStatusReportFrequency": f"{config.status_seconds:g}s",
            "containerLogMaxSize": str(config.log_bytes),
            "containerLogMaxFiles": config.log_files,
        }
    }
