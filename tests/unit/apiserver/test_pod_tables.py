"""The Pod's columns, case by case as in upstream's k8s.io/kubernetes/pkg/printers/internalversion/printers_test.go (TestPrintPod and others)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api import kinds, times
from podling.apiserver import tables

NOW = times.parse("2024-05-01T12:00:00Z")


def ago(seconds: float) -> str:
    return times.rfc3339(NOW - seconds)


def row(pod: dict[str, Any]) -> dict[str, Any]:
    data = msgspec.json.encode({"kind": "Pod", "apiVersion": "v1", **pod})
    table = msgspec.json.decode(tables.render(kinds.POD, [data], now=NOW, include="None"))
    (only,) = table["rows"]
    assert isinstance(only, dict)
    return only


def shown(
    status: dict[str, Any], *, containers: int = 2, init: list[dict[str, Any]] | None = None, **metadata: Any
) -> list[Any]:
    spec = {"containers": [{"name": f"c{index}"} for index in range(containers)], "initContainers": init}
    spec = {key: value for key, value in spec.items() if value is not None}
    cells = row({"metadata": {"name": "test", **metadata}, "spec": spec, "status": status})["cells"]
    return list(cells[1:4])


RUNNING: dict[str, Any] = {"ready": True, "restartCount": 3, "state": {"running": {}}}
PLAIN_INIT = [{"name": "i0"}, {"name": "i1"}]
SIDECAR_INIT = [{"name": "i0"}, {"name": "side", "restartPolicy": "Always"}]


def terminated(code: int = 0, **more: Any) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, **more}}}


def named(name: str, **status: Any) -> dict[str, Any]:
    return {"name": name, **status}


@pytest.mark.parametrize(
    ("status", "cells"),
    [
        (
            {"phase": "podPhase", "containerStatuses": [RUNNING, {"restartCount": 3}]},
            ["1/2", "podPhase", "6"],
        ),
        (
            {
                "phase": "podPhase",
                "containerStatuses": [
                    RUNNING,
                    {"state": {"waiting": {"reason": "ContainerWaitingReason"}}, "restartCount": 3},
                ],
            },
            ["1/2", "ContainerWaitingReason", "6"],
        ),
        (
            {
                "phase": "podPhase",
                "containerStatuses": [
                    RUNNING,
                    {**terminated(0, reason="ContainerTerminatedReason"), "restartCount": 3},
                ],
            },
            ["1/2", "ContainerTerminatedReason", "6"],
        ),
        (
            {
                "phase": "podPhase",
                "containerStatuses": [RUNNING, {"state": {"running": {}}, "ready": True, "restartCount": 3}],
            },
            ["2/2", "podPhase", "6"],
        ),
        ({"phase": "Pending", "reason": "Evicted"}, ["0/2", "Evicted", "0"]),
        ({"phase": "Failed", "containerStatuses": [terminated(137, signal=9)]}, ["0/2", "Signal:9", "0"]),
        ({"phase": "Failed", "containerStatuses": [terminated(3)]}, ["0/2", "ExitCode:3", "0"]),
        (
            {"phase": "Running", "containerStatuses": [RUNNING, terminated(0, reason="Completed")]},
            ["1/2", "NotReady", "3"],
        ),
        (
            {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [RUNNING, terminated(0, reason="Completed")],
            },
            ["1/2", "Running", "3"],
        ),
        (
            {"phase": "Succeeded", "containerStatuses": [terminated(0, reason="Completed")]},
            ["0/2", "Completed", "0"],
        ),
        (
            {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            },
            ["0/2", "SchedulingGated", "0"],
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 4}
                ],
            },
            ["0/2", "CrashLoopBackOff", "4"],
        ),
    ],
)
def test_containers_give_the_status(status: dict[str, Any], cells: list[str]) -> None:
    assert shown(status) == cells


@pytest.mark.parametrize(
    ("init", "statuses", "conditions", "cells"),
    [
        (PLAIN_INIT, [{}], None, ["0/2", "Init:0/2", "0"]),
        (PLAIN_INIT, [named("i0", **terminated()), {}], None, ["0/2", "Init:1/2", "0"]),
        (
            PLAIN_INIT,
            [named("i0", state={"waiting": {"reason": "PodInitializing"}})],
            None,
            ["0/2", "Init:0/2", "0"],
        ),
        (
            PLAIN_INIT,
            [named("i0", state={"waiting": {"reason": "ImagePullBackOff"}})],
            None,
            ["0/2", "Init:ImagePullBackOff", "0"],
        ),
        (
            PLAIN_INIT,
            [named("i0", **terminated(1, reason="Error"), restartCount=3)],
            None,
            ["0/2", "Init:Error", "3"],
        ),
        (PLAIN_INIT, [named("i0", **terminated(10))], None, ["0/2", "Init:ExitCode:10", "0"]),
        (PLAIN_INIT, [named("i0", **terminated(10, signal=9))], None, ["0/2", "Init:Signal:9", "0"]),
        (
            PLAIN_INIT,
            [named("i0", **terminated()), named("i1", **terminated(), restartCount=3)],
            None,
            ["1/2", "Pending", "3"],
        ),
        (
            SIDECAR_INIT,
            [
                named("i0", **terminated()),
                named("side", started=True, ready=True, restartCount=2, state={"running": {}}),
            ],
            None,
            ["2/3", "Pending", "5"],
        ),
        (
            SIDECAR_INIT,
            [named("i0", **terminated()), named("side", state={"running": {}})],
            None,
            ["0/3", "Init:1/2", "0"],
        ),
        (
            SIDECAR_INIT,
            [named("i0", **terminated()), named("side", started=False, state={"running": {}})],
            [{"type": "Initialized", "status": "True"}],
            ["1/3", "Init:1/2", "3"],
        ),
    ],
)
def test_initialization_comes_first(
    init: list[Any], statuses: list[Any], conditions: Any, cells: list[str]
) -> None:
    status: dict[str, Any] = {
        "phase": "Pending",
        "initContainerStatuses": statuses,
        "containerStatuses": [RUNNING],
    }
    if conditions:
        status["conditions"] = conditions
    assert shown(status, init=init) == cells


def test_the_last_restart_is_told() -> None:
    def ended(seconds: float) -> dict[str, Any]:
        return {
            "restartCount": 3,
            "ready": True,
            "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": ago(seconds)}},
        }

    assert shown({"phase": "Running", "containerStatuses": [ended(10), ended(20)]})[2] == "6 (10s ago)"
    assert shown({"phase": "Running", "containerStatuses": [ended(300)]}, containers=1) == [
        "1/1",
        "Running",
        "3 (5m ago)",
    ]


def test_a_restart_of_an_init_container_is_forgotten_once_it_is_over() -> None:
    init = [named("i0", **terminated(), restartCount=5)]
    status = {
        "phase": "Running",
        "initContainerStatuses": init,
        "containerStatuses": [{**RUNNING, "restartCount": 0}],
    }
    assert shown(status, init=[{"name": "i0"}], containers=1)[2] == "0"


def test_deletion_shows_unless_the_pod_is_done() -> None:
    deleted = {"deletionTimestamp": ago(1)}
    assert shown({"phase": "Running", "containerStatuses": [RUNNING]}, **deleted)[1] == "Terminating"
    assert shown({"phase": "Running", "reason": "NodeLost"}, **deleted)[1] == "Unknown"
    assert (
        shown({"phase": "Succeeded", "containerStatuses": [terminated(0, reason="Completed")]}, **deleted)[1]
        == "Completed"
    )


def test_wide_columns() -> None:
    cells = row(
        {
            "metadata": {"name": "web", "creationTimestamp": ago(200)},
            "spec": {
                "containers": [],
                "nodeName": "n1",
                "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}],
            },
            "status": {
                "phase": "Running",
                "podIPs": [{"ip": "10.42.0.5"}],
                "nominatedNodeName": "n2",
                "conditions": [{"type": "a", "status": "True"}, {"type": "b", "status": "False"}],
            },
        }
    )["cells"]
    assert cells == ["web", "0/0", "Running", "0", "3m20s", "10.42.0.5", "n1", "n2", "1/2"]


def test_an_empty_pod_can_be_shown() -> None:
    assert row({"metadata": {"name": "x"}})["cells"] == [
        "x",
        "0/0",
        "",
        "0",
        "<unknown>",
        "<none>",
        "<none>",
        "<none>",
        "<none>",
    ]


@pytest.mark.parametrize(
    ("phase", "message"),
    [("Succeeded", "The pod has completed successfully."), ("Failed", "The pod failed.")],
)
def test_ended_pods_are_marked_as_completed(phase: str, message: str) -> None:
    conditions = row({"metadata": {"name": "x"}, "status": {"phase": phase}})["conditions"]
    assert conditions == [{"type": "Completed", "status": "True", "reason": phase, "message": message}]
    assert "conditions" not in row({"metadata": {"name": "x"}, "status": {"phase": "Running"}})
