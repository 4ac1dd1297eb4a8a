"""Questions about Pods: resources, class of service, conditions, taints and ports as upstream answers them."""

from __future__ import annotations

import pytest

from podling.api import pod
from podling.api.types.core_v1 import (
    Container,
    ContainerPort,
    ContainerStatus,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Taint,
    Toleration,
)


def container(
    name: str = "c",
    *,
    requests: dict[str, str] | None = None,
    limits: dict[str, str] | None = None,
    sidecar: bool = False,
) -> Container:
    resources = ResourceRequirements(requests=requests, limits=limits)
    return Container(name=name, resources=resources, restart_policy="Always" if sidecar else None)


def spelled(amounts: pod.Amounts) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def test_containers_add_up() -> None:
    spec = PodSpec(
        containers=[container(requests={"cpu": "100m"}), container(requests={"cpu": "200m", "memory": "1Gi"})]
    )
    assert spelled(pod.requests(Pod(spec=spec))) == {"cpu": "300m", "memory": "1Gi"}


def test_the_largest_init_container_counts_if_larger_than_the_sum() -> None:
    spec = PodSpec(
        init_containers=[container(requests={"cpu": "2", "memory": "1Mi"}), container(requests={"cpu": "1"})],
        containers=[container(requests={"cpu": "1", "memory": "1Gi"})],
    )
    assert spelled(pod.requests(Pod(spec=spec))) == {"cpu": "2", "memory": "1Gi"}


def test_sidecars_add_to_containers_and_to_later_init_containers() -> None:
    # the example of KEP-753: I1 runs alone, I2 beside the sidecar, containers beside the sidecar
    spec = PodSpec(
        init_containers=[
            container("i1", requests={"cpu": "4"}),
            container("side", requests={"cpu": "1"}, sidecar=True),
            container("i2", requests={"cpu": "5"}),
        ],
        containers=[container("main", requests={"cpu": "2"})],
    )
    assert spelled(pod.requests(Pod(spec=spec))) == {"cpu": "6"}


def test_pod_level_resources_replace_the_sum_and_overhead_comes_on_top() -> None:
    spec = PodSpec(
        containers=[container(requests={"cpu": "1", "example.com/gpu": "1"}, limits={"cpu": "2"})],
        resources=ResourceRequirements(requests={"cpu": "3"}, limits={"memory": "1Gi"}),
        overhead={"cpu": "250m", "memory": "1Mi"},
    )
    assert spelled(pod.requests(Pod(spec=spec))) == {"cpu": "3250m", "example.com/gpu": "1", "memory": "1Mi"}
    assert spelled(pod.requests(Pod(spec=spec), overhead=False)) == {"cpu": "3", "example.com/gpu": "1"}
    assert spelled(pod.limits(Pod(spec=spec))) == {"cpu": "2250m", "memory": "1025Mi"}


def test_overhead_does_not_make_a_limit_where_there_is_none() -> None:
    spec = PodSpec(containers=[container()], overhead={"cpu": "1"})
    assert pod.limits(Pod(spec=spec)) == {}


def test_containers_that_say_nothing_can_be_counted_with_something() -> None:
    spec = PodSpec(
        containers=[container(), container(requests={"cpu": "1"}), container(requests={"cpu": "0"})]
    )
    found = pod.requests(Pod(spec=spec), missing={"cpu": "100m", "memory": "200Mi"})
    assert spelled(found) == {"cpu": "1100m", "memory": "600Mi"}


def resizing(reason: str | None) -> Pod:
    status = ContainerStatus(
        name="c", allocated_resources={"cpu": "2"}, resources=ResourceRequirements(requests={"cpu": "3"})
    )
    conditions = [PodCondition(type="PodResizePending", status="True", reason=reason)] if reason else None
    return Pod(
        spec=PodSpec(containers=[container(requests={"cpu": "4"})]),
        status=PodStatus(container_statuses=[status], conditions=conditions),
    )


def test_a_resize_counts_with_the_largest_of_wanted_granted_and_in_force() -> None:
    assert spelled(pod.requests(resizing(None), use_status=True)) == {"cpu": "4"}
    assert spelled(pod.requests(resizing(None))) == {"cpu": "4"}


def test_a_resize_that_cannot_be_does_not_count() -> None:
    assert spelled(pod.requests(resizing("Infeasible"), use_status=True)) == {"cpu": "3"}


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("spec", "qos"),
    [
        (PodSpec(containers=[container()]), "BestEffort"),
        (PodSpec(containers=[container(requests={"example.com/gpu": "1"})]), "BestEffort"),
        (PodSpec(containers=[container(requests={"cpu": "0"})]), "BestEffort"),
        (PodSpec(containers=[container(requests=FULL, limits=FULL)]), "Guaranteed"),
        (
            PodSpec(containers=[container(requests={"cpu": "1000m", "memory": "1Gi"}, limits=FULL)]),
            "Guaranteed",
        ),
        (PodSpec(containers=[container(requests=FULL, limits=FULL), container()]), "Burstable"),
        (
            PodSpec(containers=[container(requests=FULL, limits=FULL)], init_containers=[container()]),
            "Burstable",
        ),
        (PodSpec(containers=[container(limits=FULL)]), "Burstable"),
        (PodSpec(containers=[container(requests={"cpu": "1"}, limits={"cpu": "1"})]), "Burstable"),
        (
            PodSpec(containers=[container()], resources=ResourceRequirements(requests=FULL, limits=FULL)),
            "Guaranteed",
        ),
        (PodSpec(containers=[container()], resources=ResourceRequirements(requests=FULL)), "Burstable"),
    ],
)
def test_class_of_service(spec: PodSpec, qos: str) -> None:
    assert pod.qos_class(Pod(spec=spec)) == qos


def test_a_class_once_recorded_stays() -> None:
    assert (
        pod.qos_class(Pod(spec=PodSpec(containers=[container()]), status=PodStatus(qos_class="Guaranteed")))
        == "Guaranteed"
    )


def test_a_condition_keeps_its_transition_time_while_its_truth_stays() -> None:
    status = PodStatus()
    assert pod.set_condition(status, PodCondition(type="Ready", status="False", last_transition_time="t1"))
    assert pod.set_condition(
        status, PodCondition(type="Ready", status="False", reason="r", last_transition_time="t2")
    )
    assert not pod.set_condition(
        status, PodCondition(type="Ready", status="False", reason="r", last_transition_time="t3")
    )
    ready = pod.get_condition(Pod(status=status), "Ready")
    assert ready is not None
    assert ready.last_transition_time == "t1"
    assert pod.set_condition(status, PodCondition(type="Ready", status="True", last_transition_time="t4"))
    assert pod.is_ready(Pod(status=status))
    assert len(status.conditions or ()) == 1


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_ended_pods_are_terminal(phase: str) -> None:
    assert pod.is_terminal(Pod(status=PodStatus(phase=phase)))
    assert not pod.is_terminal(Pod(status=PodStatus(phase="Running")))
    assert not pod.is_terminal(Pod())


TAINT = Taint(key="k", value="v", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        (Toleration(key="k", value="v", effect="NoSchedule"), True),
        (Toleration(key="k", operator="Equal", value="v"), True),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="k", operator="Equal", value="w"), False),
        (Toleration(key="k", value="v", effect="NoExecute"), False),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(key="k", operator="Gt", value="1"), False),
    ],
)
def test_a_toleration_covers_a_taint(toleration: Toleration, *, covers: bool) -> None:
    assert pod.tolerates(toleration, TAINT) is covers


def test_numbers_may_be_compared() -> None:
    slow = Taint(key="latency", value="20", effect="NoSchedule")
    assert pod.tolerates(Toleration(key="latency", operator="Lt", value="30"), slow)
    assert not pod.tolerates(Toleration(key="latency", operator="Gt", value="30"), slow)


def test_only_taints_of_the_wanted_effect_repel() -> None:
    soft = Taint(key="s", effect="PreferNoSchedule")
    assert pod.first_untolerated([soft, TAINT], None) is TAINT
    assert pod.first_untolerated([soft, TAINT], [Toleration(key="k", operator="Exists")]) is None
    assert pod.first_untolerated([soft], None, ["PreferNoSchedule"]) is soft


def test_host_ports_of_containers_and_sidecars() -> None:
    main = Container(
        name="a", ports=[ContainerPort(container_port=80, host_port=8080), ContainerPort(container_port=81)]
    )
    side = Container(
        name="b",
        restart_policy="Always",
        ports=[ContainerPort(container_port=53, host_port=53, protocol="UDP", host_ip="10.0.0.1")],
    )
    plain = Container(name="i", ports=[ContainerPort(container_port=1, host_port=1)])
    found = pod.host_ports(Pod(spec=PodSpec(containers=[main], init_containers=[side, plain])))
    assert found == [("0.0.0.0", "TCP", 8080), ("10.0.0.1", "UDP", 53)]


def test_a_port_on_all_addresses_conflicts_with_one_on_any() -> None:
    everywhere, here = pod.HostPort("0.0.0.0", "TCP", 80), pod.HostPort("10.0.0.1", "TCP", 80)
    assert everywhere.conflicts(here)
    assert not here.conflicts(pod.HostPort("10.0.0.2", "TCP", 80))
    assert not here.conflicts(pod.HostPort("10.0.0.1", "UDP", 80))
