"""The reasons of the agent's Events: every one that is given is upstream's or listed as our own, and none of the usual ones is missing."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from podling import agent
from podling.agent.node.events import Told, changes
from podling.api.types import core_v1, meta_v1

FOLDER = Path(agent.__file__).parent

UPSTREAM = {
    "BackOff",
    "Created",
    "DeadlineExceeded",
    "ErrImageNeverPull",
    "EvictionThresholdMet",
    "Evicted",
    "ExceededGracePeriod",
    "Failed",
    "FailedCreatePodSandBox",
    "FailedKillPod",
    "FailedMapVolume",
    "FailedMount",
    "FailedPostStartHook",
    "FailedPreStopHook",
    "FailedToRetrieveImagePullSecret",
    "FileSystemResizeFailed",
    "FileSystemResizeSuccessful",
    "FreeDiskSpaceFailed",
    "ImageGCFailed",
    "InspectFailed",
    "InvalidDiskCapacity",
    "InvalidEnvironmentVariableNames",
    "Killing",
    "LifecycleHTTPFallback",
    "MissingClusterDNS",
    "NodeHasDiskPressure",
    "NodeHasInsufficientMemory",
    "NodeHasInsufficientPID",
    "NodeHasNoDiskPressure",
    "NodeHasSufficientMemory",
    "NodeHasSufficientPID",
    "NodeNotReady",
    "NodeNotSchedulable",
    "NodeReady",
    "NodeSchedulable",
    "Preempting",
    "ProbeWarning",
    "Pulled",
    "Pulling",
    "Rebooted",
    "ResizeCompleted",
    "ResizeDeferred",
    "ResizeError",
    "ResizeInfeasible",
    "ResizeStarted",
    "SandboxChanged",
    "Started",
    "Starting",
    "TerminateOrphanedContainer",
    "Unhealthy",
    "VolumeResizeFailed",
}
"""kubernetes pkg/kubelet/events/event.go, and what the kubelet's other packages give as they go."""
PROVISIONER = {
    "FileSystemResizeRequired",
    "Provisioning",
    "ProvisioningFailed",
    "ProvisioningSucceeded",
    "Resizing",
    "VolumeFailedDelete",
    "VolumeResizeSuccessful",
}
"""sigs.k8s.io/sig-storage-lib-external-provisioner and external-resizer, whose part the agent plays."""
OWN = {"NotIsolated", "RegistryUnavailable"}
"""What upstream's kubelet never has to say."""
USUAL = {
    *("BackOff", "Created", "Failed", "FailedCreatePodSandBox", "FailedKillPod", "FailedMount", "Killing"),
    *(
        "FailedPostStartHook",
        "FailedPreStopHook",
        "NodeReady",
        "Pulled",
        "Pulling",
        "SandboxChanged",
        "Started",
    ),
    *("Starting", "Unhealthy", "ProbeWarning", "ErrImageNeverPull", "Evicted", "NodeNotSchedulable"),
}


def strings() -> set[str]:
    """Every text in the agent that could be a reason."""
    found = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return {text for text in found if re.fullmatch(r"[A-Z][A-Za-z]+", text)}


def reasons() -> set[str]:
    """Texts that follow the type of an Event in a call."""
    found = set()
    for path in FOLDER.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            given = [arg.value if isinstance(arg, ast.Constant) else None for arg in call.args]
            for type, reason in itertools.pairwise(given):
                if type in ("Normal", "Warning") and isinstance(reason, str):
                    found.add(reason)
    return found


def test_every_reason_is_upstreams_or_listed_as_our_own():
    found = reasons()
    assert len(found) > 20
    assert found - UPSTREAM - PROVISIONER - OWN == set()


def test_none_of_the_usual_reasons_is_missing():
    assert USUAL - strings() == set()


def node(*, unschedulable=None, boot="b1", **conditions):
    return core_v1.Node(
        metadata=meta_v1.ObjectMeta(name="n"),
        spec=core_v1.NodeSpec(unschedulable=unschedulable),
        status=core_v1.NodeStatus(
            conditions=[
                core_v1.NodeCondition(type=type, status=status) for type, status in conditions.items()
            ],
            node_info=core_v1.NodeSystemInfo(boot_id=boot),
        ),
    )


NEW = core_v1.Node(metadata=meta_v1.ObjectMeta(name="n"))
WELL = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            NEW,
            node(**WELL),
            ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"],
        ),
        (node(**WELL), node(**WELL), []),
        (node(Ready="True"), node(Ready="False"), ["NodeNotReady"]),
        (node(Ready="True"), node(Ready="Unknown"), []),
        (node(Ready="Unknown"), node(Ready="True"), ["NodeReady"]),
        (node(MemoryPressure="False"), node(MemoryPressure="True"), ["NodeHasInsufficientMemory"]),
        (node(DiskPressure="False"), node(DiskPressure="True"), ["NodeHasDiskPressure"]),
        (node(), node(unschedulable=True), ["NodeNotSchedulable"]),
        (node(unschedulable=True), node(), ["NodeSchedulable"]),
        (node(), node(boot="b2"), ["Rebooted"]),
    ],
)
def test_what_is_told_of_a_node_that_changes(old, new, told):
    assert [event.reason for event in changes(old, new)] == told


def test_in_upstreams_words():
    (told,) = changes(node(Ready="False"), node(Ready="True"))
    assert told == Told("Normal", "NodeReady", "Node n status is now: NodeReady")
    (told,) = changes(node(), node(boot="b2"))
    assert told == Told("Warning", "Rebooted", "Node n has been rebooted, boot id: b2")
