"""The kubelet's flags for reservations, evictions and processes, as `podling up` takes them."""

from __future__ import annotations

import pytest

from podling.agent.eviction.settings import DEFAULT
from podling.agent.eviction.thresholds import Amount, Threshold
from podling.cluster import guard
from podling.cluster.config import ClusterConfig
from podling.cluster.errors import BadConfig


def test_what_is_not_said_stays_as_it_is() -> None:
    found = guard.of(ClusterConfig())
    assert found.eviction.thresholds == DEFAULT
    assert (found.reserved, found.pod_pids) == (({}, {}), None)


def test_hard_thresholds_replace_those_by_default_and_soft_ones_join_them() -> None:
    hard = guard.of(ClusterConfig(eviction_hard="memory.available<5%")).eviction.thresholds
    assert hard == (Threshold("memory.available", Amount(part=0.05)),)
    soft = guard.of(
        ClusterConfig(eviction_soft="memory.available<1Gi", eviction_soft_grace_period="memory.available=90s")
    )
    assert soft.eviction.thresholds == (*DEFAULT, Threshold("memory.available", Amount(value=1 << 30), 90.0))


def test_reservations_are_quantities_by_resource() -> None:
    config = ClusterConfig(kube_reserved="cpu=500m,memory=1Gi", system_reserved="pid=100", pod_max_pids=64)
    found = guard.of(config)
    assert found.reserved == ({"cpu": "500m", "memory": "1Gi"}, {"pid": "100"})
    assert found.pod_pids == 64


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"eviction_hard": "moon<1"}, "cannot use --eviction-hard: unsupported eviction signal moon"),
        (
            {"eviction_soft": "memory.available<1Gi"},
            "grace period must be specified for the soft eviction threshold memory.available",
        ),
        (
            {"eviction_soft": "memory.available<1Gi", "eviction_soft_grace_period": "memory.available=soon"},
            "cannot use --eviction-soft, --eviction-soft-grace-period: time: invalid duration",
        ),
        ({"kube_reserved": "cpu"}, "cannot use --kube-reserved: cannot reserve 'cpu'"),
        ({"kube_reserved": "pods=1"}, "cannot reserve 'pods=1'"),
        ({"system_reserved": "cpu=-1"}, "resource quantity for cpu cannot be negative: -1"),
        ({"system_reserved": "cpu=much"}, "cannot use --system-reserved: "),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_flag(given: dict[str, str], words: str) -> None:
    with pytest.raises(BadConfig) as caught:
        guard.check(given)
    assert words in str(caught.value)


def test_nothing_given_is_nothing_to_refuse() -> None:
    guard.check({"eviction_hard": "", "nodes": 3})
