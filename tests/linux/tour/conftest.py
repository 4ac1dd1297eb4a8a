"""One real cluster for the whole tour; deleting it leaves nothing."""

from __future__ import annotations

import os
import secrets

import pytest
from tour_world import Cluster, Kubectl, installed


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root: the tour with kubectl and the Python client on real containers did NOT run")
    folder = tmp_path_factory.mktemp("tour")
    (folder / "home").mkdir()
    made = Cluster(f"tour-{secrets.token_hex(4)}", folder)
    try:
        made.up()
        yield made
    finally:
        left = made.delete()
    assert left == []


@pytest.fixture
def kubectl(cluster):
    """The newest kubectl of this machine."""
    programs = installed()
    if not programs:
        pytest.skip("no kubectl on this machine: the tour with it did NOT run")
    return Kubectl(list(programs.values())[-1], cluster)
