"""What each node of a cluster is given: a name, a range, an address; and which numbers of nodes cannot be."""

from dataclasses import replace

import pytest

from podling.cluster.config import ClusterConfig
from podling.cluster.errors import BadConfig
from podling.cluster.nodes import plans


def test_each_node_has_a_range_and_answers_at_its_first_address() -> None:
    three = plans(ClusterConfig(name="a", nodes=3))
    assert [(one.name, one.pod_cidr, one.address, one.first) for one in three] == [
        ("a", "10.42.0.0/24", "10.42.0.1", True),
        ("a-2", "10.42.1.0/24", "10.42.1.1", False),
        ("a-3", "10.42.2.0/24", "10.42.2.1", False),
    ]


def test_more_nodes_change_nothing_about_those_that_are_there() -> None:
    config = ClusterConfig(name="a", node_name="host", nodes=2)
    assert plans(config) == plans(config.amended(nodes=9))[:2]


def test_the_last_range_may_be_used_and_no_more() -> None:
    config = ClusterConfig(cluster_cidr="10.60.0.0/22", nodes=4)
    assert plans(config.validate())[-1].pod_cidr == "10.60.3.0/24"
    with pytest.raises(
        BadConfig, match=r"--nodes 5: each takes 256 addresses, and 10\.60\.0\.0/22 has room for 4"
    ):
        config.amended(nodes=5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": 0}, "--nodes 0: a cluster has at least one"),
        ({"nodes": 2, "runtime": "process"}, "--nodes 2 with --runtime process"),
        ({"nodes": 2, "runtime": "simulated"}, "--nodes 2 with --runtime simulated"),
    ],
)
def test_a_number_of_nodes_that_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        ClusterConfig.new(**change)


def test_nodes_are_not_taken_away_from_what_runs_on_them() -> None:
    config = ClusterConfig(nodes=3)
    assert config.amended(nodes=None) == config
    with pytest.raises(BadConfig, match="from 3 to 2: what runs on a node would be lost; 'podling delete"):
        config.amended(nodes=2)
    assert config.amended(nodes=4) == replace(config, nodes=4)
