"""Whom a critical Pod displaces on a full node, purely. (Source: kubelet `pkg/kubelet/preemption`.)"""

from __future__ import annotations

from typing import Any

from podstate_world import container, pod

from podling.agent import admission
from podling.agent.eviction.preemption import victims
from podling.api import pod as pods
from podling.api.types import core_v1

NODE = {"cpu": "4", "memory": "4Gi", "pods": "10"}
CRITICAL = 2_000_000_000


def named(name: str, cpu: str = "", memory: str = "", *, limited: bool = False, **spec: Any) -> core_v1.Pod:
    asked = {key: amount for key, amount in (("cpu", cpu), ("memory", memory)) if amount}
    given = {"requests": asked, **({"limits": asked} if limited else {})}
    made = pod(container(resources=given if asked else {}), **spec)
    made.metadata.name = made.metadata.uid = name
    return made


def displaced(newcomer: core_v1.Pod, *others: core_v1.Pod, node: dict[str, str] = NODE) -> list[str] | None:
    missing = admission.shortages(newcomer, others, node)
    found = victims(newcomer, others, missing)
    return None if found is None else [one.metadata.name or "" for one in found]


def test_nothing_is_missing_on_a_node_with_room():
    assert admission.shortages(named("new", cpu="1"), [named("a", cpu="3")], NODE) == {}
    assert displaced(named("new", cpu="1", priority=CRITICAL), named("a", cpu="3")) == []


def test_the_pod_that_comes_closest_to_what_is_missing_goes():
    others = [named("small", cpu="500m"), named("fits", cpu="1"), named("large", cpu="2500m")]
    assert displaced(named("new", cpu="1", priority=CRITICAL), *others) == ["fits"]


def test_of_equals_the_one_with_less_memory_goes():
    others = [named("fat", cpu="2", memory="2Gi"), named("thin", cpu="2", memory="1Gi")]
    assert displaced(named("new", cpu="1", priority=CRITICAL), *others) == ["thin"]


def test_several_go_when_one_is_not_enough():
    others = [named(name, cpu="1") for name in "abcd"]
    assert len(displaced(named("new", cpu="3", priority=CRITICAL), *others) or []) == 3


def test_lower_classes_of_service_go_first():
    exact = named("exact", cpu="2", memory="1Gi", limited=True)
    others = [exact, named("burst", cpu="2"), named("best")]
    assert displaced(named("new", cpu="2", priority=CRITICAL), *others) == ["burst"]
    full = {**NODE, "pods": "3"}
    assert displaced(named("new", priority=CRITICAL), *others, node=full) == ["best"]


def test_critical_pods_are_not_displaced_by_their_like_but_by_a_higher_priority():
    system = named("system", cpu="4", priority=CRITICAL)
    assert displaced(named("new", cpu="1", priority=CRITICAL), system) is None
    assert displaced(named("new", cpu="1", priority=CRITICAL + 1000), system) == ["system"]


def test_nobody_goes_if_that_would_not_be_enough():
    others = [named("a", cpu="1"), named("system", cpu="3", priority=CRITICAL)]
    assert displaced(named("new", cpu="2", priority=CRITICAL), *others) is None


def test_static_pods_are_critical():
    static = named("static")
    static.metadata.annotations = {pods.SOURCE: "file"}
    from_api = named("api")
    from_api.metadata.annotations = {pods.SOURCE: "api"}
    assert pods.is_critical(static)
    assert not pods.is_critical(from_api)
