"""Only one process has a cluster, the kernel knows which, and a dead one leaves nothing to trip over."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from podling.cluster.claim import Holder, claim, holder
from podling.cluster.errors import AlreadyRunning
from podling.cluster.layout import Layout

HOLD = """
import sys, pathlib, os
from podling.cluster.claim import Holder, claim
from podling.cluster.layout import Layout
with claim(Layout(pathlib.Path(sys.argv[1]), "a")) as held:
    held.tell(Holder(os.getpid(), "ready", "https://127.0.0.1:1"))
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_claim_is_refused_in_words(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "a")
    with (
        claim(layout),
        pytest.raises(AlreadyRunning, match=rf"process {os.getpid()} \(starting\) has it"),
        claim(layout),
    ):
        pass
    assert holder(layout) is None


def test_what_the_holder_tells_can_be_read_until_it_dies(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "a")
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert holder(layout) == Holder(child.pid, "ready", "https://127.0.0.1:1")
        child.kill()
        child.wait()
    assert holder(layout) is None
    with claim(layout):
        pass


def test_nobody_holds_a_cluster_that_was_never_made(tmp_path: Path) -> None:
    assert holder(Layout(tmp_path, "never")) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="others' Pods pass through root's clusters alone")
def test_others_may_pass_through_and_look_at_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "a")
    layout.cluster.mkdir(mode=0o700, parents=True)
    with claim(layout):
        assert stat.S_IMODE(layout.cluster.stat().st_mode) == 0o711
        assert stat.S_IMODE(layout.lock.stat().st_mode) == 0o600
