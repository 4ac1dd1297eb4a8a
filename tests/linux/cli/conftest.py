"""A cluster of the test's own, reached by the command line; whatever the test did, ``delete`` leaves nothing."""

from __future__ import annotations

import os
import secrets

import pytest
from cli_world import Cli


@pytest.fixture
def cli(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: the command line's tests with real containers did NOT run")
    (tmp_path / "home").mkdir()
    made = Cli(f"t-{secrets.token_hex(4)}", tmp_path)
    yield made
    deleted = made.raw(*made.command("delete"))
    assert deleted.code == 0, deleted.err
    made.check_nothing_left()
