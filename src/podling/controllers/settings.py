"""What an administrator may want otherwise, frozen; each with unit, default and reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """Settings of all controllers.

    root_ca                   certificates (PEM) that Pods verify the API server with; published in every namespace.
    signing_key               private key (PEM) of the authority whose certificate `root_ca` is; signs certificate requests. "": none are.
    signing_seconds           longest life of such a certificate; upstream's `--cluster-signing-duration`, a year.
    terminated_pod_threshold  finished Pods that are kept; beyond it the oldest go. Upstream's default; 0 keeps all.
    missing_node_seconds      how long a node must be gone before its Pods are given up; upstream's, so that a node that is
                              registered again at once keeps its Pods.

    About HorizontalPodAutoscalers (kube-controller-manager's flags `horizontal-pod-autoscaler-...`, its defaults), in seconds
    but for the tolerance:
    autoscaler_period                     how often each is looked at (sync-period).
    autoscaler_downscale_stabilization    how long a higher recommendation keeps the size from going down.
    autoscaler_tolerance                  share by which what is measured may differ from what is wanted.
    autoscaler_cpu_initialization_period  after a Pod's start: CPU counts only once it was ready for a whole window.
    autoscaler_initial_readiness_delay    after a Pod's start: a Pod that turns unready counts as one that never was ready.

    About nodes (kube-controller-manager's flags of the same names, its defaults):
    node_monitor_period            seconds from finding a node not ready to giving it up at the earliest; by then it is known
                                   how many others were lost with it.
    node_monitor_grace_period      seconds of silence after which a node counts as lost; 40 before v1.32.
    node_startup_grace_period      the same for a node that has never said how it is.
    node_eviction_rate             nodes a second that are given up in a zone that is mostly healthy.
    secondary_node_eviction_rate   the same in a large zone that is not.
    large_cluster_size_threshold   nodes beyond which a zone is large; in an unhealthy smaller one nobody is given up.
    unhealthy_zone_threshold       share of nodes that are not ready from which on (three at least) a zone is unhealthy.
    """

    root_ca: str
    signing_key: bytes = b""
    signing_seconds: float = 365 * 24 * 3600.0
    terminated_pod_threshold: int = 12500
    missing_node_seconds: float = 40.0
    node_monitor_period: float = 5.0
    node_monitor_grace_period: float = 50.0
    node_startup_grace_period: float = 60.0
    node_eviction_rate: float = 0.1
    secondary_node_eviction_rate: float = 0.01
    large_cluster_size_threshold: int = 50
    unhealthy_zone_threshold: float = 0.55
    autoscaler_period: float = 15.0
    autoscaler_downscale_stabilization: float = 300.0
    autoscaler_tolerance: float = 0.1
    autoscaler_cpu_initialization_period: float = 300.0
    autoscaler_initial_readiness_delay: float = 30.0
