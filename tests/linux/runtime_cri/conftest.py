"""One containerd for all tests of the folder: it takes half a second to start, and tests make their own nodes on it."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))

from cri_world import MISSING, Containerd, shims


@pytest.fixture(scope="session")
def containerd():
    if MISSING:
        pytest.skip("containerd is not installed: tools/setup.sh dev installs it")
    folder = Path(tempfile.mkdtemp(prefix="pcri-"))
    one = Containerd(folder / "cd", cni=folder / "node" / "cni")
    one.cni = folder / "node" / "cni"
    try:
        one.start()
        yield one
        assert shims(one.folder) == []
    finally:
        one.remove()
        shutil.rmtree(folder)
