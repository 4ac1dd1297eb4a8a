"""A cluster of the test's own, reached by the command line; whatever the test did, ``delete`` leaves nothing."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager

import pytest
from cli_world import Cli


@contextmanager
def cluster_in(folder):
    if os.geteuid() != 0:
        pytest.skip("needs root: the command line's tests with real containers did NOT run")
    (folder / "home").mkdir()
    made = Cli(f"t-{secrets.token_hex(4)}", folder)
    yield made
    deleted = made.raw(*made.command("delete"))
    assert deleted.code == 0, deleted.err
    made.check_nothing_left()


@pytest.fixture
def cli(tmp_path):
    with cluster_in(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """One cluster for all tests of a module that leave it as they found it."""
    with cluster_in(tmp_path_factory.mktemp("standing")) as made:
        yield made
