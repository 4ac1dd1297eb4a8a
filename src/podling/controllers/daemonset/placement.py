"""Which nodes a DaemonSet's Pods belong on, and how a Pod is meant for one node (pure; API reference, "DaemonSet").

Pods go through the scheduler; a required node affinity on the node's name leaves it one choice. They tolerate what would keep ordinary Pods away while a
node is in trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

from podling.api import pod as pods
from podling.api.types import apps_v1, core_v1
from podling.controllers.podcontrol import pod_from
from podling.controllers.revisions import HASH

NAME_FIELD = "metadata.name"
GENERATION = "deprecated.daemonset.template.generation"
GENERATION_LABEL = "pod-template-generation"
_TROUBLES = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_NO_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a Pod is to be made on a node, and whether one that is there may stay."""

    run: bool
    stay: bool


def fit(daemons: apps_v1.DaemonSet, node: core_v1.Node) -> Fit:
    spec = daemons.spec.template.spec or core_v1.PodSpec()
    name = node.metadata.name or ""
    if spec.node_name and spec.node_name != name:
        return Fit(run=False, stay=False)
    if not pods.allows_node(spec, name=name, labels=node.metadata.labels or {}):
        return Fit(run=False, stay=False)
    taints = (node.spec.taints if node.spec else None) or []
    tolerated = tolerations(spec)
    if pods.first_untolerated(taints, tolerated) is None:
        return Fit(run=True, stay=True)
    return Fit(run=False, stay=pods.first_untolerated(taints, tolerated, ("NoExecute",)) is None)


def tolerations(spec: core_v1.PodSpec) -> list[core_v1.Toleration]:
    """The template's own and those that every daemon has."""
    troubles = [*_TROUBLES, *([_NO_NETWORK] if spec.host_network else [])]
    ours = [core_v1.Toleration(key=key, operator="Exists", effect=effect) for key, effect in troubles]
    own = [each for each in spec.tolerations or () if each not in ours]
    return [*own, *ours]


def pod_for(daemons: apps_v1.DaemonSet, node: str, hash_: str) -> core_v1.Pod:
    """The Pod for that node."""
    pod = pod_from(daemons.spec.template, daemons)
    labels = {**(pod.metadata.labels or {}), HASH: hash_}
    generation = (daemons.metadata.annotations or {}).get(GENERATION)
    if generation is not None:
        labels[GENERATION_LABEL] = generation
    pod.metadata.labels = labels
    spec = pod.spec = pod.spec or core_v1.PodSpec()
    spec.tolerations = tolerations(spec)
    spec.affinity = spec.affinity or core_v1.Affinity()
    affinity = spec.affinity.node_affinity = spec.affinity.node_affinity or core_v1.NodeAffinity()
    named = core_v1.NodeSelectorRequirement(key=NAME_FIELD, operator="In", values=[node])
    affinity.required_during_scheduling_ignored_during_execution = core_v1.NodeSelector(
        node_selector_terms=[core_v1.NodeSelectorTerm(match_fields=[named])]
    )
    return pod


def target(pod: core_v1.Pod) -> str:
    """The node that the Pod is on or meant for; "" when it says neither."""
    spec = pod.spec or core_v1.PodSpec()
    if spec.node_name:
        return spec.node_name
    node_affinity = spec.affinity.node_affinity if spec.affinity else None
    required = node_affinity.required_during_scheduling_ignored_during_execution if node_affinity else None
    for term in required.node_selector_terms if required else ():
        for requirement in term.match_fields or ():
            if (
                requirement.key == NAME_FIELD
                and requirement.operator == "In"
                and len(requirement.values or ()) == 1
            ):
                return (requirement.values or [""])[0]
    return ""
