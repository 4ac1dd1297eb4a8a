"""What a node may take of the machine: pinned CPUs, different ones for each node while there are any, and memory."""

import pytest

from podling.cluster.caps import limits
from podling.cluster.config import ClusterConfig
from podling.cluster.errors import BadConfig
from podling.cluster.nodes import plans


def pinned(cpus: int, machine: list[int]) -> list[str | None]:
    config = ClusterConfig.new(nodes=3, node_cpus=cpus)
    return [limits(config, plan, machine).cpuset_cpus for plan in plans(config)]


def test_each_node_has_other_cpus_than_the_one_before() -> None:
    assert pinned(1, [0, 1, 2, 3]) == ["0", "1", "2"]
    assert pinned(2, [0, 1, 2, 3]) == ["0,1", "2,3", "0,1"]
    assert pinned(2, [4, 5, 7]) == ["4,5", "4,7", "5,7"]


def test_nobody_has_more_than_the_machine() -> None:
    assert pinned(0, [0, 1]) == pinned(2, [0, 1]) == pinned(64, [0, 1]) == ["0,1"] * 3


def test_memory_is_a_quantity_and_without_one_a_limit_is_lifted() -> None:
    config = ClusterConfig.new(node_memory="1536Mi")
    assert limits(config, plans(config)[0], [0]).memory_limit == 1536 << 20
    assert limits(ClusterConfig(), plans(config)[0], [0]).memory_limit == -1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"node_cpus": -1}, "--node-cpus -1: it must be 1 or more"),
        ({"node_memory": "much"}, "--node-memory 'much'"),
        ({"node_memory": "1Mi"}, "--node-memory 1Mi: it must be 32Mi or more"),
    ],
)
def test_caps_that_make_no_sense_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig) as caught:
        ClusterConfig.new(**change)
    assert words in str(caught.value)
