"""Which Pod has which range of the node's ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from podling.agent.errors import ConfigFault
from podling.agent.paths import Paths
from podling.agent.userids import LENGTH, claim


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def host(paths: Paths, uid: str, ranges: int = 3) -> int:
    [line] = claim(paths, uid, ranges=ranges)
    assert (line.container, line.length) == (0, LENGTH)
    return line.host


def test_no_two_pods_have_the_same_and_none_has_the_nodes_own(paths: Paths):
    assert [host(paths, uid) for uid in ("a", "b", "c")] == [LENGTH, 2 * LENGTH, 3 * LENGTH]


def test_pod_keeps_its_range(paths: Paths):
    host(paths, "a")
    second = host(paths, "b")
    assert host(Paths(paths.root), "b") == second


def test_range_is_free_when_its_pod_is_gone(paths: Paths):
    first = host(paths, "a")
    host(paths, "b")
    paths.pod("a").rmdir()
    assert host(paths, "c") == first


def test_when_all_are_taken_that_is_told(paths: Paths):
    host(paths, "a", ranges=1)
    with pytest.raises(ConfigFault, match="could not find an empty slot to allocate a user namespace"):
        claim(paths, "b", ranges=1)


def test_nothing_but_claims_is_left(paths: Paths):
    host(paths, "a")
    host(paths, "b")
    assert sorted(file.name for file in paths.user_ids.iterdir()) == ["1", "2"]
