"""What a node may take of the machine (``--node-cpus``, ``--node-memory``): the limits of its Pods' control group.

The node offers no more than that as allocatable, and the kernel holds its Pods to it all together, whatever limits they
have themselves.  CPUs are pinned rather than metered: under a quota no container could have a higher limit than its
node.  Each node is given other CPUs than the one before, for as long as there are others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from podling.runtime.cgroups import CgroupFault, CgroupTree, detect
from podling.runtime.interface import Resources

from .config import ClusterConfig
from .errors import StartFailed
from .nodes import NodePlan

_UNLIMITED = -1


def limits(config: ClusterConfig, plan: NodePlan, cpus: Sequence[int]) -> Resources:
    """The limits of one node on a machine with the CPUs of these numbers (pure)."""
    wanted = min(config.node_cpus or len(cpus), len(cpus))
    pinned = sorted(cpus[(plan.number * wanted + step) % len(cpus)] for step in range(wanted))
    return Resources(
        cpuset_cpus=",".join(map(str, pinned)), memory_limit=config.node_memory_bytes or _UNLIMITED
    )


def impose(config: ClusterConfig, plan: NodePlan, group: str) -> None:
    """Limit the Pods' group, or lift what an earlier start limited.  Blocking.  Raises ``StartFailed``."""
    tree = CgroupTree(detect(), group)
    capped = bool(config.node_cpus or config.node_memory)
    folders = [folder for name in ("cpuset", "memory") if (folder := tree.directory(name, ""))]
    if not capped and not any(folder.is_dir() for folder in folders):
        return
    try:
        tree.make("", limits(config, plan, sorted(os.sched_getaffinity(0))))
    except CgroupFault as error:
        if not capped:
            return  # where nothing can be limited, nothing was
        raise StartFailed(
            f"cannot cap node {plan.name}: {error}; where its Pods have more now, 'podling down' first"
        ) from error
