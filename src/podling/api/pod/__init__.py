"""Pure questions about Pods that several programs ask.

The API server, the scheduler, the controllers and the agent must agree on what a Pod needs, whether it is done and what it tolerates; here
is the one answer. Each part follows the helper of the same purpose upstream, named in its module.
"""

from __future__ import annotations

from .conditions import get_condition, is_ready, is_true, set_condition
from .containers import (
    all_containers,
    as_container,
    container_status,
    is_bound,
    is_mirror,
    is_sidecar,
    is_terminal,
    sidecars,
    target_of,
)
from .critical import SOURCE, is_critical, is_preemptable
from .node_affinity import allows_node
from .ports import ANY_ADDRESS, HostPort, host_ports
from .resources import (
    Amounts,
    QosClass,
    compute_qos_class,
    container_limits,
    container_requests,
    has_pod_level_resources,
    is_extended,
    is_pod_level,
    limits,
    qos_class,
    requests,
)
from .restarts import is_restarted, may_restart_all, restarts_all
from .taints import first_untolerated, is_tolerated, tolerates

__all__ = [
    "ANY_ADDRESS",
    "SOURCE",
    "Amounts",
    "HostPort",
    "QosClass",
    "all_containers",
    "allows_node",
    "as_container",
    "compute_qos_class",
    "container_limits",
    "container_requests",
    "container_status",
    "first_untolerated",
    "get_condition",
    "has_pod_level_resources",
    "host_ports",
    "is_bound",
    "is_critical",
    "is_extended",
    "is_mirror",
    "is_pod_level",
    "is_preemptable",
    "is_ready",
    "is_restarted",
    "is_sidecar",
    "is_terminal",
    "is_tolerated",
    "is_true",
    "limits",
    "may_restart_all",
    "qos_class",
    "requests",
    "restarts_all",
    "set_condition",
    "sidecars",
    "target_of",
    "tolerates",
]
